"""Sums up the last hour: remembers what sensors tell, and answers a tick of the clock with a summary."""
import json
import os
import tempfile
from datetime import datetime, timedelta, timezone

FILE = os.path.join(os.environ.get("state_dir", tempfile.gettempdir()), "readings.jsonl")
SPAN = timedelta(minutes=float(os.environ.get("span_minutes", "60")))
LARGEST_FILE = 4 * 1024 * 1024


def handle(event, context):
    if event.headers.get("ce-type", "http") in ("http", "schedule.ticked"):
        return tick(now_of(event))
    topic = event.headers.get("x-topic", "")
    remember({"topic": topic, "time": now_of(event).isoformat(), "reading": json.loads(event.body)})
    return None


def tick(now):
    entries = recent(load(), now)
    store(entries)
    return summarise(entries, now)


def summarise(entries, now):
    motions, temperatures = {}, {}
    for entry in entries:
        _, node, _, sensor = entry["topic"].split("/")[:4]
        reading = entry["reading"]
        if reading.get("motion") is True:
            motions[node] = motions.get(node, 0) + 1
        if isinstance(reading.get("celsius"), (int, float)):
            temperatures.setdefault("%s/%s" % (node, sensor), []).append(reading["celsius"])
    return {
        "from": (now - SPAN).isoformat(),
        "to": now.isoformat(),
        "motions": motions,
        "temperatures": {name: spread(values) for name, values in sorted(temperatures.items())},
    }


def spread(values):
    return {
        "least": min(values),
        "mean": round(sum(values) / len(values), 2),
        "most": max(values),
        "readings": len(values),
    }


def recent(entries, now):
    return [entry for entry in entries if now - datetime.fromisoformat(entry["time"]) <= SPAN]


def now_of(event):
    text = event.headers.get("ce-time")
    if text is None:
        return datetime.now(timezone.utc)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def load():
    try:
        with open(FILE) as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


def remember(entry):
    with open(FILE, "a") as file:
        file.write(json.dumps(entry) + "\n")
        size = file.tell()
    if size > LARGEST_FILE:  # no tick came for long: keep the newer half
        entries = load()
        store(entries[len(entries) // 2 :])


def store(entries):
    with open(FILE + ".new", "w") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)
    os.replace(FILE + ".new", FILE)
