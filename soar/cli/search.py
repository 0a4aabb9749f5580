"""`soar search`."""

from __future__ import annotations

import functools
import json
import operator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli.config_file import HELP as CONFIG
from soar.cli.config_file import with_file
from soar.cli.naming import MODELS, SETS, SETTINGS, Vote, each, find_tasks, is_task

if TYPE_CHECKING:
    from soar.evolution.stopping import Stopper
    from soar.tasks.task import Task


def search(
    ctx: typer.Context,
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
    samples: Annotated[int, typer.Option(help="Programs drawn independently, for each task.")] = 64,
    refinements: Annotated[
        int, typer.Option(help="Programs drawn as refinements of earlier ones, for each task.")
    ] = 64,
    config: Annotated[Path | None, typer.Option(help=CONFIG)] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of the model; without it, the prompt set's. 0: always the likeliest token.")
    ] = None,
    islands: Annotated[int, typer.Option(help="Separate lines of refinements for each task.")] = 4,
    early_stop: Annotated[int, typer.Option(help="A phase of a task ends once so many programs solve it.")] = 100,
    workers: Annotated[int | None, typer.Option(help="Processes that run programs; without it, one per core.")] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Completions under way at once; without it, what the model asks for.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same programs with the embedded model.")] = 0,
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run; the same command goes on where it was killed.")
    ] = None,
    budget: Annotated[
        str, typer.Option(help="fixed: the same for every task; adaptive: more where more is likely to pay.")
    ] = "fixed",
    selector: Annotated[
        str, typer.Option(help="What picks programs to refine: rex, uniform, best, crossover.")
    ] = "rex",
    vote: Annotated[
        Vote,
        typer.Option(help="How attempts count: sum, appendix (SOAR's two), majority, best, closest (nearest miss)."),
    ] = "sum",
    stop_when_solved: Annotated[
        int | None,
        typer.Option(
            help="Ask no further for a task once so many programs solve its examples; 0: never. Without it, 4 where "
            "the model is an endpoint or states prices, never with others."
        ),
    ] = None,
    prompt_set: Annotated[
        str | None, typer.Option(help="Another prompt set than the model's own: soar, golden, grids, ..., or a folder.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Let numbers differ by so much, relative above 1 (0: 2 is 2.0); tasks of grids stay exact."),
    ] = None,
    simplify: Annotated[
        bool, typer.Option("--simplify", help="Show the best program without what changes nothing at its inputs.")
    ] = False,
    drop_examples: Annotated[
        bool, typer.Option("--drop-examples", help="Show fewer examples where a prompt is too long, instead of none.")
    ] = False,
    few_shot: Annotated[
        str | None, typer.Option(metavar="RUN", help="Show tasks that this earlier run solved (RUN or RUN:ITERATION).")
    ] = None,
    reply_tokens: Annotated[
        int | None, typer.Option(help="Longest reply, in tokens; without it, the prompt set's.", min=1)
    ] = None,
    max_programs: Annotated[
        int | None, typer.Option(help="Stop once there are so many programs, over all tasks.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Stop once the model has written so many tokens, over all tasks.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Stop once it has cost so many US dollars; for models that know their prices.")
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    stop_file: Annotated[Path | None, typer.Option(help="Stop once this file is there.")] = None,
    limit: Annotated[int | None, typer.Option(help="Search only the first LIMIT tasks of a set.", min=1)] = None,
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
    options: dict[str, Any] = {
        "temperature": temperature,
        "islands": islands,
        "early_stop": early_stop,
        "workers": workers,
        "concurrency": concurrency,
        "samples": samples,
        "refinements": refinements,
        "seed": seed,
        "budget": budget,
        "selector": selector,
        "vote_weight": vote,
        "stop_when_solved": stop_when_solved,
        "prompt_set": prompt_set,
        "tolerance": tolerance,
        "simplify": simplify,
        "drop_examples": drop_examples,
        "few_shot": few_shot,
        "max_tokens": reply_tokens,
    }
    options = with_file(ctx, config, options, {"vote_weight": "vote", "max_tokens": "reply_tokens"})
    stop = _stopper(max_programs, max_tokens, max_cost, max_seconds, stop_file)
    kept = f"what was found is in {run}: the same command goes on from there" if run else "no --run was given"
    try:
        with ExitStack() as stack:
            settled = open_model(model, model_settings) if model_settings is not None else None
            if settled is not None:
                stack.callback(settled.close)
            result = search_tasks(
                found, model=settled or model, adapter=adapter, run=run, stop=stop, progress=progress, **options
            )
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


def _stopper(
    programs: int | None, tokens: int | None, cost: float | None, seconds: float | None, file: Path | None
) -> Stopper | None:
    from soar.evolution.stopping import Cost, Programs, Seconds, StopFile, Tokens

    wanted = [
        None if programs is None else Programs(programs),
        None if tokens is None else Tokens(tokens),
        None if cost is None else Cost(cost),
        None if seconds is None else Seconds(seconds),
        None if file is None else StopFile(file),
    ]
    given: list[Stopper] = [stopper for stopper in wanted if stopper is not None]
    return functools.reduce(operator.or_, given) if given else None
