"""Runs a handler written for OpenFaaS's Python templates, request after request, in one warm process.

    def handle(event, context):                                   # python3-http
        return {"statusCode": 200, "body": "hello"}

    def handle(req):                                              # python3
        return req

The agent speaks frames on file descriptor 3: two lengths (32 bit, big-endian), a JSON head, the body. Standard output
and standard error are the function's log. The end of descriptor 3 is the end of the agent, and of this process.
"""
import inspect
import json
import os
import struct
import sys
import traceback
from urllib.parse import parse_qsl

CHANNEL = 3
PREFIX = struct.Struct(">II")


class Event:
    def __init__(self, head, body):
        self.body = body
        self.headers = head["headers"]
        self.method = head["method"]
        self.path = head["path"]
        self.query = dict(parse_qsl(head["query"], keep_blank_values=True))


class Context:
    def __init__(self):
        self.hostname = os.uname().nodename


def main():
    os.set_inheritable(CHANNEL, False)  # else a child of the handler would keep the channel open
    sys.path.insert(0, os.getcwd())
    handle = load_handler()
    send({"ready": True}, b"")
    while True:
        request = receive()
        if request is None:
            os._exit(0)  # the agent is gone, and threads of the handler must not keep us
        send(*answer(handle, *request))


def load_handler():
    import handler  # the file handler.py of the working folder

    function = handler.handle
    if len(inspect.signature(function).parameters) == 1:
        return lambda event, _context: function(as_text(event.body))
    return function


def answer(handle, head, body):
    try:
        return encode(handle(Event(head, body), Context()))
    except Exception as error:  # the worker lives on; SystemExit and the like end it
        traceback.print_exc()
        return {"status": 500, "headers": {"content-type": "text/plain; charset=utf-8"}}, repr(error).encode()


def encode(result):
    status, headers, value = 200, {}, result
    if isinstance(result, dict) and "statusCode" in result:
        status = result["statusCode"]
        headers = {name.lower(): text for name, text in (result.get("headers") or {}).items()}
        value = result.get("body")
    body, content_type = to_bytes(value)
    return {"status": status, "headers": {"content-type": content_type, **headers}}, body


def to_bytes(value):
    if value is None:
        return b"", "text/plain; charset=utf-8"
    if isinstance(value, (bytes, bytearray)):
        return bytes(value), "application/octet-stream"
    if isinstance(value, str):
        return value.encode(), "text/plain; charset=utf-8"
    return json.dumps(value).encode(), "application/json"


def as_text(body):
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def receive():
    prefix = read(PREFIX.size)
    if prefix is None:
        return None
    head_bytes, body_bytes = PREFIX.unpack(prefix)
    frame = read(head_bytes + body_bytes)
    if frame is None:
        return None
    return json.loads(frame[:head_bytes]), bytes(frame[head_bytes:])


def read(size):
    buffer = bytearray(size)
    view = memoryview(buffer)
    done = 0
    while done < size:
        chunk = os.read(CHANNEL, min(size - done, 1 << 20))
        if not chunk:
            return None
        view[done : done + len(chunk)] = chunk
        done += len(chunk)
    return buffer


def send(head, body):
    text = json.dumps(head).encode()
    view = memoryview(PREFIX.pack(len(text), len(body)) + text + body)
    while view:
        view = view[os.write(CHANNEL, view) :]


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the agent is gone
