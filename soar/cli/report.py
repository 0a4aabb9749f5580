"""`soar report`: a run to look at, in a browser."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from soar.report import Report

_RUNS = "Folder of a run: its last round, or with @N round N (runs/a@0); of a loop all searches. Several are compared."


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help=_RUNS)],
    output: Annotated[
        Path | None, typer.Option(help="The file to write, ending in .html; without it, report.html in the first run.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Renew it whenever the run has changed, until Ctrl-C.")
    ] = False,
) -> None:
    """Make a page that shows a run, or several compared: tasks, attempts, prompts, replies, lineage, curves, a loop.

    It is one file that works from disk, without a network; what is too much for one lies in a folder beside it. Test
    outputs are shown.

    Examples: `soar report runs/a --open` · `soar report runs/a runs/b --output both.html` · `soar report runs/a
    --watch`
    """
    from soar.report import make_report
    from soar.report.page import check_target, pages_folder

    made = make_report(runs)
    target = (output or made.folders[0] / "report.html").absolute()
    check_target(target)
    if watch:
        _watch(made, target, open_it)
        return
    made.save(target)
    beside = pages_folder(target)
    more = f"; with {beside.name}, which belongs to it" if beside.exists() else ""
    typer.echo(f"{target}, {target.stat().st_size / 1e6:.1f} MB{more}")
    if open_it:
        typer.launch(target.as_uri())


def _watch(made: Report, target: Path, open_it: bool) -> None:
    from soar.report.watching import watch

    typer.echo(f"{target} is renewed whenever the run has changed; Ctrl-C ends that.")
    try:
        with closing(watch(made, target)) as written:
            for number, _ in enumerate(written):
                if open_it and number == 0:
                    typer.launch(target.as_uri())
    except KeyboardInterrupt:
        typer.echo("It is no longer renewed.")
