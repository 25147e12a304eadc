"""The steps of every program. Each prints a line when it has succeeded."""

import json
import os
import sys
import threading

SERVER = os.environ["PATHSYNC_URL"]
TOKEN = os.environ["PATHSYNC_TOKEN"]
ROOM = os.environ["PATHSYNC_ROOM"]


def step(name):
    print(name, flush=True)


def check(ok, got):
    if not ok:
        sys.exit(f"unexpected: {got}")


def in_background(function):
    """Starts a function, and returns another one that waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()

    def wait():
        thread.join(30)
        check(results, "no result after 30 s")
        return results[0]

    return wait


def next_event(lines, name):
    """Returns the data of the next event with a name. The server writes the data of an event in one line."""
    event = None
    for line in lines:
        field, _, value = line.rstrip("\n").partition(": ")
        if field == "event":
            event = value
        elif field == "data" and event == name:
            return json.loads(value)
    sys.exit("the stream ended")
