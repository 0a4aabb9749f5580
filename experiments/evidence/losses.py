"""What is left to learn? The loss of `mini` on what hindsight teaches, before and after it has learnt from it.

    python experiments/evidence/losses.py [--only-report]

Rows come from the first searches of learning.py, of the training slice and of the held-out slice; adapters from its
first and last round. Protocol and results: docs/evidence.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import typer
from bench import RESULTS, ROUNDS, RUNS, SEEDS, put

sys.path.insert(0, str(Path(__file__).parents[1] / "pretraining"))

from corpus import STAGES, draw_task, to_task
from datasets import Dataset

from soar.evaluation import Estimate, bootstrap, bootstrap_difference
from soar.hindsight import make_dataset
from soar.prompts.prompt_set import load_prompt_set
from soar.training.likelihood import reply_losses

PATH = RESULTS / "losses.json"
GENERATED = 400  # tasks of the last stage of the pretraining, never trained on
PER_TASK = 8
BASE = "base model"
GROUPS = (
    "generated tasks",
    "wrong programs, learnt from",
    "wrong programs, held out",
    "solutions, learnt from",
    "solutions, held out",
)
Losses: TypeAlias = dict[str, list[float]]  # task -> nats per program, of each of its rows


def main(
    seed: Annotated[int, typer.Option(help="Of the loop of learning.py.")] = SEEDS[1],
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure; write the table."""
    if not only_report:
        loop = RUNS / f"loop-{seed}"
        models = {BASE: None, **{f"after round {n + 1}": loop / f"iteration-{n}" / "adapter" for n in (0, ROUNDS - 1)}}
        if not all(adapter is None or adapter.exists() for adapter in models.values()):
            raise SystemExit(f"{loop} has not all its rounds: run experiments/evidence/learning.py first")
        groups = rows_of(loop, seed)
        found = {name: measure(adapter, groups) for name, adapter in models.items()}
        PATH.write_text(json.dumps({"seed": seed, "losses": found}) + "\n")
    report()


def rows_of(loop: Path, seed: int) -> dict[str, Any]:
    """Rows of each group: prompts, and the programs that are their right replies."""
    found: dict[str, Any] = {GROUPS[0]: Dataset.from_list(list(generated()))}
    for place, run in (("learnt from", loop), ("held out", loop / "held-out")):
        for kind, selection in (("wrong programs", "uniform"), ("solutions", "correct-only")):
            options: dict[str, Any] = {"selection": selection, "refinement": "none", "per_task": PER_TASK}
            rows, _ = make_dataset(run, iteration=0, seed=seed, **options)
            if kind == "wrong programs":
                rows = rows.filter(lambda row: min(row["train_accuracy"], row["test_accuracy"]) < 1)
            found[f"{kind}, {place}"] = rows
    return {name: found[name] for name in GROUPS}


def generated() -> Iterator[dict[str, Any]]:
    """Tasks as the pretraining draws them, each with its program."""
    rng, prompts = random.Random("losses"), load_prompt_set("mini")
    for number in range(GENERATED):
        made = draw_task(rng, STAGES[-1], refinement=False)
        prompt = prompts.render(*to_task(made))
        messages = [dict(message) for message in prompt.messages]
        row = {"prompt": messages, "prefill": prompt.prefill, "completion": made.body, "prompt_set": "mini"}
        yield {"task_id": str(number), **row}


def measure(adapter: Path | None, groups: dict[str, Any]) -> dict[str, Losses]:
    """Return the losses of a model on all groups."""
    found = {}
    for name, rows in groups.items():
        losses: Losses = defaultdict(list)
        for task, loss in zip(rows["task_id"], reply_losses(rows, "mini", adapter), strict=True):
            if loss is not None:
                losses[task].append(round(loss, 4))
        found[name] = dict(sorted(losses.items()))
    return found


def report() -> None:
    """Write a row per group: nats per program of the base model, and how they change with each adapter."""
    found = json.loads(PATH.read_text())["losses"] if PATH.exists() else {}
    rows = []
    for group in GROUPS if found else ():
        base = found[BASE][group]
        count = sum(map(len, base.values()))
        cells = [shown(bootstrap(*by_task(base)))]
        for model in list(found)[1:]:
            change = bootstrap_difference(by_task(base), by_task(found[model][group]))
            assert change is not None
            cells.append(f"{change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}]")
        rows.append([group, f"{count} of {len(base)}", *cells])
    put("losses", ["rows", "programs of tasks", *found], rows)


def by_task(losses: Losses) -> tuple[np.ndarray, np.ndarray]:
    """Sums and counts by task: the mean is over programs, the resampling over tasks."""
    return np.array([sum(one) for one in losses.values()]), np.array([len(one) for one in losses.values()])


def shown(value: Estimate | None) -> str:
    """`2.10 [1.90, 2.30]`."""
    return "" if value is None else f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"


if __name__ == "__main__":
    typer.run(main)
