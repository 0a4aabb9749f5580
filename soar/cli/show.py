"""`soar show` and `soar tasks`: what there is to see of tasks and runs."""

from __future__ import annotations

import difflib
import itertools
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soar.cli.naming import each, find_tasks

if TYPE_CHECKING:
    from soar.tasks.task import Task


def list_tasks(
    source: Annotated[
        str | None, typer.Argument(help="A set, a file or a folder; without it, the sets that are known.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another set: list the tasks of both that share an example.")
    ] = None,
) -> None:
    """List the tasks of a set, or what two sets share."""
    from soar.tasks.sets import ARC_SETS, load_tasks, overlap

    if source is None:
        for name in ARC_SETS:
            typer.echo(repr(load_tasks(name)))
        typer.echo("gym/domain-K/train and gym/domain-K/held-out: 200 generated tasks each, for K = 1, 2, 3, ...")
        return
    tasks = load_tasks(source)
    if against is None:
        for task in tasks.values():
            typer.echo(repr(task))
        return
    shared = overlap(tasks, load_tasks(against))
    for item in shared:
        typer.echo(str(item))
    typer.echo(f"{len(shared)} pairs of tasks share examples")


def show(
    what: Annotated[str, typer.Argument(metavar="TASK|RUN", help="A task's id or file, or the folder of a run.")],
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print what the model would see, and its length in tokens.")
    ] = False,
    model: Annotated[str, typer.Option(help="The model whose prompt is shown.")] = "mini",
    prompt_set: Annotated[
        str | None, typer.Option(help="Another prompt set than the model's own: soar, golden, grids, ..., or a folder.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Of a run, show this task, and how its best program came about.")
    ] = None,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="With --task, print every reply and what became of it, best first.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Of a run, list all tasks, not only the first.")] = False,
    save: Annotated[Path | None, typer.Option(help="Write the picture of a task to this .svg or .png file.")] = None,
) -> None:
    """Draw a task, or the results of a run."""
    from rich.console import Console

    from soar.evolution.config import ConfigError

    console = Console()
    if attempts and task is None:
        raise ConfigError("--attempts prints the replies to one task of a run: name it with --task")
    if (Path(what) / "loop.json").exists() and task is None:
        from soar.loop.loop import load_report

        console.print(load_report(what))
        return
    if (Path(what) / "archive.sqlite").exists():
        _show_run(what, task, every, attempts)
        return
    for found in each(find_tasks(what)):
        if prompt:
            _show_prompt(found, model, prompt_set)
        elif save is not None:
            found.save(save)
        else:
            console.print(found)


def _show_run(run: str, id: str | None, every: bool, attempts: bool) -> None:
    from rich.console import Console

    from soar.evolution.config import ConfigError
    from soar.evolution.results import load_run
    from soar.evolution.results_table import SHOWN, results_to_rich
    from soar.programs.lineage import attempt_text, line_text, short_line

    shown = None if every else SHOWN
    results, console = load_run(run), Console()
    if id is None:
        console.print(results_to_rich(results, shown))
        typer.echo("Best programs and how they were found (--task ID shows one in full):")
        for result in itertools.islice(results.values(), shown):
            if result.best is not None:
                typer.echo(f"{result.task.id}: {short_line(result.line)}")
        return
    if id not in results:
        near = difflib.get_close_matches(id, results, n=1)
        raise ConfigError(f"no task {id} in {run}" + (f"; nearest: {near[0]}" if near else ""))
    if attempts:
        for attempt in results[id].attempts:
            typer.echo(attempt_text(attempt))
        return
    console.print(results[id])
    typer.echo(f"How it was found:\n{line_text(results[id].line)}")


def _show_prompt(task: Task, model_name: str, prompt_set: str | None) -> None:
    from soar.evolution.config import SearchConfig
    from soar.evolution.plan import prompt_sets_for, sampling
    from soar.models import open_model

    config = SearchConfig.of({"prompt_set": prompt_set})
    with closing(open_model(model_name)) as model:
        grids, values = prompt_sets_for(model, config)
        chosen = grids if task.is_grid else values
        prompt = chosen.render(task)
        tokens = model.count_tokens([prompt])
    typer.echo(prompt.text)
    length = "unknown number of" if tokens is None else str(tokens[0])
    window = model.capabilities.context_length
    room = "" if window is None else f", {sampling(config, chosen).max_tokens} more for the reply, window of {window}"
    typer.echo(f"-- {task.id}, prompt set {chosen.name}: {length} tokens{room}", err=True)
