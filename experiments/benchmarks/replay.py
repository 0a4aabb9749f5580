"""Teachers hand out the samples of a search: replayed on recorded ones.

    soar search arc-agi-1/training --samples 64 --refinements 0 --run RUN
    python experiments/benchmarks/replay.py RUN [RUN ...]      # or --only-report

Samples of a task are exchangeable, so any teacher can be played on recorded ones, in many orders, without a model. It
is told for each sample the share of the examples that it solves. How many completions does it need until as many tasks
are solved on their examples as 32 samples for each would solve? The share of these 32 is the figure; the interval
comes from resampling tasks, a different order each time. "solvable known" hands out to the tasks that 64 samples solve.

Writes results/replay.json beside it, and its table into docs/curriculum.md. Some minutes a run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "evidence"))

from bench import ROOT, put

from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.core.seeding import keyed_rng
from soar.curriculum import Known, Prospects, Teacher, Uniform, make_teacher, plan_step
from soar.curriculum.difficulty import estimate
from soar.evolution.results import load_run

RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "curriculum.md"
EACH, DRAWS, LOT = 32, 8, 4  # samples a task of the fixed budget; tasks of a step, samples a task of it
MAKE: dict[str, Callable[[Known], Teacher]] = {
    "prospects": lambda known: make_teacher("prospects", known),
    "prospects, first 8": lambda known: Prospects(dict(known.difficulty or {}), first=8),
    "prospects, no prior": lambda known: Prospects(dict.fromkeys(known.tasks, 0.0)),
    "record": lambda known: make_teacher("record", known),
    "uniform": lambda known: Uniform(known.tasks),
}
BOUND = "solvable known"
Samples = NDArray[np.float64]  # of one task: for each the share of the examples solved, 0 if not eligible


def recorded(run: Path) -> tuple[list[Samples], list[int]]:
    """Return the samples of each task of a run, and the length of its examples."""
    tasks = {result.task.content_hash: result.task for result in load_run(run).values() if result.skipped is None}
    with Archive(run) as archive:
        attempts = [list(archive.attempts(Evaluator(task))) for task in tasks.values()]
    lengths = [estimate(task, ()).length for task in tasks.values()]
    return [np.array([one.train_accuracy if one.eligible else 0.0 for one in mine]) for mine in attempts], lengths


def played(teacher: Teacher, samples: Mapping[str, Samples], goal: int, seed: int) -> int:
    """Return the completions after which `goal` tasks are solved; all that there are, if they never are."""
    used, step = dict.fromkeys(samples, 0), 0
    solved: set[str] = set()
    most = sum(map(len, samples.values()))
    while len(solved) < goal and sum(used.values()) < most and step < most:
        plan = plan_step(teacher, keyed_rng("replay", seed, step), tasks=DRAWS, rollouts=DRAWS * LOT)
        for task, count in plan.items():
            brought = samples[task][used[task] : used[task] + count]
            used[task] += len(brought)
            teacher.update(task, brought.tolist() or [0.0])  # nothing is left of it: it brings nothing more
            if (brought == 1).any():
                solved.add(task)
        step += 1
    return sum(used.values()) if len(solved) >= goal else most


def measure(run: Path, resamples: int) -> dict[str, Any]:
    """Return the share of the fixed budget that each teacher needs, in each resample."""
    samples, lengths = recorded(run)
    found: dict[str, list[float]] = {name: [] for name in (*MAKE, BOUND)}
    for seed in range(resamples):
        rng = keyed_rng("resample", seed)
        chosen = rng.integers(len(samples), size=len(samples)).tolist()
        table = {f"{place}": rng.permutation(samples[task]) for place, task in enumerate(chosen)}
        order = np.argsort(np.argsort([lengths[task] for task in chosen], kind="stable"), kind="stable")
        known = Known(list(table), {task: float(rank) / len(table) for task, rank in zip(table, order, strict=True)})
        goal = sum(bool((mine[:EACH] == 1).any()) for mine in table.values())
        for name, make in MAKE.items():
            found[name].append(round(played(make(known), table, goal, seed) / (EACH * len(table)), 4))
        reach = {task: mine for task, mine in table.items() if (mine == 1).any()}
        bound = played(Prospects(dict.fromkeys(reach, 0.0), first=4), reach, goal, seed) if goal else 0
        found[BOUND].append(round(bound / (EACH * len(table)), 4))
    solved = [bool((mine == 1).any()) for mine in samples]
    return {"tasks": len(samples), "solved by 64": sum(solved), "shares": found}


def rows(found: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return a row per teacher, a column per run."""
    names = next(iter(found.values()))["shares"]
    return [[name, *(_cell(one["shares"][name]) for one in found.values())] for name in names]


def _cell(shares: Sequence[float]) -> str:
    low, high = np.percentile(shares, [2.5, 97.5])
    return f"{np.mean(shares):.2f} [{low:.2f}, {high:.2f}]"


def main(
    runs: Annotated[list[Path] | None, typer.Argument(help="Runs of 64 samples a task.")] = None,
    resamples: Annotated[int, typer.Option(help="Of the tasks.")] = 30,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure; write results and table."""
    path = RESULTS / "replay.json"
    if not only_report:
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps({run.name: measure(run, resamples) for run in runs or []}) + "\n")
    found = json.loads(path.read_text())
    header = ["teacher", *(f"{name}: {one['tasks']} tasks" for name, one in found.items())]
    put("replay", header, rows(found), PAGE)


if __name__ == "__main__":
    typer.run(main)
