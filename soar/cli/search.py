"""`soar search`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli.config_file import HELP as CONFIG
from soar.cli.config_file import with_file
from soar.cli.derive import takes
from soar.cli.machines import RAY, SHARD_CPUS, SHARD_GPUS, SHARDS, backend_of, slice_of
from soar.cli.naming import MODELS, SETS, SETTINGS, each, find_tasks, is_task
from soar.cli.stoppers import stopper_of
from soar.evolution.config import SearchConfig

if TYPE_CHECKING:
    from soar.tasks.task import Task


@takes(SearchConfig, without=("scorer",))  # of one's own is an object
def search(
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK|SET...", help=f"A task's id (3c9b0459), a set ({SETS}), a JSON or JSONL file, or a folder."
        ),
    ],
    model: Annotated[str, typer.Option(help=MODELS)] = "mini",
    model_settings: Annotated[Path | None, typer.Option(help=SETTINGS)] = None,
    adapter: Annotated[
        Path | None,
        typer.Option(help="Folder of an adapter that was trained for the model; without it, the base model."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run; the same command goes on where it was killed.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help=CONFIG)] = None,
    limit: Annotated[int | None, typer.Option(help="Search only the first LIMIT tasks of a set.", min=1)] = None,
    stop_programs: Annotated[
        int | None, typer.Option(help="Stop once there are so many programs, over all tasks.")
    ] = None,
    stop_tokens: Annotated[
        int | None, typer.Option(help="Stop once the model has written so many tokens, over all tasks.")
    ] = None,
    stop_cost: Annotated[
        float | None, typer.Option(help="Stop once it has cost so many US dollars; for models that know their prices.")
    ] = None,
    stop_seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    stop_file: Annotated[Path | None, typer.Option(help="Stop once this file is there.")] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Search only the I-th of N slices of the tasks, in RUN/shards/I-of-N; `soar merge` joins them.",
        ),
    ] = None,
    ray: Annotated[str | None, RAY] = None,
    shards: Annotated[int | None, SHARDS] = None,
    shard_cpus: Annotated[float, SHARD_CPUS] = 1,
    shard_gpus: Annotated[float, SHARD_GPUS] = 0,
    progress: Annotated[
        bool | None,
        typer.Option(
            "--progress/--no-progress",
            help="Where there is no terminal: a line for every task that is done; without it, one now and then.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print predictions as JSON, and nothing else, on standard output.")
    ] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Search programs for one task or many, and vote over their predictions.

    Examples: `soar search 3c9b0459 25ff71a9` · `soar search arc-agi-1/training --run runs/first` ·
    `soar search my.jsonl --json`
    """
    from rich.console import Console

    from soar.evolution.api import search as search_tasks
    from soar.models import open_model
    from soar.tasks.sets import TaskSet

    found = find_tasks(tasks[0]) if len(tasks) == 1 else TaskSet(_several(tasks), "tasks")
    if limit is not None and not is_task(found):
        found = found[:limit]  # type: ignore[index]
    options = with_file(config, options, SearchConfig.model_fields)
    if shard is not None:
        found, run = slice_of(found, shard, run)
    backend = backend_of(ray, shards, shard_cpus, shard_gpus)
    stop = stopper_of(stop_programs, stop_tokens, stop_cost, stop_seconds, stop_file)
    kept = f"what was found is in {run}: the same command goes on from there" if run else "no --run was given"
    try:
        with ExitStack() as stack:
            settled = open_model(model, model_settings) if model_settings is not None else None
            if settled is not None:
                stack.callback(settled.close)
            result = search_tasks(
                found, model=settled or model, adapter=adapter, run=run, stop=stop, backend=backend,
                progress=progress, **options,
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.secho(f"soar: interrupted; {kept}", fg="yellow", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(result.to_json()))
    else:
        Console().print(result)
    if result.stopped is not None:
        typer.secho(f"soar: stopped: {result.stopped}; {kept}", fg="yellow", err=True)
        raise typer.Exit(130 if result.stopped == "Ctrl-C" else 0)


def _several(names: list[str]) -> list[Task]:
    """The tasks of several names, each once."""
    found = [task for name in names for task in each(find_tasks(name))]
    return list({(task.id, task.content_hash): task for task in found}.values())
