"""Reports in the server's log when the server was silent, and why: what it was doing, and how much processor time it got."""

import asyncio
import logging
import os
import sys
import threading
import time
import traceback

SILENCE = 2  # seconds that are worth a report
BEAT = 0.1  # seconds between two signs of life

log = logging.getLogger("localaws")


class Watch:
    """Measures the pauses of an event loop. A thread looks meanwhile where the loop stands."""

    def __init__(self):
        self.at, self.stack = time.monotonic(), ""
        self.main = threading.get_ident()

    async def beat(self):
        cpu = time.process_time()
        while True:
            now, used = time.monotonic(), time.process_time()
            if now - self.at >= SILENCE:
                log.warning("silent for %.1f s, with %.1f s of processor time, at a load of %.1f; it stood at\n%s",
                            now - self.at, used - cpu, os.getloadavg()[0], self.stack or "nothing: the whole process did not run")
            self.at, self.stack, cpu = now, "", used
            await asyncio.sleep(BEAT)

    def look(self):
        while True:
            time.sleep(SILENCE / 2)
            if time.monotonic() - self.at >= SILENCE / 2 and not self.stack:
                self.stack = "".join(traceback.format_stack(sys._current_frames()[self.main])[-8:])


async def watched(serving):
    """Await serving, and report each silence of the loop meanwhile."""
    watch = Watch()
    threading.Thread(target=watch.look, daemon=True).start()
    beating = asyncio.ensure_future(watch.beat())
    try:
        await serving
    finally:
        beating.cancel()
