"""Hours of a search to which everything happens, against one left alone (as root: it mounts a small tmpfs):

    python experiments/soak.py --minutes 120 --output report.json

Ten tasks are searched with the embedded model. Its budget is raised whenever it is spent, until the time is over. On
the way: a stop file, a second search on the same run, a full disk, lost sandbox workers, lost processes of the model,
Ctrl-C, kill -9. In the end the archive must be sound and hold exactly the budget, no place twice; the tasks of the
reference, searched by themselves and undisturbed through the same budgets at another concurrency, must have the same
programs, outcomes and predictions; and each event must have been reported. Memory and files are measured all the
time. The report is written anew at each event; status 1 where anything was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soar
from soar.archive import Archive, ArchiveError
from soar.export import attempt_rows
from soar.search import load_run

SEARCH = """
import signal, sys
import soar
from soar.search import StopFile
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
RAISES = 10  # about so many, if the machine is as fast all the time


def command(run: Path, tasks: int, concurrency: int, stop: Path, budgets: list[int]) -> list[str]:
    """A search through the budgets (samples and, again, refinements of each task) as a command line."""
    return [sys.executable, "-c", SEARCH, *map(str, (run, tasks, concurrency, stop, *budgets))]


def completions(run: Path) -> int:
    """How many are recorded; 0 where there is no archive yet."""
    with contextlib.suppress(ArchiveError), Archive(run / "archive.sqlite") as archive:
        return archive.counts()["completions"]
    return 0


def below(parent: int) -> dict[int, str]:
    """The direct children of a process: id and command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):  # ended meanwhile; no process
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found[int(folder.name)] = (folder / "cmdline").read_text()
    return found


def memory_mb(process: int) -> float:
    """Resident memory; 0 of a process that is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


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
    return f"{len(lost)} processes killed"


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


def endure(soak: Soak, seconds: float) -> None:
    """Search until the time is over and the last budget spent, while the events happen at even distances."""
    due = [(seconds * place / (len(EVENTS) + 1), event) for place, event in enumerate(EVENTS, 1)]
    while True:
        process, since, before = soak.start(), soak.clock, completions(soak.run)
        while process.poll() is None:
            if due and soak.clock >= due[0][0] and completions(soak.run) > before:  # it is at work
                event, word = due[0][1]
                said = event(soak, process)
                soak.note(event.__name__.replace("_", " "), said)
                due = due[word in said :]  # once more, where the search ended by itself just before
            time.sleep(0.5)
        if process.stdout is not None and process.stdout.closed:  # an event ended it
            continue
        said = soak.last_words(process)
        if process.returncode != 0:
            raise RuntimeError(f"the search ended by itself with {said}")
        soak.note(f"budget of {soak.budgets[-1]} + {soak.budgets[-1]}", said)
        if soak.clock >= seconds and not due:
            return
        soak.raise_budget(soak.clock - since, completions(soak.run) - before, seconds / RAISES)


def content(run: Path, tasks: int) -> object:
    """All that a run holds of its first tasks, but times."""
    results = load_run(run)
    ids = list(itertools.islice(results, tasks))
    with Archive(run) as archive:
        rows = list(attempt_rows(archive, [results[id].task for id in ids]))
    return rows, [results[id].to_json() for id in ids]


def verdict(soak: Soak, reference: int, alone: Path) -> dict[str, Any]:
    """What there is in the end, and whether it is what it should be."""
    subprocess.run(command(alone, reference, 2, soak.stop, soak.budgets), check=True, stdout=subprocess.DEVNULL)
    with contextlib.closing(sqlite3.connect(soak.run / "archive.sqlite")) as database:
        sound = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        sound = sound and not database.execute("PRAGMA foreign_key_check").fetchall()
        places = "SELECT COUNT(*), COUNT(DISTINCT task_hash || key || '/' || position) FROM completion"
        made, distinct = database.execute(f"{places} JOIN request ON request.id = request_id").fetchone()
    results = load_run(soak.run)
    searched = len(results) - len(results.skipped)
    found = {
        "minutes": round(soak.clock / 60, 1),
        "completions": made,
        "budget": searched * 2 * soak.budgets[-1],
        "no_place_twice": made == distinct,
        "database_sound": sound,
        "tasks_compared": reference,
        "same_as_left_alone": content(soak.run, reference) == content(alone, reference),
        "events_reported_by_the_run": results.events,
        "soar": soar.__version__,
    }
    reported = {"sandbox worker replaced", "model process restarted", "search resumed", "budget raised"}
    right = made == found["budget"] and sound and made == distinct and found["same_as_left_alone"]
    return {"right": bool(right) and reported <= set(results.events), **found}


def main() -> None:
    """Write the report; end with status 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--reference", type=int, default=2, help="so many of the tasks are searched again, undisturbed")
    parser.add_argument("--every", type=float, default=30, help="seconds between two measurements")
    parser.add_argument("--output", type=Path, default=Path("soak.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        disk, over = Path(folder) / "disk", threading.Event()
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(disk)], check=True)
        soak = Soak(disk, Path(folder) / "stop", given.tasks, given.output)
        meter = threading.Thread(target=soak.measure, args=(given.every, over))
        meter.start()
        try:
            endure(soak, 60 * given.minutes)
            found = verdict(soak, given.reference, Path(folder) / "alone")
        finally:
            over.set()
            meter.join()
            if soak.process is not None:
                soak.process.kill()
                soak.process.wait()
            subprocess.run(["umount", "--lazy", str(disk)], check=True)
    soak.write(found)
    print(json.dumps(found, indent=1))
    sys.exit(0 if found["right"] else 1)


if __name__ == "__main__":
    main()
