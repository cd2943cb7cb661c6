"""A job for exec that takes as long as it is told: it counts, and its cursor is the count."""

import json
import os
import signal
import sys
import time

stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))  # the worker is draining
with open(os.environ["WORKER_JOB_FILE"]) as f:
    payload = json.load(f)["payload"]
with open(os.environ["WORKER_CURSOR_FILE"]) as f:
    done = json.load(f) or 0
with os.fdopen(int(os.environ["WORKER_REPORT_FD"]), "w") as reports:
    while done < payload["steps"]:
        time.sleep(payload["pause"])
        done += 1
        reports.write(json.dumps({"cursor": done, "done": done, "total": payload["steps"], "unit": "steps"}) + "\n")
        reports.flush()
        if stop and done < payload["steps"]:
            sys.exit(75)
