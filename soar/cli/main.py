"""The `soar` command."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from soar.core.errors import SoarError

# Loaded when they are asked for: options come out of configurations, and these take time to import.
COMMANDS = {
    "search": "soar.cli.search:search",
    "evolve": "soar.cli.evolve:evolve",
    "tasks": "soar.cli.show:list_tasks",
    "show": "soar.cli.show:show",
    "report": "soar.cli.report:report",
    "evaluate": "soar.cli.evaluation:evaluate",
    "compare": "soar.cli.evaluation:compare",
    "vote": "soar.cli.evaluation:vote",
    "submit": "soar.cli.evaluation:submit",
    "score": "soar.cli.evaluation:score",
    "dataset": "soar.cli.dataset:dataset",
    "train": "soar.cli.train:train",
    "iterate": "soar.cli.iterate:iterate",
    "export": "soar.cli.runs:export",
    "merge": "soar.cli.runs:merge",
    "doctor": "soar.cli.runs:doctor",
}


class Commands(TyperGroup):
    """The commands of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return their names, in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one of them, imported now; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        return command_of(getattr(importlib.import_module(module), function), cmd_name)


def command_of(function: Callable[..., None], name: str | None = None) -> Any:
    """Return a function as a command by itself."""
    alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    alone.command(name)(function)
    return typer.main.get_command(alone)


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


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


def main(command: Callable[[], Any] = app) -> None:
    """Run a command, by default all of `soar`; what the user can mend ends in one line and exit status 2."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed: what is meant for it goes nowhere, the rest is not lost with it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
        if isinstance(stream, TextIOWrapper):  # what cannot be written in latin-1 is written as an escape, not lost
            stream.reconfigure(errors="backslashreplace")
    try:
        command()
    except (SoarError, OSError) as error:
        typer.secho(f"soar: {error}", fg="red", err=True)
        sys.exit(2)
