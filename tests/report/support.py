"""Runs to look at: one that wants to break out of its report, one of every size of grid, one that has just begun."""

from __future__ import annotations

import random
from pathlib import Path

import soar
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from soar.tasks.task import Example, Task
from tests.search_support import TASKS, script

HOSTILE = (
    "</script><script>globalThis.broken = 1</script>",
    "<img src=x onerror='globalThis.broken = 1'>",
    "[bold]loud[/bold] {{ 7 * 7 }} ${1}",
    "\u202eright to left\u202c \u200b\u2066 \x00\x1b[31m",
    "'\"`-->]]>&lt;&#60;",
)
LINE = 1_000_000  # characters in one line of a reply


def hostile_reply(prompt: Prompt, place: int, rng: random.Random) -> str:
    """A reply that holds what might be taken for markup, also in its program, its errors and its outputs."""
    text = HOSTILE[place % len(HOSTILE)]
    if place == len(HOSTILE):
        return "x" * LINE + text
    source = f"def transform(value):\n    # {text!r}\n"
    if place % 2:
        return f"{text}\n```python\n{source}    raise ValueError({text!r})\n```"
    return f"<think>{text}</think>\n```python\n{source}    return {text!r}\n```"


def hostile_run(folder: Path) -> Path:
    """Tasks with such ids and values, and such replies to them."""
    tasks = {text: Task(text, (Example(text, text), Example("a", "b")), (Example(text, text),)) for text in HOSTILE}
    soar.search(tasks, ScriptedModel(hostile_reply), run=folder, samples=8, refinements=4, islands=1, workers=1)
    return folder


def any_grid(prompt: Prompt, place: int, rng: random.Random) -> str:
    """Right, upside down, of another size, or no program at all."""
    body = ("grid", "grid[::-1]", "[[1]]", "[row * 2 for row in grid]")[place % 4]
    return f"```python\ndef transform(grid):\n    return {body}\n```" if place < 7 else "I give up."


def sizes_run(folder: Path) -> Path:
    """Grids from a single cell to 30 by 30, long and thin ones; and a task whose answers are unknown."""
    rng = random.Random(0)
    sizes = ((1, 1), (30, 30), (1, 30), (30, 1), (2, 3))
    tasks = {}
    for rows, columns in sizes:
        grids = [[[rng.randrange(10) for _ in range(columns)] for _ in range(rows)] for _ in range(3)]
        pairs = tuple(Example(grid, grid) for grid in grids)
        tasks[f"{rows} by {columns}"] = Task(f"{rows} by {columns}", pairs[:2], pairs[2:])
    tasks["unknown"] = TASKS["task0"].without_test_outputs()
    model = ScriptedModel(any_grid, token_price=1e-6)
    soar.search(tasks, model, run=folder, samples=8, refinements=4, islands=1, workers=1, rules=[])
    return folder


def begun_run(folder: Path) -> Path:
    """A run whose tasks have no attempt, but one that cannot have any."""
    model = ScriptedModel(script, context_length=1200, prompt_set="soar")
    long = Task("long", tuple(Example([[1] * 30] * 30, [[2] * 30] * 30) for _ in range(9)), (Example([[1]], [[2]]),))
    soar.search(TASKS | {"long": long}, model, run=folder, samples=0, refinements=0, workers=1, max_tokens=64)
    return folder
