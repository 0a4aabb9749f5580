"""What `mini` solves of whole sets before any self-improvement: the tables of its model card, docs/mini.md.

    python experiments/evidence/mini.py training                  # 64 samples and 64 refinements a task
    python experiments/evidence/mini.py samples                   # the same set with 128 samples and no refinements
    python experiments/evidence/mini.py training --weights FOLDER  # of a pretraining; printed only
    python experiments/evidence/mini.py evaluation                # once, when nothing is chosen any more
    python experiments/evidence/mini.py --only-report

Killed, the same command goes on; its time is then that of the last start alone.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from bench import COLUMNS, ROOT, RUNS, Cells, put, table
from rich.console import Console

import soar
from soar.evaluation import Estimate, Evaluation, evaluate
from soar.evolution.results import SearchResults
from soar.evolution.slices import fitting, readable
from soar.models.mini import WEIGHTS, MiniModel
from soar.prompts.prompt_set import load_prompt_set

PAGE = ROOT / "docs" / "mini.md"
SETS = ("training", "evaluation")
SEED = 0
BUDGET: dict[str, Any] = {"samples": 64, "refinements": 64}
CONTROL: dict[str, Any] = {"samples": 128, "refinements": 0}  # as many completions
ARMS = {"training": ("training", BUDGET), "evaluation": ("evaluation", BUDGET), "samples": ("training", CONTROL)}


def main(
    name: Annotated[str | None, typer.Argument(metavar="[training|evaluation|samples]", help="What to search.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of a model in mini's format.")] = WEIGHTS,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Search a set and write the table."""
    cells = Cells("mini")
    if weights != WEIGHTS:
        Console().print(evaluate(searched(name or "training", RUNS / f"mini-{weights.parent.name}", weights)))
        return
    if not only_report and name is not None:
        cells.measure(name, SEED, lambda: measured(name, cells.path.with_suffix(".json")))
    report(cells)


def searched(name: str, place: Path, weights: Path = WEIGHTS) -> SearchResults:
    """Search all 400 tasks of an arm's set."""
    model = "mini" if weights == WEIGHTS else f"mini:{weights}"
    set_name, budget = ARMS[name]
    tasks = soar.load_tasks(f"arc-agi-1/{set_name}")
    return soar.search(tasks, model, run=place / name, seed=SEED, progress=True, **budget)


def measured(name: str, notes: Path) -> Evaluation:
    """Search a set; note the time and how many prompts fit."""
    began = time.monotonic()
    results = searched(name, RUNS / "mini")
    known = json.loads(notes.read_text()) if notes.exists() else {}
    known[name] = {"minutes": round((time.monotonic() - began) / 60, 1), **fit(ARMS[name][0])}
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_text(json.dumps(known, indent=1) + "\n")
    return evaluate(results)


def fit(name: str) -> dict[str, int]:
    """How many prompts for samples, and how many with a short parent to refine, leave room for a program."""
    tasks, prompts = soar.load_tasks(f"arc-agi-1/{name}"), load_prompt_set("mini")
    with closing(MiniModel(workers=1)) as model:
        sampling = fitting([prompts.render(task) for task in tasks.values()], prompts, model)
        return {"sampling_prompts": sum(sampling), "refinement_prompts": len(readable(tasks, model))}


def report(cells: Cells) -> None:
    """Write the table of both sets, and that of what refinement adds."""
    found = {name: cell for name in SETS if (cell := cells.get(name, SEED)) is not None}
    path = cells.path.with_suffix(".json")
    notes = json.loads(path.read_text()) if path.exists() else {}
    columns = [figures(cell, notes[name]) for name, cell in found.items()]
    rows = [[label, *(column[label] for column in columns)] for label in (columns[0] if columns else ())]
    put("sets", ["ARC-AGI-1", *found], rows, PAGE)
    names = {"samples": "128 samples", "training": "64 samples and 64 refinements"}
    compared = table([("samples", None), ("training", "samples")], cells.arms())
    put("refinement", ["training set", *COLUMNS.values()], [[names[arm], *row] for arm, _, *row in compared], PAGE)


def figures(cell: Evaluation, notes: dict[str, Any]) -> dict[str, str]:
    """A column of the table: what was solved, what was spent."""
    rows, summary = cell.per_task, cell.summary
    completions = sum(row.completions for row in rows)
    return {
        "tasks with every test input hit by one of two predictions": str(sum(row.solved is True for row in rows)),
        "mean over tasks of the share of test inputs hit (the paper's reading)": interval(summary["mean_solved"]),
        "share of all test outputs hit (Kaggle's)": interval(summary["outputs_solved"]),
        "oracle: mean share of test inputs that any attempt has right": interval(summary["oracle"]),
        "tasks with a program that solves all examples": str(sum(row.solving_examples > 0 for row in rows)),
        "pass@1, mean over tasks, samples": interval(cell.pass_at(1, sampled=True)),
        "pass@64, mean over tasks, samples": interval(cell.pass_at(64, sampled=True)),
        "sampling prompts that fit": str(notes["sampling_prompts"]),
        "prompts with a short parent that fit": str(notes["refinement_prompts"]),
        "completions": f"{completions:,}",
        "distinct programs per task, summed": f"{sum(row.programs for row in rows):,}",
        "completions that failed on some input": f"{sum(sum(row.failures.values()) for row in rows):,}",
        "minutes, all included": str(notes["minutes"]),
        "programs sampled and executed per second": f"{completions / notes['minutes'] / 60:.0f}",
    }


def interval(value: Estimate | None) -> str:
    """`22.5 [18.0, 26.5]`, in percent."""
    if value is None:
        return ""
    return f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


if __name__ == "__main__":
    typer.run(main)
