"""Does learning reach tasks that were never learnt from, where enough can be learnt? Protocol: docs/evidence.md.

    python experiments/evidence/domains.py                 # measures what is missing, then writes the tables
    python experiments/evidence/domains.py --only-report   # writes them from experiments/evidence/results

Each world is a domain that nothing was chosen on, with a seed of its own: four iterations on 100 of its training tasks,
100 held-out tasks searched after each, and a control of as many completions without learning. Kill it at any time and
give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from bench import KS, RUNS, Cells, loop_cell, put, text

import soar
from soar.evaluation import Evaluation, differences, summarize

WORLDS = ((5, 10), (6, 11), (7, 12))  # domain and seed; domains 1 to 3 were for tuning
TASKS, ITERATIONS = 100, 4
BUDGET: dict[str, Any] = {"samples": 32, "refinements": 8}
SETS = {"training": "", "held-out": "held-out"}  # and their folders in that of the loop
COLUMNS = {
    "sampled_pass@1": "pass@1",
    "sampled_pass@8": "pass@8",
    "mean_solved": "solved by the vote",
    "oracle": "oracle",
    "unique_outputs": "behaviours a task",
}


def main(
    worlds: Annotated[int, typer.Option(help="How many, in their order.")] = len(WORLDS),
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the tables."""
    cells = Cells("domains")
    for number, seed in () if only_report else WORLDS[:worlds]:
        searched, held_out = (soar.load_tasks(f"gym/domain-{number}/{half}")[:TASKS] for half in ("train", "held-out"))
        measure(cells, RUNS / f"domain-{number}-{seed}", searched, held_out, seed)
    for name in SETS:
        put(f"domains, {name}", ["", "worlds", *COLUMNS.values()], rows(cells, name, [seed for _, seed in WORLDS]))


def arms(name: str) -> dict[str, str]:
    """The arms of a set: title, and the file in the loop's folder that has its figures."""
    place = f"{SETS[name]}/" if SETS[name] else ""
    each = {f"{name}, iteration {k}": f"{place}iteration-{k}/evaluation.json" for k in range(ITERATIONS + 1)}
    return each | {
        f"{name}, one vote over all": f"{place}iteration-{ITERATIONS}/one-vote.json",
        f"{name}, as many completions without learning": f"control-{name}/iteration-0/evaluation.json",
    }


def measure(cells: Cells, run: Path, searched: soar.TaskSet, held_out: soar.TaskSet, seed: int) -> None:
    """Run the loop of one world where a cell is missing."""
    files: dict[str, str] = {arm: file for name in SETS for arm, file in arms(name).items()}
    if not all(cells.get(arm, seed) for arm in files):
        soar.iterate(
            searched, held_out=held_out, run=run, iterations=ITERATIONS, seed=seed, held_out_every=True, control=True,
            progress=True, **BUDGET,
        )  # fmt: skip
    for arm, file in files.items():
        cells.measure(arm, seed, loop_cell(Path(run) / file))


def rows(cells: Cells, name: str, seeds: list[int]) -> list[list[str]]:
    """The table of a set: figures over all worlds together, with differences from the first search."""
    return table(cells, list(arms(name)), seeds)


def table(cells: Cells, wanted: list[str], seeds: list[int]) -> list[list[str]]:
    """A row for each arm, of the seeds that all have; differences are from the first arm."""
    found = cells.arms()
    complete = [seed for seed in seeds if all(seed in found.get(arm, {}) for arm in wanted)]
    if not complete:
        return []
    together = {arm: joined([found[arm][seed] for seed in complete]) for arm in wanted}
    base, *_ = together.values()
    lines = []
    for arm, mine in together.items():
        means, changes = summarize([mine], list(COLUMNS), KS), differences([base], [mine], KS)
        cell = [shown(key, means[key], None if mine is base else changes[key]) for key in COLUMNS]
        lines.append([arm.partition(", ")[2], str(len(complete)), *cell])
    return lines


def joined(worlds: list[Evaluation]) -> Evaluation:
    """All worlds as one: their tasks side by side."""
    return replace(worlds[0], per_task=tuple(row for one in worlds for row in one.per_task))


def shown(key: str, mean: Any, change: Any) -> str:
    """A share in percent, or a number as it is."""
    if key != "unique_outputs":
        return text(mean, change)
    return f"{mean.value:.1f}" + ("" if change is None else f" ({change.value:+.1f})")


if __name__ == "__main__":
    typer.run(main)
