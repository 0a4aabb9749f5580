"""What several test modules share: tasks, a script that writes programs, attempts made by hand, an archive read."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

from soar.models.base import Prompt
from soar.programs.program import Attempt, Program
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Example, Task
from soar.tasks.values import Value

BODIES = (
    "[row[::-1] for row in grid]",
    "grid[::-1]",
    "[list(column) for column in zip(*grid)]",
    "[[9 - cell for cell in row] for row in grid]",
    "[[cell + {k} for cell in row] for row in grid]",
    "[[{k}]]",
    "grid[{k}]",
    "grid",
)


def make_task(id: str, seed: int) -> Task:
    """Grids mirrored, turned upside down or transposed."""
    rng = random.Random(seed)
    change = (lambda g: [r[::-1] for r in g], lambda g: g[::-1], lambda g: [list(c) for c in zip(*g, strict=True)])[
        seed % 3
    ]
    inputs = [[[rng.randrange(10) for _ in range(3)] for _ in range(3)] for _ in range(4)]
    pairs = [Example(grid, change(grid)) for grid in inputs]
    return Task(id, tuple(pairs[:3]), tuple(pairs[3:]))


TASKS = {f"task{i}": make_task(f"task{i}", i) for i in range(3)}


def script(prompt: Prompt, place: int, rng: random.Random) -> str:
    """A random program, or none in one of ten; what a refinement is given changes nothing but the draw."""
    if rng.random() < 0.1:
        return "I cannot find the rule."
    body = rng.choice(BODIES).format(k=rng.randrange(3))
    return f"The rule is:\n```python\ndef transform(grid):\n    return {body}\n```\nDone."


def attempt(
    key: str,
    accuracy: float,
    test: tuple[Value, ...] = (),
    *,
    train: tuple[Outcome, ...] = (),
    broken: tuple[str, ...] = (),
    status: str = "ok",
    near: float = 0.0,
) -> Attempt:
    """An attempt with the accuracy and test outputs wanted."""
    outcomes = tuple(Outcome(status, value) for value in test)  # type: ignore[arg-type]
    return Attempt(
        key=key, task_id="t", task_hash="h", iteration=0, phase="sample", island=None, parents=(), model="m",
        adapter=None, program=Program(f"# {key}\n"), train=train, test=outcomes, train_accuracy=accuracy,
        broken_rules=broken, pixel_accuracy=near, fitness=accuracy,
    )  # fmt: skip


def content(run: Path) -> list[tuple[object, ...]]:
    """Everything in an archive but times and internal numbers, in a fixed order."""
    connection = sqlite3.connect(run / "archive.sqlite")
    attempts = """SELECT task_hash, key, parents, n, seed, prompt_hash, prompt_tokens, model, adapter, prompt_set,
            operator, position, reply, tokens, program.hash, parse_error
        FROM request JOIN completion ON request_id = request.id LEFT JOIN program ON program.id = program_id
        ORDER BY task_hash, key, position"""
    outcomes = """SELECT program.hash, input_hash, status, error, blob.hash
        FROM outcome JOIN program ON program.id = program_id LEFT JOIN blob ON blob.id = blob_id
        ORDER BY program.hash, input_hash"""
    rows = connection.execute(attempts).fetchall() + connection.execute(outcomes).fetchall()
    connection.close()
    return rows
