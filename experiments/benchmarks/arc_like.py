"""Programs as a model writes them for ARC tasks, and grids to run them on; made up here, without any task's data."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the measured processes load no more than they need
    from soar.sandbox import Value

PROGRAMS = {
    "turn": """
import numpy as np

def transform(grid):
    return np.rot90(np.array(grid), 1).tolist()
""",
    "recolour": """
def transform(grid):
    counts = {}
    for row in grid:
        for cell in row:
            counts[cell] = counts.get(cell, 0) + 1
    most = max(counts, key=lambda colour: (counts[colour], -colour))
    return [[0 if cell == most else cell for cell in row] for row in grid]
""",
    "crop": """
import numpy as np

def transform(grid):
    array = np.array(grid)
    rows, columns = np.where(array > 0)
    if len(rows) == 0:
        return grid
    return array[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
""",
    "largest object": """
import numpy as np
from scipy.ndimage import label

def transform(grid):
    array = np.array(grid)
    labels, count = label(array > 0)
    if count == 0:
        return grid
    sizes = [(labels == number).sum() for number in range(1, count + 1)]
    return np.where(labels == 1 + int(np.argmax(sizes)), array, 0)
""",
    "flood fill": """
from collections import deque

def transform(grid):
    height, width = len(grid), len(grid[0])
    outside, todo = set(), deque()
    for row in range(height):
        for column in range(width):
            if grid[row][column] == 0 and (row in (0, height - 1) or column in (0, width - 1)):
                outside.add((row, column))
                todo.append((row, column))
    while todo:
        row, column = todo.popleft()
        for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if near not in outside and 0 <= near[0] < height and 0 <= near[1] < width and grid[near[0]][near[1]] == 0:
                outside.add(near)
                todo.append(near)
    return [
        [4 if cell == 0 and (row, column) not in outside else cell for column, cell in enumerate(cells)]
        for row, cells in enumerate(grid)
    ]
""",
    "gravity": """
def transform(grid):
    columns = []
    for column in zip(*grid):
        full = [cell for cell in column if cell != 0]
        columns.append([0] * (len(column) - len(full)) + full)
    return [list(row) for row in zip(*columns)]
""",
    "tile and mirror": """
import numpy as np

def transform(grid):
    array = np.array(grid)
    top = np.hstack([array, np.fliplr(array)])
    return np.vstack([top, np.flipud(top)])
""",
    "index error on small grids": """
def transform(grid):
    return [row[:3] for row in grid[:3]] + [[grid[12][12]]]
""",
    "count objects": """
def transform(grid):
    seen, count = set(), 0
    def walk(row, column, colour):
        if (row, column) in seen or not (0 <= row < len(grid) and 0 <= column < len(grid[0])):
            return
        if grid[row][column] != colour:
            return
        seen.add((row, column))
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            walk(row + down, column + right, colour)
    for row in range(len(grid)):
        for column in range(len(grid[0])):
            if grid[row][column] != 0 and (row, column) not in seen:
                count += 1
                walk(row, column, grid[row][column])
    return [[1] * count]
""",
    "library of grids": """
from soar.grids import *
import numpy as np

def transform(grid):
    return np.array(grid)[::-1, ::-1]
""",
}


def grids(rng: random.Random, count: int = 4) -> list[Value]:
    """Sparse grids of 5 to 20 rows and columns, in ten colours."""
    found: list[Value] = []
    for _ in range(count):
        height, width = rng.randint(5, 20), rng.randint(5, 20)
        found.append([[rng.randint(1, 9) if rng.random() < 0.3 else 0 for _ in range(width)] for _ in range(height)])
    return found


def jobs(count: int, seed: int) -> list[tuple[str, list[Value]]]:
    """`count` programs in turn, each made unique by a comment, with four grids of its own."""
    rng, sources = random.Random(seed), list(PROGRAMS.values())
    return [(f"# {i}{sources[i % len(sources)]}", grids(rng)) for i in range(count)]


def answers_of(source: str, inputs: Sequence[object]) -> list[object]:
    """What one of these programs answers, run here and now on fresh copies; None where it raises IndexError."""
    scope: dict[str, Callable[[Any], object]] = {}
    exec(source, scope)
    found: list[object] = []
    for text in map(json.dumps, inputs):
        try:
            answer = scope["transform"](json.loads(text))
        except IndexError:
            answer = None
        found.append(json.loads(json.dumps(answer, default=lambda item: item.tolist())))
    return found
