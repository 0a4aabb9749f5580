"""Find out how `mini` should learn by what it then thinks of other tasks' programs, which needs no second search.

    python experiments/tune_losses.py runs/losses --setting selection=uniform,per_task=50,learning_rate=2e-4

Tasks are those of tune_mini.py: half of them are learnt from; programs of both halves are what is measured, before and
after. Settings are options of hindsight and of training. Kill it at any time and give the same command again: it goes
on where it was. RUN/results.json has the losses; the table has nats per program, and what changed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import soar
from soar.evaluation import bootstrap, bootstrap_difference
from soar.evolution.slices import readable_by_mini
from soar.hindsight import make_dataset
from soar.hindsight.selection import Selection
from soar.loop.config import HindsightConfig, LoopConfig
from soar.models.adapter import Adapter
from soar.training.config import TrainingConfig
from soar.training.job import train
from soar.training.likelihood import reply_losses

PLACES = ("learnt", "others")
PER_TASK = {"solutions": 8, "wrong": 2}  # at most so many are measured


def main(
    run: Annotated[Path, typer.Argument(help="Folder of searches, adapters and results.")],
    setting: Annotated[list[str], typer.Option(help="What differs from mini's own: per_task=50,epochs=2.")],
    seed: Annotated[int, typer.Option(help="Of searches, rows and trainings.")] = 0,
    first: Annotated[int, typer.Option(help="Place of the first task, in the order of the hash.")] = 200,
    tasks: Annotated[int, typer.Option(help="Tasks that are learnt from; as many others follow.")] = 95,
    samples: Annotated[int, typer.Option(help="Per task and search.")] = 64,
) -> None:
    """Tune."""
    rest = readable_by_mini(soar.load_tasks("arc-agi-1/training"))[first:]
    for place, group in zip(PLACES, (rest[:tasks], rest[tasks : 2 * tasks]), strict=True):
        soar.search(group, "mini", run=run / place, seed=seed, samples=samples, refinements=0, progress=False)
    groups = {f"{place}: {kind}": rows_of(run / place, kind, seed) for place in PLACES for kind in PER_TASK}
    path = run / "results.json"
    found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    for text in ["base", *setting]:
        if text not in found:
            adapter = None if text == "base" else learn(run, text, seed)
            losses = {name: rounded(reply_losses(rows, "mini", adapter)) for name, rows in groups.items()}
            made = {name: adapter.figures[name] for name in ("rows", "steps", "seconds")} if adapter else {}
            found[text] = {"losses": losses, "made": made}
            path.write_text(json.dumps(found) + "\n")
        Console(width=200).print(table(found, {name: rows["task_id"] for name, rows in groups.items()}))


def rows_of(run: Path, kind: str, seed: int) -> Any:
    """Programs of a search as rows: solutions, or those that solve nothing, with what they do solve."""
    selection: Selection = "correct-only" if kind == "solutions" else "uniform"
    rows, _ = make_dataset(run, iteration=0, seed=seed, selection=selection, refinement="none", per_task=PER_TASK[kind])
    return rows.filter(lambda row: (min(row["train_accuracy"], row["test_accuracy"]) == 1) == (kind == "solutions"))


def learn(run: Path, text: str, seed: int) -> Adapter:
    """Return an adapter trained with a setting; made once."""
    changes = dict(item.split("=") for item in text.split(","))
    of_rows = {name: changes.pop(name) for name in list(changes) if name in HindsightConfig.model_fields}
    options = LoopConfig.for_model("mini", {"hindsight": of_rows}).hindsight.rows()
    rows, counts = make_dataset(run / "learnt", iteration=0, seed=seed, **options)
    print(text, counts)
    config = TrainingConfig.for_model("mini", seed=seed, **{name: json.loads(value) for name, value in changes.items()})
    return train(rows, "mini", run / text / "adapter", config, progress=False)


def rounded(losses: Sequence[float | None]) -> list[float | None]:
    """To four digits: a file that people can read."""
    return [None if loss is None else round(loss, 4) for loss in losses]


def table(found: dict[str, dict[str, Any]], tasks: dict[str, Sequence[str]]) -> Table:
    """Nats per program of the base model; then the difference of each setting, with its interval over tasks."""
    made = Table("setting", "rows", *tasks)
    base = {name: by_task(found["base"]["losses"][name], ids) for name, ids in tasks.items()}
    for text, one in found.items():
        cells = []
        for name, ids in tasks.items():
            mine = by_task(one["losses"][name], ids)
            change = bootstrap(*mine) if text == "base" else bootstrap_difference(base[name], mine)
            cells.append(f"{change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}]" if change else "")
        made.add_row(text, str(one["made"].get("rows", "")), *cells)
    return made


def by_task(losses: Sequence[float | None], ids: Sequence[str]) -> tuple[list[float], list[int]]:
    """Sum and number of losses of each task."""
    pairs = [(id, loss) for id, loss in zip(ids, losses, strict=True) if loss is not None]
    each = [[loss for id, loss in pairs if id == one] for one in dict.fromkeys(id for id, _ in pairs)]
    return [float(np.sum(one)) for one in each], [len(one) for one in each]


if __name__ == "__main__":
    typer.run(main)
