import os
import subprocess
import sys
import time


def handle(event, context):
    name = next(iter(event.query), "")
    if event.path == "/echo":
        return event.body
    if event.path == "/slow":
        time.sleep(float(name))
        return b"slept"
    if event.path == "/hang":
        subprocess.Popen(["sleep", "1000"])
        while True:
            pass
    if event.path == "/crash":
        print("about to crash", file=sys.stderr)
        os._exit(3)
    if event.path == "/env":
        return os.environ.get(name, "")
    if event.path == "/secret":
        with open(os.path.join(os.environ["secret_mount_path"], name), "rb") as file:
            return file.read()
    if event.path == "/log":
        print(name)
        return b"logged"
    if event.path == "/pid":
        return str(os.getpid())
    raise ValueError("no such probe: " + event.path)
