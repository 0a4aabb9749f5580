"""Teachers hand out the samples of real searches: how many completions until as many tasks are solved?

    python experiments/benchmarks/live.py --seed 20 --teacher prospects --teacher record      # or --only-report

Protocol and results: docs/curriculum.md. The fixed budget comes first: 32 samples for each of 190 tuning tasks of
ARC-AGI-1. Then each teacher searches until as many tasks are solved on their examples, or its whole budget is spent.
Kill it at any time and give the same command again. `--replays` plays all teachers on what the fixed budget recorded.

Writes results/live.json beside it, and its tables into docs/curriculum.md. A minute or two an arm on two idle cores.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "evidence")]

from bench import ROOT, put
from replay import Samples, played, recorded

import soar
from soar.core.seeding import keyed_rng
from soar.curriculum import TEACHERS, Known, make_teacher, task_features
from soar.evolution.results import SearchResults, load_run
from soar.evolution.slices import readable_by_mini
from soar.evolution.snapshot import Snapshot
from soar.tasks.sets import TaskSet

RESULTS = Path(__file__).parent / "results" / "live.json"
RUNS = Path("runs/live")
PAGE = ROOT / "docs" / "curriculum.md"
EACH = 32
LEFT_OUT = ("rps", "eps", "ttc")


@dataclass(frozen=True, slots=True)
class Solved(soar.Stopper):
    """Stops once so many tasks are solved on their examples."""

    goal: int

    def reason(self, snapshot: Snapshot) -> str | None:
        """Return that it is so."""
        return f"{self.goal} tasks are solved" if snapshot.solved_examples >= self.goal else None


def tasks() -> TaskSet:
    """Return the tuning tasks of docs/evidence.md."""
    return readable_by_mini(soar.load_tasks("arc-agi-1/training"))[200:390]


def searched(found: TaskSet, seed: int, budget: Any, goal: int | None) -> dict[str, Any]:
    """Search until the goal is reached; return completions and who is solved, by the examples and by the vote."""
    begun = _cpu()
    results = soar.search(
        found, run=RUNS / str(seed) / budget.replace(":", "-"), seed=seed, samples=EACH, refinements=0, budget=budget,
        stop=None if goal is None else Solved(goal), progress=True,
    )  # fmt: skip
    assert isinstance(results, SearchResults)
    solved = [id for id, one in results.items() if any(x.solves_examples and x.eligible for x in one.attempts)]
    return {
        "completions": results.summary.completions,
        "solved": solved,
        "by vote": sum(bool(one.solved) for one in results.values()),
        "cpu seconds": round(_cpu() - begun, 1),
    }


def _cpu() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def replayed(run: Path, resamples: int) -> dict[str, list[float]]:
    """Return the share of 16 samples a task that each teacher needs to solve as many, on the 32 that are recorded."""
    samples, lengths = recorded(run)
    by_hash = {result.task.content_hash: result.task for result in load_run(run).values() if result.skipped is None}
    vectors = [task_features(task) for task in by_hash.values()]
    names = [name for name in TEACHERS if name not in LEFT_OUT]
    found: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(resamples):
        rng = keyed_rng("resample", seed)
        chosen = rng.integers(len(samples), size=len(samples)).tolist()
        table: dict[str, Samples] = {f"{i}": rng.permutation(samples[task]) for i, task in enumerate(chosen)}
        order = np.argsort(np.argsort([lengths[task] for task in chosen], kind="stable"), kind="stable")
        difficulty = {task: float(rank) / len(table) for task, rank in zip(table, order, strict=True)}
        features = {task: vectors[place] for task, place in zip(table, chosen, strict=True)}
        known = Known(list(table), difficulty, features=features, share=EACH // 2)
        goal = sum(bool((mine[: EACH // 2] == 1).any()) for mine in table.values())
        for name in names:
            used = played(make_teacher(name, known), table, goal, seed)
            found[name].append(round(used / (EACH // 2 * len(table)), 4))
    return found


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return a row per arm: seeds side by side."""
    arms = dict.fromkeys(arm for one in found["searches"].values() for arm in one)
    table = []
    for arm in arms:
        cells = [(one["fixed"], one[arm]) for one in found["searches"].values() if arm in one]
        share = [f"{made['completions'] / fixed['completions']:.2f}" for fixed, made in cells]
        lost = [f"{len(set(fixed['solved']) - set(made['solved']))}" for fixed, made in cells]
        solved = [f"{len(made['solved'])}" for _, made in cells]
        vote = [str(made["by vote"]) for _, made in cells]
        cpu = [f"{1000 * made['cpu seconds'] / made['completions']:.0f}" for _, made in cells]
        table.append([arm, *(" · ".join(one) for one in (share, solved, lost, vote, cpu))])
    return table


def main(
    seed: Annotated[int, typer.Option(help="Of the searches.")] = 20,
    teacher: Annotated[list[str] | None, typer.Option(help="Searches after the fixed budget; several.")] = None,
    replays: Annotated[int, typer.Option(help="Resamples of the replay of all teachers; 0: none.")] = 0,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write results and tables."""
    found: dict[str, Any] = {"searches": {}, "replays": {}}
    if RESULTS.exists():
        found = json.loads(RESULTS.read_text())
    mine = found["searches"].setdefault(str(seed), {})
    for arm in () if only_report else ("fixed", *(f"teacher:{name}" for name in teacher or ())):
        if arm not in mine:
            goal = None if arm == "fixed" else len(mine["fixed"]["solved"])
            mine[arm] = searched(tasks(), seed, arm, goal)
            RESULTS.write_text(json.dumps(found) + "\n")
    if replays:
        found["replays"] = replayed(RUNS / str(seed) / "fixed", replays)
        RESULTS.write_text(json.dumps(found) + "\n")
    header = ["completions, share of fixed", "solved", "lost of fixed", "solved by the vote", "CPU ms each"]
    put("live", ["budget", *header], rows(found), PAGE)
    means = sorted((float(np.mean(shares)), name) for name, shares in found["replays"].items())
    put("live-replay", ["teacher", "share"], [[name, f"{share:.2f}"] for share, name in means], PAGE)


if __name__ == "__main__":
    typer.run(main)
