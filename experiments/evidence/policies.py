"""What could handing samples to the right tasks save? Policies replayed on samples that are already drawn.

    python experiments/evidence/mini.py samples    # first: 128 samples for each training task
    python experiments/evidence/policies.py        # [--only-report]

Samples of a task are exchangeable, so any policy can be played on recorded ones, in many orders, without a model. Tasks
are those on which options were tuned (201 and on in the order of docs/evidence.md).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np
import typer
from bench import RESULTS, RUNS, put

import soar
from soar.evolution.result import SearchResult
from soar.evolution.results import load_run
from soar.evolution.rex import thetas
from soar.evolution.slices import readable_by_mini
from soar.programs.voting import answer
from soar.tasks.values import canonical_json, matches

PATH = RESULTS / "policies.json"
BUDGETS = (16, 32, 48, 64, 96, 128)  # completions per task, on average
ORDERS, LOT, FIRST = 20, 4, 8  # orders of the samples; samples handed out at once; samples everyone gets first
C = 20.0  # of REx
TARGET = 64  # whose solved tasks a policy should reach with fewer completions


@dataclass(frozen=True, slots=True)
class Sample:
    """What counts of an attempt: share of examples solved, its answer, the share of test inputs that this has right."""

    accuracy: float
    answer: str | None
    right: float


Table: TypeAlias = list[list[Sample]]  # by task
State: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]  # by task: samples drawn, best accuracy, solving samples
Policy: TypeAlias = Callable[[State, np.random.Generator], Iterator[int]]  # tasks, one for each lot


def even(state: State, rng: np.random.Generator) -> Iterator[int]:
    """Every task gets the same."""
    while True:
        yield from range(len(state[0]))


def until_solved(state: State, rng: np.random.Generator) -> Iterator[int]:
    """The same, but nothing more for tasks with two samples that solve all examples."""
    while (state[2] < 2).any():
        yield from (task for task in range(len(state[0])) if state[2][task] < 2)


def thompson(state: State, rng: np.random.Generator) -> Iterator[int]:
    """REx with tasks for arms, as `soar.evolution.budget.AdaptiveBudget`; tasks with two solving samples are done."""
    drawn, best, solving = state
    while (solving < 2).any():
        yield from first_undone(thetas(best, drawn, C, rng), solving)


def nearest_first(state: State, rng: np.random.Generator) -> Iterator[int]:
    """Tasks by what their best sample solves of the examples, those with two solving samples done."""
    drawn, best, solving = state
    while (solving < 2).any():
        yield from first_undone((best + 0.1) / drawn, solving)


def first_undone(worth: np.ndarray, solving: np.ndarray) -> Iterator[int]:
    """The eighth of the tasks that is worth most, without those that are done."""
    undone = np.flatnonzero(solving < 2)
    yield from undone[np.argsort(-worth[undone])][: max(1, len(worth) // 8)]


POLICIES: dict[str, Policy] = {
    "every task the same": even,
    "until two samples solve the examples": until_solved,
    "the same, by Thompson sampling": thompson,
    "the same, nearest first": nearest_first,
}
CLAIRVOYANT = "only tasks that 128 samples solve"


def main(only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False) -> None:
    """Replay the policies; write the table."""
    if not only_report:
        table = recorded()
        found = {name: curve(table, policy) for name, policy in POLICIES.items()}
        solved = [samples for samples in table if vote(samples) > 0]
        share = len(solved) / len(table)
        found[CLAIRVOYANT] = [(spent * share, right * share) for spent, right in curve(solved, even)]
        PATH.write_text(json.dumps({"tasks": len(table), "curves": found}) + "\n")
    report()


def recorded() -> Table:
    """The samples of the tuning tasks."""
    results = load_run(RUNS / "mini" / "samples")
    tasks = list(readable_by_mini(soar.load_tasks("arc-agi-1/training")))[200:]
    return [samples_of(results[task]) for task in tasks]


def samples_of(result: SearchResult) -> list[Sample]:
    """What counts of each attempt."""
    truth, found = [example.output for example in result.task.test], []
    for attempt in result.attempts:
        outputs = answer(attempt)
        hits = [] if outputs is None else [matches(one, true) for one, true in zip(outputs, truth, strict=True)]
        text = None if outputs is None else canonical_json(list(outputs))
        accuracy = attempt.train_accuracy if attempt.eligible else 0.0
        found.append(Sample(accuracy, text, sum(hits) / max(1, len(hits))))
    return found


def curve(table: Table, policy: Policy) -> list[tuple[float, float]]:
    """Completions per task and share of test inputs that the paper's vote has right, mean over orders, by budget."""
    runs = [played(table, policy, np.random.default_rng(order)) for order in range(ORDERS)]
    return [(float(spent), float(right)) for spent, right in np.mean(runs, axis=0)]


def played(table: Table, policy: Policy, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The same for one order of the samples."""
    shuffled = [[samples[i] for i in rng.permutation(len(samples))] for samples in table]
    drawn, best, solving = state = np.zeros(len(table), int), np.zeros(len(table)), np.zeros(len(table), int)
    points = []

    def draw(task: int, count: int) -> None:
        lot = shuffled[task][drawn[task] : drawn[task] + count]
        drawn[task] += len(lot)
        best[task] = max([best[task], *(sample.accuracy for sample in lot)])
        solving[task] += sum(sample.accuracy == 1 for sample in lot)

    for task in range(len(table)):
        draw(task, FIRST)
    lots = policy(state, rng)
    for budget in BUDGETS:
        while drawn.sum() < budget * len(table) and (task := next(lots, -1)) >= 0:
            draw(task, LOT)
            if drawn[task] >= len(table[task]):  # nothing is left of it: as good as done
                solving[task] += 2
        right = [vote(samples[:count]) for samples, count in zip(shuffled, drawn, strict=True)]
        points.append((drawn.mean(), sum(right) / len(right)))
    return points


def vote(samples: list[Sample]) -> float:
    """The share of test inputs that one of the two heaviest answers has right: the paper's vote, on texts for speed."""
    weights: dict[str, float] = defaultdict(float)
    right = {}
    for sample in samples:
        if sample.answer is not None:
            weights[sample.answer] += 1 + 1000 * sample.accuracy
            right[sample.answer] = sample.right
    heaviest = sorted(weights, key=lambda text: -weights[text])[:2]
    return max((right[text] for text in heaviest), default=0.0)


def report() -> None:
    """Write a row per policy: what it solves at each budget, and what it needs for what 64 samples each solve."""
    found = json.loads(PATH.read_text())["curves"] if PATH.exists() else {}
    rows = []
    for name, points in found.items():
        spent, right = np.array(points).T
        wanted = np.array(found["every task the same"])[BUDGETS.index(TARGET), 1]
        needed = np.interp(wanted, right, spent) if right[-1] >= wanted else np.nan
        shares = [f"{100 * np.interp(budget, spent, right):.1f}" for budget in BUDGETS]
        rows.append([name, *shares, f"{needed:.0f} ({needed / TARGET:.2f})"])
    header = ["samples go to", *(f"{budget}" for budget in BUDGETS), f"completions for what {TARGET} each solve"]
    put("policies", header, rows)


if __name__ == "__main__":
    typer.run(main)
