"""Does the loop improve the model, and is it the learning that does it? Protocol, tables, figures: docs/evidence.md.

    python experiments/evidence/learning.py                 # measures what is missing, then writes table and figures
    python experiments/evidence/learning.py --only-report   # writes them from experiments/evidence/results

Four rounds on the training slice and a last search, the held-out slice before and after, two test-time rounds on the
evaluation slice; and controls without learning. Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from bench import (
    BASE,
    BUDGET,
    EACH_ROUND,
    HELD_OUT,
    NAMES,
    PAGE,
    ROOT,
    ROUNDS,
    RUNS,
    SEEDS,
    Cells,
    Slices,
    loop,
    loop_cell,
    measure_loop,
    put,
    put_arms,
    search_cell,
    slices,
)

from soar.evaluation import Evaluation, plots, summarize, vote_runs
from soar.evolution.results import load_run

TTT = 2
JOINT = "rounds 0 to 4, one vote"
JOINT_TARGET = f"target, test-time searches 0 to {TTT}, one vote"
ARMS = [
    *EACH_ROUND,
    (JOINT, BASE),
    ("without learning: as many completions", BASE),
    ("without learning: as much time", BASE),
]
TARGET = [
    ("target, base model", None),
    *((f"target, test-time search {number}", "target, base model") for number in range(TTT + 1)),
    (JOINT_TARGET, "target, base model"),
    ("target, without learning: as many completions as its searches", "target, base model"),
]


def main(
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = len(SEEDS),
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write table and figures."""
    cells = Cells("learning")
    if not only_report:
        tasks = slices()
        for seed in SEEDS[:seeds]:
            measure(cells, tasks, seed)
    report(cells)


def measure(cells: Cells, tasks: Slices, seed: int) -> None:
    """Run the loop, its controls, and test time, with one seed."""
    run = RUNS / f"loop-{seed}"
    measure_loop(cells, tasks, run, seed)
    cells.measure(JOINT, seed, lambda: joint(run, ROUNDS))
    searches = ROUNDS + 1
    controls = {
        ARMS[-2][0]: (tasks.training, {name: searches * n for name, n in BUDGET.items()}),
        ARMS[-1][0]: (tasks.training, {name: round(searches * time_ratio() * n) for name, n in BUDGET.items()}),
        TARGET[0][0]: (tasks.target, dict(BUDGET)),
        TARGET[-1][0]: (tasks.target, {name: (TTT + 1) * n for name, n in BUDGET.items()}),
    }
    for number, (arm, (group, budget)) in enumerate(controls.items()):
        cells.measure(arm, seed, search_cell(group, RUNS / f"control-{number}-{seed}", seed, **budget))
    test_time = dict(TARGET[1 : TTT + 2])
    if not all(cells.get(arm, seed) for arm in test_time):
        loop(tasks, run, seed, target=tasks.target, ttt=TTT)
    for number, arm in enumerate(test_time):
        cells.measure(arm, seed, loop_cell(run / "target" / f"iteration-{number}" / "evaluation.json"))
    cells.measure(JOINT_TARGET, seed, lambda: joint(run / "target", TTT))


def joint(run: Path, last: int) -> Evaluation:
    """One vote over the attempts of all rounds on a slice."""
    return vote_runs([load_run(run, iteration=number) for number in range(last + 1)]).evaluation


def time_ratio() -> float:
    """How many times as long as its searches of the training tasks a loop takes: of the one in the README."""
    minutes = json.loads((ROOT / "experiments" / "results" / "iterate" / "report.json").read_text())["minutes"]
    searches = sum(minutes[f"search {number}"] for number in NAMES)
    learning = sum(minutes[f"{stage} {number}"] for stage in ("hindsight", "training") for number in range(ROUNDS))
    return float((searches + learning) / searches)


def report(cells: Cells) -> None:
    """Write the tables and figures."""
    put_arms("rounds", ARMS, cells)
    put_arms("learning or not", [(JOINT, None), *((arm, JOINT) for arm, _ in ARMS[-2:])], cells)
    put_arms("held-out", HELD_OUT, cells)
    put_arms("target", TARGET, cells)
    found = cells.arms()
    header = ["", *NAMES.values()]
    put("diversity", header, [distances(found, kind) for kind in ("solved", "unsolved")] if found else [])
    if not found:
        return
    first = min(found[BASE])
    rounds = {"training": [found[arm][first] for arm in NAMES.values() if first in found.get(arm, {})]}
    for name, plot in {
        "solved-by-completions": plots.solved_by_completions(rounds["training"]),
        "diversity": plots.diversity_by_round(rounds),
    }.items():
        plot.save(PAGE.parent / "evidence" / f"{name}.svg")


def distances(found: dict[str, dict[int, Evaluation]], kind: str) -> list[str]:
    """A row of mean cosine distances between a task's programs, of tasks solved or not in that round."""
    means: Sequence[Any] = [
        summarize(list(found[arm].values()), [f"distance_{kind}"])[f"distance_{kind}"] if arm in found else None
        for arm in NAMES.values()
    ]
    return [
        f"{kind} tasks",
        *("" if one is None else f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in means),
    ]


if __name__ == "__main__":
    typer.run(main)
