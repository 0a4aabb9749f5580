"""Find what to teach, and how hard: search a domain, learn from it in one way after another, search its held-out tasks.

    python experiments/recipe.py runs/recipe --domains 1,2,3 --seeds 3 --setting rank=64 --setting augment=40,epochs=2
    python experiments/recipe.py runs/recipe --setting base,temperature=1 --setting rank=32,temperature=1
    python experiments/recipe.py runs/recipe --setting retain=1

A world is a domain and a seed: a first search of its training tasks, one search of its held-out tasks by the base
model, and, for each setting, rows, a training from the base model, and a search of the held-out tasks with the draws of
the base model's. Kill it at any time and give the same command again: it goes on where it was. RUN/results.json has a
line per world and setting; the table printed has means over worlds, and the differences from the base model with 95%
bootstrap intervals over tasks and seeds. retain=W holds the model, with that weight, to its own replies to tasks of
domain 4, which nothing else is made of.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from datasets import load_from_disk
from rich.console import Console
from rich.table import Table

import soar
from soar.evaluation import Estimate, Evaluation, differences, evaluate, summarize
from soar.evolution.api import search
from soar.evolution.config import SearchConfig
from soar.hindsight import make_dataset
from soar.hindsight.pairs import make_replies
from soar.loop.config import LoopConfig
from soar.models.adapter import Adapter
from soar.models.mini import MiniModel
from soar.tasks.gym.domains import SPLITS
from soar.training.config import TrainingConfig
from soar.training.job import train

BASE = "base"
ROWS = LoopConfig.for_model("mini", {}).hindsight.rows()
KS = (1, 8, 32)
OTHERS = 60  # tasks whose replies are retained
SHOWN = ("sampled_pass@1", "sampled_pass@8", "mean_solved", "oracle", "unique_outputs")


def main(
    run: Annotated[Path, typer.Argument(help="Folder of searches, rows, adapters and results.")],
    setting: Annotated[
        list[str], typer.Option(help="What differs from mini's own: rank=32,epochs=1; of the rows: augment=40.")
    ],
    domains: Annotated[str, typer.Option(help="Numbers of domains; 1 to 3 are for tuning.")] = "1,2,3",
    seeds: Annotated[int, typer.Option(help="Repetitions of everything in each domain.")] = 1,
    tasks: Annotated[int, typer.Option(help="Training tasks and held-out tasks of each domain.")] = 100,
    samples: Annotated[int, typer.Option(help="Per task and search.")] = 32,
    refinements: Annotated[int, typer.Option(help="Per task, in first searches.")] = 8,
) -> None:
    """Compare recipes."""
    numbers = [int(number) for number in domains.split(",")]
    budget = {"samples": samples, "refinements": refinements}
    found: dict[str, list[Evaluation]] = {}  # by seed, all domains together
    lines: list[dict[str, Any]] = []
    for seed in range(seeds):
        for text in [BASE, *setting]:
            every: list[Evaluation] = []
            for number in numbers:
                place = run / f"domain-{number}-seed-{seed}"
                learnt, held_out = (soar.load_tasks(f"gym/domain-{number}/{half}")[:tasks] for half in SPLITS)
                way, options = apart(text)
                adapter, facts = (None, {}) if way == BASE else learn(place, way, learnt, budget, seed)
                every.append(again(held_out, adapter, place / text / "held-out", samples, seed, options))
                means = summarize(every[-1:], SHOWN, KS)
                line = {"setting": text, "domain": number, "seed": seed}
                lines.append(line | {name: one.value for name, one in means.items() if one} | facts)
            found.setdefault(text, []).append(replace(every[0], per_task=sum((one.per_task for one in every), ())))
            (run / "results.json").write_text(json.dumps(lines, indent=1) + "\n")
            Console(width=150).print(table(found))


def apart(text: str) -> tuple[str, dict[str, Any]]:
    """Take a setting apart: how to learn, or "base", and options of the search of held-out tasks."""
    items = text.split(",")
    names = SearchConfig.model_fields.keys() - ROWS.keys()  # `simplify` is of both: here it is of the rows
    of_search = dict(item.split("=") for item in items if item.partition("=")[0] in names)
    of_search.pop("seed", None)
    way = ",".join(item for item in items if item.partition("=")[0] not in of_search)
    return way, {name: read(value) for name, value in of_search.items()}


def again(
    tasks: soar.TaskSet, adapter: Adapter | None, place: Path, samples: int, seed: int, options: dict[str, Any]
) -> Evaluation:
    """Search held-out tasks."""
    with closing(MiniModel()) as model:
        options = {"seed": 1000 + seed, "adapter": adapter, "progress": False} | options
        return evaluate(search(tasks, model, run=place, samples=samples, refinements=0, **options))


def learn(
    place: Path, text: str, tasks: soar.TaskSet, budget: dict[str, Any], seed: int
) -> tuple[Adapter, dict[str, Any]]:
    """Return an adapter trained in the way of a setting on rows of the first search, and what that took."""
    search(tasks, "mini", run=place / "first", seed=seed, progress=False, **budget)
    changes = dict(item.split("=") for item in text.split(","))
    of_rows = {name: changes.pop(name) for name in ROWS if name in changes}
    rows = place / text / "rows"
    began = time.monotonic()
    if not (rows / "dataset_info.json").exists():
        options = LoopConfig.for_model("mini", {"hindsight": of_rows}).hindsight.rows()
        made, counts = make_dataset(place / "first", seed=seed, **options)
        made.save_to_disk(rows)
        (place / text / "report.txt").write_text(f"{counts}\n{time.monotonic() - began:.1f} seconds\n")
    weight = changes.pop("retain", None)
    options = {"seed": seed, **{name: read(value) for name, value in changes.items()}}
    options |= {} if weight is None else {"retain_weight": read(weight)}
    config = TrainingConfig.for_model("mini", **options)
    held = None if weight is None else replies(place, seed)
    adapter = train(load_from_disk(rows), "mini", place / text / "adapter", config, retain=held, progress=False)
    shown = ("rows", "steps", "tokens", "seconds", "first_loss", "last_loss")
    return adapter, {name: adapter.figures[name] for name in shown}


def replies(place: Path, seed: int) -> Any:
    """Return rows of the base model's own replies to tasks of another domain."""
    rows = place / "replies"
    if not (rows / "dataset_info.json").exists():
        other = soar.load_tasks("gym/domain-4/train")[:OTHERS]
        search(other, "mini", run=place / "other", seed=seed, samples=4, refinements=0, progress=False)
        make_replies(place / "other", seed=seed).save_to_disk(rows)
    return load_from_disk(rows)


def read(value: str) -> Any:
    """A value of an option: a number, true or false, or a word."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def table(found: dict[str, list[Evaluation]]) -> Table:
    """Means over worlds, with the intervals of the differences from the base model."""
    made = Table("setting", "worlds", *SHOWN)
    for text, mine in found.items():
        means, changes = summarize(mine, SHOWN, KS), differences(found[BASE][: len(mine)], mine, KS)
        cells = [cell(means[name], None if text == BASE else changes[name], name != "unique_outputs") for name in SHOWN]
        made.add_row(text, str(len(mine)), *cells)
    return made


def cell(mean: Estimate | None, change: Estimate | None, percent: bool) -> str:
    """`12.5 (+2.0 [-1.0, +3.0])`"""
    if mean is None:
        return "-"
    scale = 100 if percent else 1
    after = f" ({scale * change.value:+.1f} [{scale * change.low:+.1f}, {scale * change.high:+.1f}])" if change else ""
    return f"{scale * mean.value:.1f}{after}"


if __name__ == "__main__":
    typer.run(main)
