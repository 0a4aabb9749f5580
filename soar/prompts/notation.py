"""How `mini` reads grids: one character, and one token, per cell.

A grid is its height and width (`↓2→3`) and then its rows, each ended by a newline, in circled digits, which never occur
in code: the model need not tell a colour in a grid from a number in a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soar.tasks.values import Grid, Value, is_grid, matches

if TYPE_CHECKING:
    from soar.programs.program import Attempt
    from soar.tasks.task import Task

CELLS = "⓪①②③④⑤⑥⑦⑧⑨"
RIGHT_CELL = "·"
INPUT, OUTPUT, TEST, PARENT, RIGHT, WRONG = "▷", "▶", "◇", "✎", "✓", "✗"
MARKS = (INPUT, OUTPUT, TEST, PARENT, RIGHT, WRONG)  # no program holds one: a reply that comes to one is over
MAX_SIDE = 30
SHOWN_MISTAKES = 2  # further wrong outputs are only marked as wrong: they cost tokens and rarely add anything


def mini_grid(grid: Grid) -> str:
    """Return the grid as `mini` reads it."""
    return f"{_size(grid)}" + "".join("".join(CELLS[cell] for cell in row) + "\n" for row in grid)


def mini_mistake(produced: Grid, expected: Value) -> str:
    """Return a wrong output; where it has the right size, its right cells are dots."""
    if not is_grid(expected) or _size(produced) != _size(expected):
        return mini_grid(produced)
    rows = (
        "".join(RIGHT_CELL if cell == right else CELLS[cell] for cell, right in zip(row, right_row, strict=True))
        for row, right_row in zip(produced, expected, strict=True)
    )
    return _size(produced) + "".join(row + "\n" for row in rows)


def mini_feedback(task: Task, parent: Attempt) -> str:
    """Return a mark per example, each right or wrong, and in full the first outputs that are wrong."""
    shown = 0
    text = ""
    for example, outcome in zip(task.train, parent.train, strict=True):
        if outcome.status == "ok" and matches(outcome.value, example.output):
            text += RIGHT
            continue
        text += WRONG
        if shown < SHOWN_MISTAKES and is_grid(outcome.value):
            text += mini_mistake(outcome.value, example.output)
            shown += 1
    return text


def _size(grid: Grid) -> str:
    return f"↓{len(grid)}→{len(grid[0])}\n"
