"""The `soar` command."""

from __future__ import annotations

import difflib
import functools
import itertools
import json
import operator
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar import cli_evaluation, cli_iterate
from soar.cli_dataset import dataset
from soar.cli_train import train
from soar.errors import SoarError

if TYPE_CHECKING:
    from soar.datasets import TaskSet
    from soar.search.stoppers import Stopper
    from soar.task import Task

app = typer.Typer(
    help="Search for programs that explain a few input-output examples, with a language model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
SETS = "arc-agi-1/training, arc-agi-1/evaluation, arc-agi-2/training, arc-agi-2/evaluation"

MODELS = "mini (embedded), hf:NAME_OR_FOLDER, vllm:NAME_OR_FOLDER, openai:MODEL, openai:MODEL@http://host:port/v1."
SETTINGS = "TOML file that says more of an openai: model: limits, prices, what it understands."


@app.command()
def search(
    tasks: Annotated[
        str,
        typer.Argument(
            metavar="TASK|SET", help=f"A task's id (3c9b0459), a set ({SETS}), a JSON or JSONL file, or a folder."
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
    prompt_set: Annotated[
        str | None, typer.Option(help="Another prompt set than the model's own: soar, golden, grids, ..., or a folder.")
    ] = None,
    drop_examples: Annotated[
        bool, typer.Option("--drop-examples", help="Show fewer examples where a prompt is too long, instead of none.")
    ] = False,
    few_shot: Annotated[
        str | None, typer.Option(metavar="RUN", help="Show tasks that this earlier run solved (RUN or RUN:ITERATION).")
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print predictions as JSON, and nothing else, on standard output.")
    ] = False,
) -> None:
    """Search programs for one task or many, and vote over their predictions.

    Examples: `soar search 3c9b0459` · `soar search arc-agi-1/training --run runs/first` · `soar search my.jsonl --json`
    """
    from rich.console import Console

    from soar.models import open_model
    from soar.search import search as search_tasks

    found = _tasks(tasks)
    if limit is not None and not _is_task(found):
        found = found[:limit]  # type: ignore[index]
    options: dict[str, Any] = {
        "samples": samples,
        "refinements": refinements,
        "seed": seed,
        "budget": budget,
        "selector": selector,
        "prompt_set": prompt_set,
        "drop_examples": drop_examples,
        "few_shot": few_shot,
    }
    stop = _stopper(max_programs, max_tokens, max_cost, max_seconds, stop_file)
    kept = f"what was found is in {run}: the same command goes on from there" if run else "no --run was given"
    try:
        with ExitStack() as stack:
            settled = open_model(model, model_settings) if model_settings is not None else None
            if settled is not None:
                stack.callback(settled.close)
            result = search_tasks(found, model=settled or model, adapter=adapter, run=run, stop=stop, **options)
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


def _stopper(
    programs: int | None, tokens: int | None, cost: float | None, seconds: float | None, file: Path | None
) -> Stopper | None:
    from soar.search.stoppers import Cost, Programs, Seconds, StopFile, Tokens

    wanted = [
        None if programs is None else Programs(programs),
        None if tokens is None else Tokens(tokens),
        None if cost is None else Cost(cost),
        None if seconds is None else Seconds(seconds),
        None if file is None else StopFile(file),
    ]
    given: list[Stopper] = [stopper for stopper in wanted if stopper is not None]
    return functools.reduce(operator.or_, given) if given else None


@app.command("tasks")
def list_tasks(
    source: Annotated[
        str | None, typer.Argument(help="A set, a file or a folder; without it, the sets that are known.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another set: list the tasks of both that share an example.")
    ] = None,
) -> None:
    """List the tasks of a set, or what two sets share."""
    from soar.datasets import ARC_SETS, load_tasks, overlap

    if source is None:
        for name in ARC_SETS:
            typer.echo(repr(load_tasks(name)))
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


@app.command()
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
    every: Annotated[bool, typer.Option("--all", help="Of a run, list all tasks, not only the first.")] = False,
    save: Annotated[Path | None, typer.Option(help="Write the picture of a task to this .svg or .png file.")] = None,
) -> None:
    """Draw a task, or the results of a run."""
    from rich.console import Console

    console = Console()
    if (Path(what) / "loop.json").exists() and task is None:
        from soar.loop import load_report

        console.print(load_report(what))
        return
    if (Path(what) / "archive.sqlite").exists():
        _show_run(what, task, every)
        return
    for found in _each(_tasks(what)):
        if prompt:
            _show_prompt(found, model, prompt_set)
        elif save is not None:
            found.save(save)
        else:
            console.print(found)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    file: Annotated[Path, typer.Argument(help="The .parquet file to write.")],
    iteration: Annotated[int | None, typer.Option(help="Round of the loop; without it, the last one.")] = None,
) -> None:
    """Write all attempts of a run to a Parquet file, a row per completion."""
    from soar.search import load_run

    typer.echo(f"{load_run(run, iteration).to_parquet(file)} rows in {file}")


@app.command()
def merge(
    target: Annotated[Path, typer.Argument(help="Folder of the merged run; new, or one to add to.")],
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs of one search, each with tasks of its own.")],
) -> None:
    """Merge runs of several machines into one."""
    from soar.merging import merge_runs

    counts = merge_runs(target, runs)
    typer.echo(f"{target}: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))


app.command()(dataset)
app.command()(train)


@app.command()
def doctor(
    model: Annotated[
        str | None, typer.Option(help=f"Ask this model instead, once for each capability. {MODELS}")
    ] = None,
    model_settings: Annotated[Path | None, typer.Option(help=SETTINGS)] = None,
    prompt_set: Annotated[
        str | None, typer.Option(help="Prompt set to ask with; without it, the model's own. One that is raw asks raw.")
    ] = None,
) -> None:
    """Show what this machine offers: packages, processors, layers of the sandbox. Or, live, what a model can do.

    With `--model` a few tiny requests are sent, which cost as much as they would in a search.
    """
    from rich.console import Console

    from soar.doctor import report

    if model is not None:
        from soar.models import open_model
        from soar.models.probing import probe

        with closing(open_model(model, model_settings)) as opened:
            Console().print(probe(opened, prompt_set))
        return
    for line in report():
        typer.echo(line)


for _command in (cli_evaluation.evaluate, cli_evaluation.compare, cli_evaluation.vote, cli_iterate.iterate):
    app.command()(_command)


def _tasks(name: str) -> TaskSet | Task:
    """Return a set, or a single task where the name stands for one."""
    from soar.datasets import ARC_SETS, find_task, load_tasks

    if name in ARC_SETS or Path(name).exists() or Path(name).suffix in (".json", ".jsonl"):
        tasks = load_tasks(name)
        return tasks[0] if len(tasks) == 1 else tasks
    return find_task(name)


def _each(tasks: TaskSet | Task) -> list[Task]:
    return [tasks] if _is_task(tasks) else list(tasks.values())  # type: ignore[list-item, union-attr]


def _is_task(tasks: object) -> bool:
    from soar.task import Task

    return isinstance(tasks, Task)


def _show_run(run: str, id: str | None, every: bool) -> None:
    from rich.console import Console

    from soar.search import ConfigError, load_run
    from soar.search.lineage import line_text, short_line
    from soar.search.results_view import SHOWN, results_to_rich

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
    console.print(results[id])
    typer.echo(f"How it was found:\n{line_text(results[id].line)}")


def _show_prompt(task: Task, model_name: str, prompt_set: str | None) -> None:
    from soar.models import open_model
    from soar.search.config import SearchConfig
    from soar.search.planning import max_tokens, prompt_sets_for

    config = SearchConfig.of({"prompt_set": prompt_set})
    with closing(open_model(model_name)) as model:
        grids, values = prompt_sets_for(model, config)
        chosen = grids if task.is_grid else values
        prompt = chosen.render(task)
        tokens = model.count_tokens([prompt])
    typer.echo(prompt.text)
    length = "unknown number of" if tokens is None else str(tokens[0])
    window = model.capabilities.context_length
    room = "" if window is None else f", {max_tokens(config, chosen)} more for the reply, window of {window}"
    typer.echo(f"-- {task.id}, prompt set {chosen.name}: {length} tokens{room}", err=True)


def main() -> None:
    """Run the command; what the user can mend ends in one line and exit status 2."""
    try:
        app()
    except (SoarError, OSError) as error:
        typer.secho(f"soar: {error}", fg="red", err=True)
        sys.exit(2)
