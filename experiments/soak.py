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
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from soak_events import DISK_KB, EVENTS, Soak, command
from watching import completions

import soar
from soar.archive.export import attempt_rows
from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.evolution.results import load_run

RAISES = 10  # about so many, if the machine is as fast all the time


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
        rows = list(attempt_rows(archive, [Evaluator(results[id].task) for id in ids]))
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
