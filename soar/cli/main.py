"""The `soar` command."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from contextlib import closing
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from soar.cli import evaluation
from soar.cli.dataset import dataset
from soar.cli.iterate import iterate
from soar.cli.naming import MODELS, SETTINGS
from soar.cli.search import search
from soar.cli.show import list_tasks, show
from soar.cli.train import train
from soar.core.errors import SoarError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(search)
app.command("tasks")(list_tasks)
app.command()(show)
_EVALUATING = (evaluation.evaluate, evaluation.compare, evaluation.vote, evaluation.submit, evaluation.score)
for _command in (*_EVALUATING, dataset, train, iterate):
    app.command()(_command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"soar {importlib.metadata.version('soar-search')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Search for programs that explain a few input-output examples, with a language model, and learn from them."""


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    file: Annotated[Path, typer.Argument(help="The file to write: .parquet, .csv or .jsonl.")],
    iteration: Annotated[int | None, typer.Option(help="Round of the loop; without it, the last one.")] = None,
) -> None:
    """Write all attempts of a run to a Parquet, CSV or JSON-lines file, a row per completion."""
    from soar.evolution.results import load_run

    typer.echo(f"{load_run(run, iteration).export(file)} rows in {file}")


@app.command()
def merge(
    target: Annotated[Path, typer.Argument(help="Folder of the merged run; new, or one to add to.")],
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs of one search, each with tasks of its own.")],
) -> None:
    """Merge runs of several machines into one."""
    from soar.evolution.merging import merge_runs

    counts = merge_runs(target, runs)
    typer.echo(f"{target}: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))


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

    from soar.cli.doctor import report

    if model is not None:
        from soar.cli.probing import probe
        from soar.models import open_model

        with closing(open_model(model, model_settings)) as opened:
            Console().print(probe(opened, prompt_set))
        return
    for line in report():
        typer.echo(line)


def main() -> None:
    """Run the command; what the user can mend ends in one line and exit status 2."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed: what is meant for it goes nowhere, the rest is not lost with it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
        if isinstance(stream, TextIOWrapper):  # what cannot be written in latin-1 is written as an escape, not lost
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (SoarError, OSError) as error:
        typer.secho(f"soar: {error}", fg="red", err=True)
        sys.exit(2)
