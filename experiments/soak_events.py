"""A search under soak, and what happens to it; `soak.py` lets it happen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watching import below, completions, memory_mb

SEARCH = """
import signal, sys
import soar
from soar import StopFile
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background leaves it ignored
run, tasks, concurrency, stop, *budgets = sys.argv[1:]
tasks = soar.load_tasks("arc-agi-1/training")[: int(tasks)]
for budget in map(int, budgets):
    results = soar.search(tasks, "mini", run=run, samples=budget, refinements=budget, samples_per_request=8, seed=5,
                          early_stop=10**9, drop_examples=True, concurrency=int(concurrency), stop=StopFile(stop))
print(results.stopped or "budget spent")
"""
LOT = 16  # budgets are multiples of it: whole requests on every island
ROOM_KB = 200  # what the disk has left when it is about to be full
DISK_KB = 2 << 20
FIRST_BUDGET = 32


def command(run: Path, tasks: int, concurrency: int, stop: Path, budgets: list[int]) -> list[str]:
    """A search through the budgets (samples and, again, refinements of each task) as a command line."""
    return [sys.executable, "-c", SEARCH, *map(str, (run, tasks, concurrency, stop, *budgets))]


@dataclass(slots=True)
class Soak:
    """The search, and what happens to it.

    Attributes:
        disk: a tmpfs of its own; `stop`: the stop file; `tasks`: how many are searched.
        budgets: all so far.
        events: what was done, when (seconds), and what the search said.
        measured: seconds, completions, megabytes of memory (search, children) and of the archive with its log.
    """

    disk: Path
    stop: Path
    tasks: int
    report: Path
    budgets: list[int] = field(default_factory=lambda: [FIRST_BUDGET])
    events: list[dict[str, Any]] = field(default_factory=list)
    measured: list[dict[str, float]] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.disk / "run"

    @property
    def clock(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def start(self) -> subprocess.Popen[str]:
        """Start the search with the present budget."""
        line = command(self.run, self.tasks, 4, self.stop, self.budgets[-1:])
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(line, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        return self.process

    def last_words(self, process: subprocess.Popen[str]) -> str:
        """Wait for the end; return the exit status and the last thing said."""
        said = process.communicate()[0].strip().splitlines()
        return f"status {process.returncode}: {said[-1] if said else 'nothing said'}"

    def note(self, what: str, said: str) -> None:
        """Put an event on the list and write the report."""
        self.events.append({"seconds": round(self.clock), "event": what, "said": said})
        print(f"{self.clock:7.0f} s  {what}: {said}", file=sys.stderr, flush=True)
        self.write({})

    def write(self, more: dict[str, Any]) -> None:
        """Write the report."""
        found = {**more, "budgets": self.budgets, "events": self.events, "measured": self.measured}
        self.report.write_text(json.dumps(found, indent=1))

    def resize(self, kilobytes: int) -> None:
        """Give the tmpfs another size."""
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(self.disk)], check=True)

    def measure(self, seconds: float, over: threading.Event) -> None:
        """Measure every so many seconds until it is over."""
        while not over.wait(seconds):
            if self.process is None or self.process.poll() is not None:
                continue
            files = [file.stat().st_size for file in self.run.glob("archive.sqlite*")]
            self.measured.append({
                "seconds": round(self.clock),
                "completions": completions(self.run),
                "search_mb": round(memory_mb(self.process.pid), 1),
                "children_mb": round(sum(map(memory_mb, below(self.process.pid))), 1),
                "archive_mb": round(sum(files) / 1e6, 2),
            })  # fmt: skip

    def raise_budget(self, seconds: float, made: int, raise_seconds: float) -> None:
        """Raise it by about as much as the machine does in `raise_seconds`, going by the last leg."""
        more = made / max(seconds, 1) * raise_seconds / (2 * self.tasks)
        self.budgets.append(self.budgets[-1] + max(round(more / LOT), 1) * LOT)


def stop_file(soak: Soak, process: subprocess.Popen[str]) -> str:
    """The file is made, and taken away when the search has ended."""
    soak.stop.touch()
    said = soak.last_words(process)
    soak.stop.unlink()
    return said


def second_writer(soak: Soak, process: subprocess.Popen[str]) -> str:
    """The same search again, beside the first."""
    line = command(soak.run, soak.tasks, 1, soak.stop, soak.budgets[-1:])
    return soak.last_words(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))


def full_disk(soak: Soak, process: subprocess.Popen[str]) -> str:
    """The disk has a little room left, and more once the search has ended."""
    soak.resize((shutil.disk_usage(soak.disk).used >> 10) + ROOM_KB)
    said = soak.last_words(process)
    soak.resize(DISK_KB)
    return said


def lost_sandbox(soak: Soak, process: subprocess.Popen[str]) -> str:
    """All processes of the sandbox are killed."""
    return _kill(process, lambda line: "models.worker" not in line)


def lost_model(soak: Soak, process: subprocess.Popen[str]) -> str:
    """All processes of the model are killed."""
    return _kill(process, lambda line: "models.worker" in line)


def ctrl_c(soak: Soak, process: subprocess.Popen[str]) -> str:
    """Ctrl-C, once."""
    process.send_signal(signal.SIGINT)
    return soak.last_words(process)


def kill(soak: Soak, process: subprocess.Popen[str]) -> str:
    """kill -9."""
    process.kill()
    return soak.last_words(process)


def _kill(process: subprocess.Popen[str], chosen: Callable[[str], bool]) -> str:
    lost = [pid for pid, line in below(process.pid).items() if chosen(line)]
    for pid in lost:
        os.kill(pid, signal.SIGKILL)
    return f"{len(lost)} processes killed" if lost else "none was there to be killed"


# What is done, and a word of what must be said then.
EVENTS = (
    (stop_file, "stop file"),
    (second_writer, "is being written to by another search"),
    (full_disk, "disk is full"),
    (lost_sandbox, "processes killed"),
    (lost_model, "processes killed"),
    (ctrl_c, "Ctrl-C"),
    (kill, "status -9"),
    (lost_sandbox, "processes killed"),
    (full_disk, "disk is full"),
)
