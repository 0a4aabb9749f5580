"""Which vote comes closest to the oracle? The paper's two, simpler ones, and ideas; on searches with the base model.

    python experiments/evidence/votes.py [--only-report]

Ideas are compared on the training slice and confirmed on the held-out one. Protocol and results: docs/evidence.md. Kill
it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeAlias

import typer
from bench import REPEATED, RESULTS, RUNS, SEEDS, put, searched, slices, text

from soar.evaluation import bootstrap, bootstrap_difference
from soar.evolution.result import SearchResult
from soar.programs.program import Attempt
from soar.programs.voting import answer
from soar.tasks.sets import TaskSet
from soar.tasks.values import canonical_json

BUDGET = {"samples": 64, "refinements": 64}
PATH = RESULTS / "votes.json"
Answers: TypeAlias = Sequence[tuple[Attempt, Sequence[Any]]]
Weight: TypeAlias = Callable[[Sequence[Attempt]], Any]  # of the attempts that agree; larger is better


def accuracies(group: Sequence[Attempt]) -> list[float]:
    """The share of the examples that each solves."""
    return [attempt.train_accuracy for attempt in group]


def distinct(group: Sequence[Attempt]) -> list[Attempt]:
    """One attempt for each program."""
    return list({attempt.program.source: attempt for attempt in group if attempt.program is not None}.values())


def shortest(group: Sequence[Attempt]) -> int:
    """Characters of the shortest program among the most accurate ones."""
    most = max(accuracies(group))
    return min(len(a.program.source) for a in group if a.program is not None and a.train_accuracy == most)


def paper(group: Sequence[Attempt]) -> float:
    """SOAR, section 3.2."""
    return sum(1 + 1000 * accuracy for accuracy in accuracies(group))


def best_first(group: Sequence[Attempt]) -> tuple[float, int]:
    """The most accurate attempt decides, then the count."""
    return max(accuracies(group)), len(group)


def nearest(group: Sequence[Attempt]) -> float:
    """Accuracy and pixel accuracy of the attempt that is nearest to the examples."""
    return max(one.train_accuracy + one.pixel_accuracy for one in group)


def nearest_and_short(group: Sequence[Attempt]) -> float:
    """The same, where 500 characters weigh as much as an example's worth of pixels."""
    sources = [(one, len(one.program.source)) for one in group if one.program is not None]
    return max(one.train_accuracy + one.pixel_accuracy - length / 500 for one, length in sources)


VOTES: dict[str, tuple[Weight, bool]] = {  # weight, and whether each test input has a vote of its own
    "sum of 1 + 1000 accuracy (the paper's)": (paper, False),
    "count + 1000 mean accuracy (its appendix)": (
        lambda group: len(group) + 1000 * sum(accuracies(group)) / len(group),
        False,
    ),
    "count": (len, False),
    "best accuracy, then count": (best_first, False),
    "distinct programs: sum of 1 + 1000 accuracy": (lambda group: paper(distinct(group)), False),
    "sum of accuracy to the 4th": (lambda group: sum(a**4 for a in accuracies(group)) + 1e-6 * len(group), False),
    "best accuracy, then distinct programs": (lambda group: (max(accuracies(group)), len(distinct(group))), False),
    "best accuracy, then shortest program": (lambda group: (max(accuracies(group)), -shortest(group)), False),
    "accuracy + pixel accuracy of the nearest": (nearest, False),
    "accuracy + pixel accuracy - characters / 500": (nearest_and_short, False),
    "each test input alone: sum of 1 + 1000 accuracy": (paper, True),
    "each test input alone: best accuracy, then count": (best_first, True),
}


def main(
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = REPEATED,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the table."""
    found: dict[str, dict[str, Any]] = json.loads(PATH.read_text()) if PATH.exists() else {}
    if not only_report:
        tasks = slices()
        for name, group in {"training": tasks.training, "held-out": tasks.held_out}.items():
            for seed in SEEDS[:seeds]:
                if f"{name} {seed}" not in found:
                    found[f"{name} {seed}"] = measure(group, name, seed)
                    PATH.parent.mkdir(parents=True, exist_ok=True)
                    PATH.write_text(json.dumps(found) + "\n")
    report(found)


def measure(group: TaskSet, name: str, seed: int) -> dict[str, Any]:
    """Search; return for each task and vote the share of test inputs that one of two answers has right."""
    results = searched(group, RUNS / f"votes-{seed}" / name, seed, **BUDGET)
    return {id: {"oracle": share(result.oracle_correct), **of_task(result)} for id, result in results.items()}


def of_task(result: SearchResult) -> dict[str, float]:
    """The share of test inputs that each vote's two answers have right."""
    answers = [(attempt, outputs) for attempt in result.attempts if (outputs := answer(attempt)) is not None]
    truth = [example.output for example in result.task.test]
    every = tuple(range(len(truth)))
    shares = {}
    for name, (weight, alone) in VOTES.items():
        parts = [(i,) for i in every] if alone else [every]
        shares[name] = share(hit for part in parts for hit in hits_of(answers, truth, weight, part))
    return shares


def hits_of(answers: Answers, truth: Sequence[Any], weight: Weight, part: Sequence[int]) -> list[bool]:
    """For each test input of a part whether one of the two heaviest answers to that part has it right."""
    groups: dict[str, list[Attempt]] = defaultdict(list)
    for attempt, outputs in answers:
        groups[canonical_json([outputs[i] for i in part])].append(attempt)
    heaviest = sorted(groups, key=lambda key: (weight(groups[key]), len(groups[key]), key), reverse=True)[:2]
    found = [json.loads(key) for key in heaviest]
    return [any(one[place] == truth[i] for one in found) for place, i in enumerate(part)]


def share(hits: Iterable[bool | None]) -> float:
    """The mean of hits."""
    known = [bool(hit) for hit in hits]
    return sum(known) / max(1, len(known))


def report(found: dict[str, dict[str, Any]]) -> None:
    """Write a row per vote."""
    names = ["training", "held-out"]
    rows = []
    first = next(iter(VOTES))
    for vote in [*VOTES, "oracle"] if found else []:
        cells = []
        for name in names:
            mine, base = (
                [[task[one] for task in tasks.values()] for key, tasks in found.items() if key.startswith(name)]
                for one in (vote, first)
            )
            ones = [[1.0] * len(row) for row in mine]
            change = None if vote == first else bootstrap_difference((base, ones), (mine, ones))
            cells.append(text(bootstrap(mine), change))
        rows.append([vote, *cells])
    put("votes", ["vote, two answers", "training slice", "held-out slice"], rows)


if __name__ == "__main__":
    typer.run(main)
