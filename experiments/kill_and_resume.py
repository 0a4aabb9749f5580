"""Kill a search at random moments, start it again each time, and compare: python experiments/kill_and_resume.py

A search over real tasks with the embedded model is killed (SIGKILL) at 20 moments spread over its life, and its start
as well, and the same call is made again after each. Then: every budgeted completion is there, none twice, and programs,
outcomes, parents and predictions are those of a search that was left alone, and of one at another concurrency.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from watching import completions

import soar
from soar.archive.export import attempt_rows
from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.evolution.results import load_run

SEARCH = """
import sys
import soar
run, first, count, samples, refinements, concurrency, budget = sys.argv[1:]
tasks = soar.load_tasks("arc-agi-1/training")[int(first) : int(first) + int(count)]
soar.search(tasks, "mini", run=run, samples=int(samples), refinements=int(refinements), samples_per_request=8,
            concurrency=int(concurrency), budget=budget, drop_examples=True, seed=11)
"""


def command(run: Path, given: argparse.Namespace, concurrency: int) -> list[str]:
    """The search as a command line."""
    options = (given.first, given.tasks, given.samples, given.refinements, concurrency, given.budget)
    return [sys.executable, "-c", SEARCH, str(run), *map(str, options)]


def kill_again_and_again(run: Path, given: argparse.Namespace, total: int) -> list[int]:
    """Kill the search `given.kills` times; return how many completions there were after each."""
    rng = random.Random(given.seed)
    seen = []
    for threshold in sorted(rng.randrange(total) for _ in range(given.kills)):
        process = subprocess.Popen(command(run, given, 4))
        while process.poll() is None and completions(run) < threshold:
            time.sleep(0.02)
        # Where so many were there before, this hits the start: interpreter, sandbox, model, archive, replay.
        time.sleep(rng.random() * 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.append(completions(run))
        print(f"killed with {seen[-1]} of {total} completions", file=sys.stderr, flush=True)
    return seen


def everything(run: Path) -> tuple[list[dict[str, Any]], Any]:
    """All that a run holds but times: a row per completion, and the results."""
    results = load_run(run)
    with Archive(run) as archive:
        rows = list(attempt_rows(archive, [Evaluator(result.task) for result in results.values()]))
    return rows, results.to_json()


def main() -> None:
    """Print what was found as JSON; end with status 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"kills": 20, "first": 0, "tasks": 20, "samples": 24, "refinements": 24, "seed": 0}
    for name, usual in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--budget", choices=["fixed", "adaptive"], default="fixed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone, narrow, killed = (Path(folder) / name for name in ("alone", "narrow", "killed"))
        for run, concurrency in ((alone, 4), (narrow, 1)):
            subprocess.run(command(run, given, concurrency), check=True)
        total = completions(alone)
        seen = kill_again_and_again(killed, given, total)
        subprocess.run(command(killed, given, 4), check=True)
        rows, result = everything(killed)
        undisturbed = everything(alone)
        found = {
            "kills": len(seen),
            "completions_at_each_kill": seen,
            "completions": len(rows),
            "budget": (given.tasks - len(load_run(killed).skipped)) * (given.samples + given.refinements),
            "no_duplicates": len({(row["task_hash"], row["key"]) for row in rows}) == len(rows),
            "same_as_undisturbed": (rows, result) == undisturbed,
            "same_at_another_concurrency": everything(narrow) == undisturbed,
            "soar": soar.__version__,
        }
    print(json.dumps(found, indent=1))
    right = (
        found["completions"] <= found["budget"]
        and found["no_duplicates"]
        and found["same_as_undisturbed"]
        and found["same_at_another_concurrency"]
    )
    sys.exit(0 if right and len(rows) == total else 1)


if __name__ == "__main__":
    main()
