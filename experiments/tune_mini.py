"""Find training options for `mini`: search, hindsight, train with each setting, search again with another seed.

    python experiments/tune_mini.py runs/tune --setting learning_rate=2e-3,epochs=3,per_task=4 --setting rank=64

Kill it at any time and give the same command again: it goes on where it was. ARC-AGI-1 training tasks only, drawn by
the hash of their content. RUN/results.json has a row per setting; first the base model, under the second search's seed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from datasets import load_from_disk

import soar
from soar.hindsight import make_dataset
from soar.models.mini import MiniModel
from soar.search import SearchResults, search
from soar.task import Task
from soar.training import Adapter, TrainingConfig, train


def main(
    run: Annotated[Path, typer.Argument(help="Folder of searches, rows, adapters and results.")],
    setting: Annotated[
        list[str],
        typer.Option(help="What differs from mini's own: rank=32,epochs=1; of the rows: per_task=4,selection=greedy."),
    ],
    tasks: Annotated[int, typer.Option(help="Tasks that are searched and learned from.")] = 64,
    held_out: Annotated[int, typer.Option(help="Tasks that are searched only.")] = 32,
    longest: Annotated[int, typer.Option(help="Longest sampling prompt of a task taken, in tokens.")] = 700,
    samples: Annotated[int, typer.Option(help="Per task and search.")] = 32,
    refinements: Annotated[int, typer.Option(help="Per task and search.")] = 32,
) -> None:
    """Tune."""
    chosen = draw(tasks + held_out, longest)
    learned, held = chosen[:tasks], chosen[tasks:]
    budget: dict[str, Any] = {"samples": samples, "refinements": refinements}
    search(learned, "mini", run=run / "first", seed=0, **budget)
    report: list[dict[str, Any]] = []
    for text in ["base", *setting]:
        adapter = None if text == "base" else learn(run, text)
        results = again(learned, held, adapter, run / text, budget)
        report.append({"setting": text, **results, **(adapter.figures if adapter else {})})
        (run / "results.json").write_text(json.dumps(report, indent=1))
        print(json.dumps(report[-1]), flush=True)


def draw(count: int, longest: int) -> list[Task]:
    """Return the first tasks, by content, whose prompts are short."""
    from soar.prompting import load_prompt_set

    prompts = load_prompt_set("mini")
    every = sorted(soar.load_tasks("arc-agi-1/training").values(), key=lambda task: task.content_hash)
    with closing(MiniModel(workers=1)) as model:
        lengths = model.count_tokens([prompts.render(task) for task in every])
    return [task for task, length in zip(every, lengths, strict=True) if length <= longest][:count]


def learn(run: Path, text: str) -> Adapter:
    """Return an adapter trained with a setting, on rows of the first search; both are made once."""
    changes = dict(item.split("=") for item in text.split(","))
    of_rows = {name: changes.pop(name) for name in ("per_task", "selection") if name in changes}
    folder = run / text / "rows"
    if not (folder / "dataset_info.json").exists():
        selection: Any = of_rows.get("selection", "greedy-diverse")
        rows, counts = make_dataset(run / "first", per_task=int(of_rows.get("per_task", 4)), selection=selection)
        print(counts)
        rows.save_to_disk(folder)
    options = {name: json.loads(value) for name, value in changes.items()}
    config = TrainingConfig.for_model("mini", **options)
    return train(load_from_disk(folder), "mini", run / text / "adapter", config, progress=True)


def again(
    learned: list[Task], held: list[Task], adapter: Adapter | None, folder: Path, budget: dict[str, Any]
) -> dict[str, Any]:
    """Search both groups of tasks with another seed; return how much is solved."""
    found: dict[str, Any] = {}
    with closing(MiniModel()) as model:
        if adapter is not None:
            model.load_adapter(str(adapter.path))
        for name, group in (("learned", learned), ("held_out", held)):
            if not group:
                continue
            results = search(group, model, run=folder / name, seed=1, progress=True, **budget)
            found[name] = score(results)
    return found


def score(results: SearchResults) -> dict[str, Any]:
    """Vote, oracle, and the mean share of a task's completions that solve its examples."""
    one = results.summary
    shares = [
        sum(attempt.solves_examples for attempt in result.attempts) / max(1, len(result.attempts))
        for result in results.values()
    ]
    return {
        "solved": one.tasks_solved, "mean_solved": one.mean_solved, "oracle": one.oracle,
        "examples_solved": one.examples_solved, "share_right": sum(shares) / len(shares),
        "unique_outputs": one.unique_outputs,
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
