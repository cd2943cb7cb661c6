#!/usr/bin/env python3
"""Write an inventory of a tree of files: path, size, SHA-256 and number of lines of each.

A program for the worker's processor "exec"; README.md says how to use it. It needs Python 3.9 and
nothing else. It goes through the tree folder by folder, in an order that does not change, and reports a
checkpoint after each one.
"""

import hashlib
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

# sysexits.h
EX_DATAERR = 65  # the payload is wrong: no use in trying again
EX_NOINPUT = 66  # nor is there without the folder
EX_TEMPFAIL = 75  # go on later from the last checkpoint


@dataclass
class Cursor:
    """Where to go on: after a folder, at the end of what an epoch's holder of the job has written."""

    after: list  # parts of the path of the last folder that is done
    epoch: int
    size: int  # bytes of that epoch's output that count
    files: int


class BadJob(Exception):
    """The job cannot succeed, now or later."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


class Stop:
    """Becomes true at SIGTERM: the worker is draining."""

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_):
        self.asked = True

    def __bool__(self):
        return self.asked


def main():
    stop = Stop()
    with open(os.environ["WORKER_JOB_FILE"]) as f:
        job = json.load(f)
    with open(os.environ["WORKER_CURSOR_FILE"]) as f:
        cursor = json.load(f)
    with os.fdopen(int(os.environ["WORKER_REPORT_FD"]), "w") as reports:
        try:
            return run(job, cursor and Cursor(**cursor), reports, stop)
        except BadJob as e:
            print(e, file=sys.stderr)
            return e.status


def run(job, cursor, reports, stop):
    root, spool, suffix = read_payload(job)
    spool.mkdir(parents=True, exist_ok=True)
    output, cursor = resume(spool, job["epoch"], cursor)
    with output:
        for parts, names in folders(root, cursor.after):
            if stop:
                return EX_TEMPFAIL
            for name in names:
                if name.endswith(suffix):
                    output.write(json.dumps(describe(root, parts, name)).encode() + b"\n")
                    cursor.files += 1
            output.flush()
            os.fsync(output.fileno())  # durable before the checkpoint
            cursor.after, cursor.size = parts, output.tell()
            report(reports, cursor=asdict(cursor), done=cursor.files, unit="files")
    return 0


def read_payload(job):
    """Returns the folder to go through, the folder to write to and the suffix of the files that count."""
    payload = job["payload"]
    if not isinstance(payload, dict):
        raise BadJob(EX_DATAERR, 'payload: want an object such as {"directory": "/srv/data"}')
    unknown = payload.keys() - {"directory", "output", "suffix"}
    if unknown:
        raise BadJob(EX_DATAERR, f"payload: unknown: {', '.join(sorted(unknown))}")
    default = os.path.join(tempfile.gettempdir(), "inventory", job["id"])
    directory, output, suffix = payload.get("directory"), payload.get("output", default), payload.get("suffix", "")
    for name, value in ("directory", directory), ("output", output):
        if not isinstance(value, str) or not os.path.isabs(value):
            raise BadJob(EX_DATAERR, f"payload: {name}: {json.dumps(value)} is not an absolute path")
    if not isinstance(suffix, str):
        raise BadJob(EX_DATAERR, f"payload: suffix: {json.dumps(suffix)} is not a string")
    if not os.path.isdir(directory):
        raise BadJob(EX_NOINPUT, f"payload: directory: {directory} is not a folder on this machine")
    return directory, Path(output), suffix


def resume(spool, epoch, cursor):
    """Opens this epoch's output, with what counts of the one before.

    Each holder of the job writes to a file of its own: one that has lost the job without knowing cannot
    spoil what the next one writes, and what it has written before its last checkpoint stays as it is.
    """
    output = open(spool / f"inventory.{epoch}.jsonl", "wb")
    if cursor:
        before = spool / f"inventory.{cursor.epoch}.jsonl"
        try:
            with open(before, "rb") as f:
                copy_start(f, output, cursor.size)
            cursor.epoch = epoch
            return output, cursor
        except FileNotFoundError:
            print(f"{before} is not on this machine: starting over", file=sys.stderr)
    return output, Cursor(after=None, epoch=epoch, size=0, files=0)


def copy_start(source, target, size):
    missing = size
    while missing and (block := source.read(min(missing, 1 << 20))):
        target.write(block)
        missing -= len(block)
    if missing:
        raise OSError(f"{source.name} has {missing} bytes less than the cursor says")


def folders(root, after, parts=()):
    """Gives the folders that come after the folder `after`, each before those in it, with their files.

    Names are sorted, so the order is that of the paths' parts. Links are not followed.
    """
    path = os.path.join(root, *parts)
    try:
        entries = sorted(os.scandir(path), key=lambda e: e.name)
    except OSError as e:
        if not parts:
            raise
        print(f"{path}: {e.strerror}: left out", file=sys.stderr)
        entries = []
    here = list(parts)
    if after is None or here > after:
        yield here, [e.name for e in entries if e.is_file(follow_symlinks=False)]
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            below = here + [entry.name]
            if after is None or below > after or after[: len(below)] == below:
                yield from folders(root, after, below)


def describe(root, parts, name):
    path = "/".join([*parts, name])
    digest, size, lines = hashlib.sha256(), 0, 0
    try:
        with open(os.path.join(root, path), "rb") as f:
            while block := f.read(1 << 20):
                digest.update(block)
                size += len(block)
                lines += block.count(b"\n")
    except OSError as e:
        return {"path": path, "error": e.strerror}
    return {"path": path, "bytes": size, "sha256": digest.hexdigest(), "lines": lines}


def report(reports, **what):
    reports.write(json.dumps(what) + "\n")
    reports.flush()


if __name__ == "__main__":
    sys.exit(main())
