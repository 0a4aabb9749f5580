"""Search a handful of real ARC-AGI-1 tasks with the embedded model and show what was found: `make demo`."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax

import soar
from soar.tasks.draw.rich import task_to_rich

# From the search of all 400 training tasks: five of different kinds that mini solved, and one that it did not.
TASKS = ("0520fde7", "1e0a9b12", "3af2c5a8", "a699fb00", "d631b094", "0d3d703e")


def main(
    picture: Annotated[Path | None, typer.Option(help="Also write what is shown to this .svg file.")] = None,
) -> None:
    """Search, then show each solved task with its prediction and the program that made it."""
    if picture is None:
        console = Console()
    else:
        console = Console(record=True, width=130, force_terminal=True, color_system="truecolor")
    tasks = soar.load_tasks("arc-agi-1/training").select(TASKS)
    started = time.monotonic()
    results = soar.search(tasks, samples=64, refinements=64)
    seconds = time.monotonic() - started
    for result in results.values():
        if result.solved and result.best is not None and result.best.program is not None:
            console.rule(f"[bold green]{result.task.id} solved")
            console.print(task_to_rich(result.task, [prediction.outputs for prediction in result.predictions[:1]]))
            body = result.best.program.source.split("grid = np.array(grid)\n")[-1]
            console.print(Syntax(body, "python", background_color="default"))
    console.print(results, highlight=False)
    console.print(
        f"{len(results)} tasks, {results.summary.completions} programs, {seconds:.0f} seconds, no download.",
        highlight=False,
    )
    if picture is not None:
        drawn = console.export_svg(title="make demo")
        picture.write_text(re.sub(r"@font-face {.*?}\n", "", drawn, flags=re.DOTALL))  # they would be fetched


if __name__ == "__main__":
    typer.run(main)
