"""A report that is renewed while its run goes on. Archives are opened for reading, and only while they are read."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from pathlib import Path

from soar.report.making import Report

LOOK_EVERY = 2.0  # seconds between two looks at the files
SHARE = 0.1  # of the time, at most, that is spent on making reports
WATCHED = ("*.sqlite", "*.sqlite-wal", "*.json", "*.jsonl")


def watch(report: Report, target: Path, pause: float = LOOK_EVERY) -> Generator[float, None, None]:
    """Write a report whenever its runs have changed; yield the CPU seconds each writing took. Ends with its caller.

    At its end, by whatever way, a last report says that it is no longer renewed.

    Args:
        report: what is written.
        target: the file.
        pause: seconds between two looks at the runs.
    """
    seen: frozenset[tuple[str, int, int]] = frozenset()
    try:
        while True:
            now = traces(report.folders)
            if now == seen:
                time.sleep(pause)
                continue
            seen, began = now, time.process_time()
            report.save(target, live=True)
            took = time.process_time() - began
            yield took
            time.sleep(max(pause, took / SHARE))
    finally:
        report.save(target)


def traces(folders: Sequence[Path]) -> frozenset[tuple[str, int, int]]:
    """Return path, size and time of change of every file that a search or a loop writes."""
    found = [file for folder in folders for pattern in WATCHED for file in folder.rglob(pattern)]
    stats = [(str(file), file.stat()) for file in found if file.exists()]
    return frozenset((name, one.st_size, one.st_mtime_ns) for name, one in stats)
