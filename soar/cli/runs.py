"""`soar export`, `soar merge`, `soar doctor`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from soar.cli.naming import MODELS, SETTINGS


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    file: Annotated[Path, typer.Argument(help="The file to write: .parquet, .csv or .jsonl.")],
    iteration: Annotated[int | None, typer.Option(help="Round of the loop; without it, the last one.")] = None,
) -> None:
    """Write all attempts of a run to a Parquet, CSV or JSON-lines file, a row per completion."""
    from soar.evolution.results import load_run

    typer.echo(f"{load_run(run, iteration).export(file)} rows in {file}")


def merge(
    target: Annotated[Path, typer.Argument(help="Folder of the merged run; new, or one to add to.")],
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs of one search, each with tasks of its own.")],
) -> None:
    """Merge runs of several machines into one."""
    from soar.evolution.merging import merge_runs

    counts = merge_runs(target, runs)
    typer.echo(f"{target}: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))


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
