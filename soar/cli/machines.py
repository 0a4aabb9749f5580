"""Options of commands that search on many machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from soar.cli.naming import each

if TYPE_CHECKING:
    from soar.cluster.ray_backend import Ray
    from soar.tasks.sets import TaskSet
    from soar.tasks.task import Task

RAY = typer.Option(
    metavar="ADDRESS|local", help="Search in shards on a Ray cluster: auto, HOST:PORT, or one started here."
)
SHARDS = typer.Option(help="Of a search on Ray; without it, one for each CPU or GPU asked for.", min=1)
SHARD_CPUS = typer.Option(help="That a shard takes on Ray.", min=0.1)
SHARD_GPUS = typer.Option(help="That a shard takes on Ray.", min=0)


def backend_of(ray: str | None, shards: int | None, cpus: float, gpus: float) -> Ray | None:
    """Return what runs a search; None: this process."""
    if ray is None:
        return None
    from soar.cluster.ray_backend import Ray

    return Ray(ray, shards, cpus, gpus)


def slice_of(found: Task | TaskSet, shard: str, run: Path | None) -> tuple[TaskSet, Path]:
    """Return the tasks of a shard, "3/8", and the folder of its run.

    Raises:
        typer.BadParameter: there is no such shard, or no run to put it in.
    """
    from soar.evolution.shards import place, split
    from soar.tasks.sets import TaskSet

    number, _, of = shard.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise typer.BadParameter(f"{shard!r} is none: 3/8 is the third of eight", param_hint="--shard")
    if run is None:
        raise typer.BadParameter("a shard is a part of a run: give --run", param_hint="--shard")
    tasks = split({task.id: task for task in each(found)}, int(of))[int(number) - 1]
    if not tasks:
        raise typer.BadParameter(f"shard {shard} has no task: there are fewer than {of}", param_hint="--shard")
    return TaskSet(tasks, f"shard {shard}"), place(run, int(number), int(of))
