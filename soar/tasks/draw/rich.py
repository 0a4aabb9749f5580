"""Tasks drawn in a terminal, in a notebook, and saved as .svg or .png, in ARC's own colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from soar.core.files import write_whole
from soar.tasks.draw.drawn import Example, Task
from soar.tasks.draw.svg import PALETTE, lines_of, picture_of_grid, picture_of_task, to_svg
from soar.tasks.values import Grid, Value, is_grid

THUMBNAILS = 24  # tasks of a set shown in a notebook


@dataclass(frozen=True, slots=True)
class GridView:
    """A grid for rich: two characters a cell, coloured; digits where the console has no colour.

    `small` takes a quarter of the room, by half blocks: one character shows two cells, one above the
    other."""

    grid: Grid
    small: bool = False

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = len(self.grid[0]) * (1 if self.small else 2)
        return Measurement(width, width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        colourless = console.color_system is None or console.no_color
        step = 2 if self.small and not colourless else 1
        for r in range(0, len(self.grid), step):
            for c, cell in enumerate(self.grid[r]):
                if colourless:
                    yield Segment(str(cell) if self.small else f"{cell} ")
                elif not self.small:
                    yield Segment("  ", Style(bgcolor=PALETTE[cell]))
                elif r + 1 < len(self.grid):
                    yield Segment("▀", Style(color=PALETTE[cell], bgcolor=PALETTE[self.grid[r + 1][c]]))
                else:
                    yield Segment("▀", Style(color=PALETTE[cell]))
            yield Segment.line()


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task for rich: its pairs side by side, as many as fit; grids shrink where one pair would not."""

    task: Task
    predictions: Sequence[Sequence[Value]] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows: list[tuple[str, Example, list[Value]]]
        rows = [(f"train {k}", example, []) for k, example in enumerate(self.task.train, 1)]
        rows += [
            (f"test {k}", example, [answer[k - 1] for answer in self.predictions])
            for k, example in enumerate(self.task.test, 1)
        ]
        widest = max(
            sum(2 * len(value[0]) if is_grid(value) else 36 for value in (e.input, e.output, *answers)) + 20
            for _, e, answers in rows
        )
        small = widest > options.max_width
        yield Text(repr(self.task), style="bold")
        pairs = [_pair(title, self.task, e, answers, small) for title, e, answers in rows]
        yield Columns(pairs, padding=(1, 4))


def _pair(title: str, task: Task, example: Example, answers: list[Value], small: bool) -> RenderableType:
    """Input -> output, the answers beside them or, where there is little room, below the output."""
    table = Table.grid(padding=(0, 1))
    input, output = example.input, example.output
    rows: list[list[RenderableType]] = [[_value(input, small), Text("→", style="dim"), _value(output, small)]]
    for answer in answers:
        mark = Text("✓", style="bold green") if task.right(answer, output) else Text("✗", style="bold red")
        if output is None:
            mark = Text("·", style="dim")
        if small:
            rows.append(["", mark, _value(answer, small)])
        else:
            rows[0] += [mark, _value(answer, small)]
    for _ in rows[0]:
        table.add_column(vertical="middle", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return Group(Text(title, style="dim"), table)


def _value(value: Value, small: bool) -> RenderableType:
    return GridView(value, small) if is_grid(value) else Text("\n".join(lines_of(value)))


def grid_to_rich(grid: Grid) -> GridView:
    """A grid that `rich` prints in colour, or as digits where there is none."""
    return GridView(grid)


def task_to_rich(task: Task, predictions: Sequence[Sequence[Value]] | None = None) -> TaskView:
    """A task that `rich` prints; `predictions[k][i]` is the k-th answer to test input i."""
    return TaskView(task, predictions or ())


def grid_to_svg(grid: Grid) -> str:
    """A grid as an SVG document."""
    return to_svg(picture_of_grid(grid))


def task_to_svg(task: Task, predictions: Sequence[Sequence[Value]] | None = None) -> str:
    """A task as an SVG document, one row per example; `predictions[k][i]` is the k-th answer to test input i,
    ticked or crossed where the true one is known."""
    return to_svg(picture_of_task(task, predictions))


def task_to_html(task: Task, predictions: Sequence[Sequence[Value]] | None = None) -> str:
    """A task as HTML for a notebook, light or dark."""
    return f'<div style="overflow-x:auto">{task_to_svg(task, predictions)}</div>'


def tasks_to_html(tasks: Mapping[str, Task]) -> str:
    """A set of tasks as HTML: what it is, and the first pair of its first tasks."""
    pictures = []
    for task in islice(tasks.values(), THUMBNAILS):
        first: Any = replace(task, train=task.train[:1], test=())  # type: ignore[type-var]
        svg = task_to_svg(first)
        pictures.append(f'<span style="display:inline-block;margin:4px">{svg}</span>')
    more = f"<p>and {len(tasks) - len(pictures)} more</p>" if len(tasks) > len(pictures) else ""
    return f"<p><b>{escape(repr(tasks))}</b></p><div>{''.join(pictures)}</div>{more}"


def show(thing: RenderableType) -> None:
    """Print something rich can draw, in the terminal or the notebook."""
    Console().print(thing)


def save(task: Task, path: str | Path, predictions: Sequence[Sequence[Value]] | None = None) -> None:
    """Save a picture of a task. Raises ValueError unless `path` ends in .svg or .png."""
    path = Path(path)
    picture = picture_of_task(task, predictions)
    if path.suffix == ".svg":
        write_whole(path, to_svg(picture))
    elif path.suffix == ".png":
        from soar.tasks.draw.png import to_png  # numpy is needed here only

        write_whole(path, to_png(picture))
    else:
        raise ValueError(f"{path}: pictures are saved as .svg or .png, so the name must end in one of them")
