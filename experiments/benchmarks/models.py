"""The same tasks through `mini`, `hf:` and `vllm:` with the same weights: python experiments/benchmarks/models.py

The first 30 tasks of ARC-AGI-1 training whose prompts have at most 800 tokens, 16 samples and 16 refinements each, with
the embedded model's weights. Measured: tasks solved, with 95% intervals over tasks (bootstrap); the paired difference
from `mini`; programs per second from the first request to the last result. Opening a model is timed apart. A model
whose figures are in RUNS is not searched again; a search that was killed goes on where it was, without a speed.

`vllm:` needs SOAR_VLLM, see docs/models.md; `make test-vllm` makes such an environment.
"""

from __future__ import annotations

import json
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import soar
from soar.models import LanguageModel, open_model
from soar.models.mini import WEIGHTS, MiniModel
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.sets import TaskSet

MODELS = {"mini": "mini", "hf": f"hf:{WEIGHTS}", "vllm": f"vllm:{WEIGHTS} --dtype float32"}
LONGEST = 800  # tokens of a sampling prompt
RESULT = Path(__file__).parent / "results" / "models.json"


def fitting_tasks(count: int) -> TaskSet:
    """The first tasks whose prompts are short enough."""
    tasks, prompts = soar.load_tasks("arc-agi-1/training"), load_prompt_set("mini")
    with closing(MiniModel(workers=1)) as model:
        lengths = model.count_tokens([prompts.render(task) for task in tasks.values()])
    return tasks.select([id for id, length in zip(tasks, lengths, strict=True) if length <= LONGEST][:count])


def search(model: LanguageModel, tasks: TaskSet, run: Path, budget: int) -> dict[str, Any]:
    """Search all tasks; return what was solved and how fast."""
    resumed = (run / "archive.sqlite").exists()
    options: dict[str, Any] = {"samples": budget, "refinements": budget, "seed": 0, "prompt_set": "mini", "run": run}
    *_, last = soar.search_iter(tasks, model, **options)
    assert last.results is not None
    results = last.results
    return {
        "solved": {id: result.solved for id, result in results.items()},
        "completions": results.summary.completions,
        "oracle": results.summary.oracle,
        "mean_solved": results.summary.mean_solved,
        "programs_per_second": None if resumed else round(last.programs_per_second, 2),
        "tokens_per_second": None if resumed else round(last.tokens_per_second, 1),
        "seconds": None if resumed else round(last.seconds, 1),
        "events": results.events,
    }


def interval(values: np.ndarray[Any, np.dtype[np.float64]], draws: int = 10_000) -> list[float]:
    """95% interval of the mean of `values` [tasks], by resampling tasks."""
    picked = np.random.default_rng(0).integers(0, len(values), (draws, len(values)))
    return [round(float(edge), 4) for edge in np.quantile(values[picked].mean(1), (0.025, 0.975))]


def summarize(figures: dict[str, dict[str, Any]], tasks: TaskSet) -> dict[str, Any]:
    """Rates with intervals, and each model's paired difference from `mini`."""
    solved = {name: np.array([float(one["solved"][id] is True) for id in tasks]) for name, one in figures.items()}
    table = {}
    for name, values in solved.items():
        row = {key: value for key, value in figures[name].items() if key != "solved"}
        row |= {"solved": int(values.sum()), "rate": round(float(values.mean()), 4), "interval": interval(values)}
        if name != "mini" and "mini" in solved:
            difference = values - solved["mini"]
            row |= {"difference": round(float(difference.mean()), 4), "difference_interval": interval(difference)}
        table[name] = row
    return table


def main(
    models: Annotated[str, typer.Option(help="Which, separated by commas.")] = "mini,hf,vllm",
    count: Annotated[int, typer.Option(help="Tasks.")] = 30,
    budget: Annotated[int, typer.Option(help="Samples for each task, and as many refinements.")] = 16,
    runs: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/models"),
    note: Annotated[str, typer.Option(help="What else the machine did, for the record.")] = "",
) -> None:
    """Search with each model and write the table."""
    runs.mkdir(parents=True, exist_ok=True)
    tasks = fitting_tasks(count)
    figures: dict[str, dict[str, Any]] = {}
    for name in models.split(","):
        file = runs / f"{name}.json"
        if not file.exists():
            started = time.monotonic()
            with closing(open_model(MODELS[name])) as model:
                model.count_tokens([load_prompt_set("mini").render(tasks[0])])
                places = model.capabilities.max_concurrency
                opened = time.monotonic() - started
                one = search(model, tasks, runs / name, budget)
            one |= {"seconds_to_open": round(opened, 1), "concurrency": places}
            file.write_text(json.dumps(one))
        figures[name] = json.loads(file.read_text())
        typer.echo(f"{name}: {summarize({name: figures[name]}, tasks)[name]}")
    answer: dict[str, Any] = {"cores": os.cpu_count(), "tasks": len(tasks), "samples": budget, "refinements": budget}
    answer |= {"note": note, "models": summarize(figures, tasks)}
    RESULT.write_text(json.dumps(answer, indent=1) + "\n")
    typer.echo(json.dumps(answer["models"], indent=1))


if __name__ == "__main__":
    typer.run(main)
