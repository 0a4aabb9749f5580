"""The command `soar iterate`, which is also `python experiments/iterate.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli.config_file import HELP as CONFIG
from soar.cli.config_file import with_file

if TYPE_CHECKING:
    from soar.tasks.sets import TaskSet

DOMAIN, SLICE = "gym/domain-8", 100  # 5 to 7 are kept for reports


def iterate(
    ctx: typer.Context,
    iterations: Annotated[
        int, typer.Option("--iters", "--iterations", help="Rounds of search and training; a last search follows.")
    ] = 4,
    model: Annotated[
        str, typer.Option(help="mini (embedded), hf:NAME_OR_FOLDER, vllm:NAME_OR_FOLDER: one that loads adapters.")
    ] = "mini",
    tasks: Annotated[
        str | None,
        typer.Option(
            help="What is searched and learnt from: a set (arc-agi-1/training), a file or a folder. Without it, "
            f"{SLICE} generated tasks of a dozen kinds ({DOMAIN}/train), and {SLICE} more held out."
        ),
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option(help="What is searched before and after, and never learnt from: a set, file or folder."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="What is to be solved at last, with --ttt rounds: a set, file or folder.")
    ] = None,
    ttt: Annotated[
        int, typer.Option(help="Test-time rounds on the target tasks; they read none of their answers.")
    ] = 0,
    run: Annotated[
        Path, typer.Option(help="Folder of all that is made; the same command goes on where it was killed.")
    ] = Path("runs/demo"),
    config: Annotated[Path | None, typer.Option(help=f"{CONFIG} Those of rows in a table [hindsight].")] = None,
    samples: Annotated[int, typer.Option(help="Programs drawn independently, per task and round.")] = 32,
    refinements: Annotated[int, typer.Option(help="Programs drawn as refinements, per task and round.")] = 8,
    per_task: Annotated[
        int | None, typer.Option(help="Most rows of each kind learnt from a task; without it, what suits the model.")
    ] = None,
    augment: Annotated[
        int | None,
        typer.Option(help="Rows more for each solution: what it gives at other inputs; likewise."),
    ] = None,
    move_inputs: Annotated[
        bool | None,
        typer.Option(help="Show programs that solve nothing at turned, mirrored and recoloured inputs; likewise."),
    ] = None,
    simplify: Annotated[
        bool | None, typer.Option(help="Take out of programs what changes nothing before they are learnt; likewise.")
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(help="Of sampling rows: correct-only (mini's), uniform, greedy, greedy-diverse (the paper's)."),
    ] = None,
    refinement: Annotated[
        str | None, typer.Option(help="Of refinement rows: uniform, diverse (the paper's, and mini's), none.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            help="Learn from the attempts of the current round (as the authors' code), or of all so far (mini)."
        ),
    ] = None,
    embedder: Annotated[
        str, typer.Option(help="Tells programs that are alike: ngrams (no download), coderank, or a model's name.")
    ] = "ngrams",
    seed: Annotated[int, typer.Option(help="The same seed gives the same programs with the embedded model.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Of each training; without it, what suits the model.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of each training; likewise.")] = None,
    rank: Annotated[str | None, typer.Option(help="Of the LoRA adapters, or full: all weights; likewise.")] = None,
    stop_when_solved: Annotated[
        int | None,
        typer.Option(help="Ask no further for a task once so many programs of a round solve it."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Take so many of --tasks, in the order of the hash of their content.", min=1)
    ] = None,
    held_out_limit: Annotated[int | None, typer.Option(help="The same of --held-out.", min=1)] = None,
    target_limit: Annotated[int | None, typer.Option(help="The same of --target.", min=1)] = None,
    held_out_every: Annotated[
        bool, typer.Option("--held-out-every", help="Search the held-out tasks after every round.")
    ] = False,
    control: Annotated[
        bool | None,
        typer.Option(
            help="At last, search with the base model and as many completions as all searches had. On without --tasks."
        ),
    ] = None,
    continued: Annotated[
        bool | None,
        typer.Option(help="Train each adapter from the one before it (mini), or from the base model (the paper)."),
    ] = None,
    pool: Annotated[
        list[Path] | None, typer.Option(help="Another run whose rows join those of this one before test time.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="Let numbers differ by so much, as in soar search; tasks of grids stay exact.")
    ] = None,
    drop_overlap: Annotated[
        bool, typer.Option("--drop-overlap", help="Leave out training tasks that share examples with other sets.")
    ] = False,
    stop_file: Annotated[Path | None, typer.Option(help="Stop once this file is there.")] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(help="Also send figures to wandb or trackio; TensorBoard files are always written."),
    ] = None,
) -> None:
    """Let a model get better at a set of tasks: search, learn from the attempts in hindsight, train, search again.

    Each round searches the training tasks, makes rows of the attempts (a program is always a right answer to the task
    that its own outputs make; mini learns from its solutions alone, at more inputs), and trains a LoRA adapter on
    them. Everything lands in --run, with a report.md that each stage renews. Kill it whenever you like: the same
    command goes on.

    Examples: `soar iterate --iters 4` · `soar iterate --tasks arc-agi-1/training --target my.jsonl --ttt 2`
    """
    from rich.console import Console

    from soar.evolution.stopping import StopFile
    from soar.loop.loop import iterate as run_loop
    from soar.training.config import TrainingConfig

    console = Console()
    changes = {"seed": seed, "epochs": epochs, "learning_rate": learning_rate, "rank": rank}
    training = TrainingConfig.for_model(model, **{name: value for name, value in changes.items() if value is not None})
    hindsight = {
        "per_task": per_task, "augment": augment, "move_inputs": move_inputs, "simplify": simplify,
        "selection": selection,
        "refinement": refinement, "scope": scope, "embedder": embedder,
    }  # fmt: skip
    options: dict[str, Any] = {
        "iterations": iterations, "ttt": ttt, "samples": samples, "refinements": refinements, "seed": seed,
        "held_out_every": held_out_every or tasks is None, "stop_when_solved": stop_when_solved,
        "control": tasks is None if control is None else control,
        "tolerance": tolerance,
        "hindsight": {name: value for name, value in hindsight.items() if value is not None},
    }  # fmt: skip
    if continued is not None:
        options["continued"] = continued
    options = with_file(ctx, config, options, {}, own=("hindsight",))
    searched, aside = _sets(tasks, limit, held_out, held_out_limit)
    try:
        report = run_loop(
            searched, model, held_out=aside, target=_limited(target, target_limit), run=run, training=training,
            pool=pool or (), drop_overlap=drop_overlap, stop=None if stop_file is None else StopFile(stop_file),
            track=track or (), progress=True, **options,
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.secho(f"soar: interrupted; the same command goes on from what is in {run}", fg="yellow", err=True)
        raise typer.Exit(130) from None
    console.print(report)
    typer.echo(f"All of it is in {run}: report.md, plots, tensorboard --logdir {run}")
    if report.stopped is not None:
        typer.secho(f"soar: stopped: {report.stopped}; the same command goes on from there", fg="yellow", err=True)
        raise typer.Exit(130 if report.stopped == "Ctrl-C" else 0)


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
