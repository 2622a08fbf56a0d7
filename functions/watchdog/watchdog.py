"""The HTTP server in a Python function's image: what serve.mjs is to Node.js, with a handler in this process.

Requests run in threads, so a handler that keeps something in global variables must expect several at a time.
"""
import math
import os
import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "runtimes", "python"))
from worker import answer, load_handler  # noqa: E402

LOCK_FILE = "/tmp/.lock"
LINGER_S = 1  # callers need about so long to hear that this replica goes
DRAIN_S = 8  # Docker kills 10 s after SIGTERM
KEEP_ALIVE_S = 75  # longer than callers keep a connection that nobody uses
MAX_BODY_BYTES = 100 * 1024 * 1024
MAX_THREADS = 64  # when max_inflight sets no limit


class Refusal(Exception):
    """A request that is answered without asking the function."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, handle):
        self.handle_event = handle
        self.exec_timeout_s = duration("exec_timeout", 30) or None
        self.max_inflight = int(os.environ.get("max_inflight") or 0)
        self.pool = ThreadPoolExecutor(self.max_inflight or MAX_THREADS)
        self.is_stopping = False
        self.in_flight = 0
        self.lock = threading.Lock()
        super().__init__(("", port), Connection)

    def is_full(self):
        return 0 < self.max_inflight <= self.in_flight

    def enter(self):
        with self.lock:
            if self.is_full():
                return False
            self.in_flight += 1
            return True

    def leave(self):
        with self.lock:
            self.in_flight -= 1


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    timeout = KEEP_ALIVE_S

    def log_message(self, *_):
        pass  # the log is the function's

    def serve(self):
        started = time.monotonic()
        server = self.server
        self.close_connection = self.close_connection or server.is_stopping
        if self.path == "/_/health":
            return self.send_health(not server.is_stopping)
        if self.path == "/_/ready":
            return self.send_health(not server.is_stopping and not server.is_full())
        if not server.enter():
            self.close_connection = True  # its body was not read
            return self.send_text(429, "Concurrent request limit exceeded. Max concurrent requests: %d\n" % server.max_inflight)
        try:
            head, body = self.run()
            head["headers"]["x-duration-seconds"] = "%.6f" % (time.monotonic() - started)
            self.send(head["status"], head["headers"], body)
        except Refusal as refusal:
            self.close_connection = True
            self.send_text(refusal.status, str(refusal))
        except ValueError:  # a length that is no number
            self.close_connection = True
            self.send_text(400, "The body was not received.\n")
        finally:
            server.leave()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve

    def run(self):
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        head = {"method": self.command, "path": path, "query": query, "headers": headers}
        running = self.server.pool.submit(answer, self.server.handle_event, head, self.read_body())
        try:
            return running.result(self.server.exec_timeout_s)
        except Late:
            running.cancel()
            raise Refusal(504, "The function did not answer within exec_timeout.\n") from None

    def read_body(self):
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self.read_chunks())
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY_BYTES:
            raise Refusal(413, "The body has more than %d bytes.\n" % MAX_BODY_BYTES)
        return self.read_exactly(length)

    def read_chunks(self):
        total = 0
        while True:
            size = int(self.rfile.readline(1024).split(b";")[0], 16)
            total += size
            if total > MAX_BODY_BYTES:
                raise Refusal(413, "The body has more than %d bytes.\n" % MAX_BODY_BYTES)
            if size == 0:
                break
            yield self.read_exactly(size)
            self.rfile.readline(3)
        while self.rfile.readline(65536).strip():
            pass  # trailers

    def read_exactly(self, size):
        body = self.rfile.read(size)
        if len(body) < size:
            raise Refusal(400, "The body was not received.\n")
        return body

    def send(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            if name not in ("connection", "content-length", "keep-alive", "transfer-encoding"):
                for one in value if isinstance(value, list) else [value]:
                    self.send_header(name, str(one))
        if status >= 200 and status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        # Callers make a function wait for slow readers only when it promises to keep the connection.
        self.send_header("connection", "close" if self.close_connection else "keep-alive")
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)
        self.wfile.flush()

    def send_text(self, status, text):
        self.send(status, {"content-type": "text/plain; charset=utf-8"}, text.encode())

    def send_health(self, is_well):
        self.send_text(200 if is_well else 503, "OK" if is_well else "Not ready")


UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def duration(name, otherwise):
    """`1m30s` as Go writes it, or seconds; 0 is no limit."""
    text = os.environ.get(name)
    if not text:
        return otherwise
    if re.fullmatch(r"\d+", text):
        return int(text)
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h))+", text):
        sys.exit("%s must be a duration such as 30s or 1m30s, not %s" % (name, text))
    return math.fsum(float(count) * UNITS[unit] for count, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text))


def main():
    sys.path.insert(0, os.getcwd())
    server = Server(int(os.environ.get("port") or 8080), load_handler())
    wait_for_stop = on_stop_signal()
    if os.environ.get("state_dir"):
        os.makedirs(os.environ["state_dir"], exist_ok=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if os.environ.get("suppress_lock") != "true":
        with open(LOCK_FILE, "w"):
            pass
    print("serving on port %d" % server.server_port, file=sys.stderr, flush=True)
    wait_for_stop()
    stop(server)


def on_stop_signal():
    """A function that returns when SIGTERM or SIGINT has come, at any time from now on and to whichever thread.

    It waits on a pipe: a lock that is waited for would miss a signal that comes just before, or to another thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return lambda: os.read(reader, 1)


def stop(server):
    latest = time.monotonic() + DRAIN_S
    server.is_stopping = True
    if os.path.exists(LOCK_FILE):
        os.remove(LOCK_FILE)
    time.sleep(LINGER_S)
    server.shutdown()
    server.socket.close()  # server_close would wait for the threads of idle connections
    while server.in_flight > 0 and time.monotonic() < latest:
        time.sleep(0.02)
    sys.stdout.flush()
    os._exit(0 if server.in_flight == 0 else 1)


if __name__ == "__main__":
    main()
