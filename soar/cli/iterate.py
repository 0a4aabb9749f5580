"""The command `soar iterate`, which is also `python experiments/iterate.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli.config_file import HELP as CONFIG
from soar.cli.config_file import with_file
from soar.cli.derive import takes
from soar.cli.machines import RAY, SHARD_CPUS, SHARD_GPUS, SHARDS, backend_of
from soar.loop.config import LoopConfig
from soar.training.config import OF_METHOD, TrainingConfig

if TYPE_CHECKING:
    from soar.tasks.sets import TaskSet

DOMAIN, SLICE = "gym/domain-8", 100  # 5 to 7 are kept for reports


@takes(LoopConfig, without=("iterations", "iteration", "scorer"), training=TrainingConfig)
def iterate(
    iterations: Annotated[
        int | None,
        typer.Option("--iters", "--iterations", help="Rounds of search and training, 4; a last search follows."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="mini (embedded), hf:NAME_OR_FOLDER, vllm:NAME_OR_FOLDER: one that loads adapters.")
    ] = "mini",
    tasks: Annotated[
        str | None,
        typer.Option(
            help="What is searched and learnt from: a set (arc-agi-1/training), a file or a folder. Without it, "
            f"{SLICE} generated tasks of a dozen kinds ({DOMAIN}/train), and {SLICE} more held out; these are searched "
            "after every round, and at last by the base model alone (held_out_every, control)."
        ),
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option(help="What is searched before and after, and never learnt from: a set, file or folder."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="What is to be solved at last, with --ttt rounds: a set, file or folder.")
    ] = None,
    run: Annotated[
        Path, typer.Option(help="Folder of all that is made; the same command goes on where it was killed.")
    ] = Path("runs/demo"),
    config: Annotated[Path | None, typer.Option(help=f"{CONFIG} Tables: [hindsight], [training].")] = None,
    limit: Annotated[
        int | None, typer.Option(help="Take so many of --tasks, in the order of the hash of their content.", min=1)
    ] = None,
    held_out_limit: Annotated[int | None, typer.Option(help="The same of --held-out.", min=1)] = None,
    target_limit: Annotated[int | None, typer.Option(help="The same of --target.", min=1)] = None,
    pool: Annotated[
        list[Path] | None, typer.Option(help="Another run whose rows join those of this one before test time.")
    ] = None,
    drop_overlap: Annotated[
        bool, typer.Option("--drop-overlap", help="Leave out training tasks that share examples with other sets.")
    ] = False,
    ray: Annotated[str | None, RAY] = None,
    shards: Annotated[int | None, SHARDS] = None,
    shard_cpus: Annotated[float, SHARD_CPUS] = 1,
    shard_gpus: Annotated[float, SHARD_GPUS] = 0,
    stop_file: Annotated[Path | None, typer.Option(help="Stop once this file is there.")] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(help="Also send figures to wandb or trackio; TensorBoard files are always written."),
    ] = None,
    *,
    options: dict[str, Any],
) -> None:
    """Let a model get better at a set of tasks: search, learn from the attempts in hindsight, train, search again.

    Each round searches the training tasks, makes rows of the attempts (a program is always a right answer to the task
    that its own outputs make; mini learns from its solutions alone, at more inputs), and trains a LoRA adapter on
    them. Everything lands in --run, with a report.md that each stage renews. Kill it whenever you like: the same
    command goes on.

    The defaults shown are SOAR's; mini has its own of rows and training (docs/training.md).

    Examples: `soar iterate --iters 4` · `soar iterate --tasks arc-agi-1/training --target my.jsonl --ttt 2`
    """
    from rich.console import Console

    from soar.evolution.stopping import StopFile
    from soar.loop.loop import iterate as run_loop

    console = Console()
    if iterations is not None:
        options["iterations"] = iterations
    options = with_file(config, options, [*LoopConfig.model_fields, "training"])
    if tasks is None:
        options = {"held_out_every": True, "control": True, **options}
    training = _trainings(model, options.pop("training", {}), options)
    searched, aside = _sets(tasks, limit, held_out, held_out_limit)
    try:
        report = run_loop(
            searched, model, held_out=aside, target=_limited(target, target_limit), run=run, training=training,
            pool=pool or (), drop_overlap=drop_overlap, stop=None if stop_file is None else StopFile(stop_file),
            track=track or (), backend=backend_of(ray, shards, shard_cpus, shard_gpus), progress=True, **options,
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.secho(f"soar: interrupted; the same command goes on from what is in {run}", fg="yellow", err=True)
        raise typer.Exit(130) from None
    console.print(report)
    typer.echo(f"All of it is in {run}: report.md, plots, tensorboard --logdir {run}")
    if report.stopped is not None:
        typer.secho(f"soar: stopped: {report.stopped}; the same command goes on from there", fg="yellow", err=True)
        raise typer.Exit(130 if report.stopped == "Ctrl-C" else 0)


def _trainings(model: str, learning: dict[str, Any], options: dict[str, Any]) -> list[TrainingConfig]:
    """How to train by each method of the loop, or by the one named: options of one method are for that alone."""
    named = learning.get("method")
    methods = dict.fromkeys(LoopConfig.for_model(model, options).method) if named is None else (named,)
    made = []
    for method in methods:
        beyond = {name for other, names in OF_METHOD.items() if named is None and other != method for name in names}
        own = {name: value for name, value in learning.items() if name not in beyond}
        made.append(TrainingConfig.for_model(model, **{"seed": options.get("seed", 0), **own, "method": method}))
    for name in (name for names in OF_METHOD.values() for name in names if name in learning):
        if not any(name in OF_METHOD.get(one.method, ()) for one in made):
            TrainingConfig.for_model(model, **{**learning, "method": made[0].method})  # says whose option it is
    return made


def _sets(
    tasks: str | None, limit: int | None, held_out: str | None, held_out_limit: int | None
) -> tuple[TaskSet, TaskSet | None]:
    """Training and held-out tasks; without any name, those of a domain."""
    if tasks is not None:
        searched = _limited(tasks, limit)
        assert searched is not None
        return searched, _limited(held_out, held_out_limit)
    from soar.tasks.sets import load_tasks

    halves = (load_tasks(f"{DOMAIN}/{half}") for half in ("train", "held-out"))
    first, rest = (half[: size or SLICE] for half, size in zip(halves, (limit, held_out_limit), strict=True))
    return first, rest if held_out is None else _limited(held_out, held_out_limit)


def _limited(name: str | None, limit: int | None) -> TaskSet | None:
    from soar.evolution.slices import shuffled
    from soar.tasks.sets import load_tasks

    if name is None:
        return None
    tasks = load_tasks(name)
    return tasks if limit is None else shuffled(tasks)[:limit]
