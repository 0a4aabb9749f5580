"""Write docs/grids.md: every function of `soar.grids` with its signature, what it does, and a picture of an example.

    python experiments/draw_grids.py

The examples are drawn by the generator of `mini`'s tasks, always the same ones.
"""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import soar.grids
from soar.tasks.draw.svg import GAP, MARGIN, TEXT, Cells, Label, Picture, Stroke, to_svg
from soar.tasks.gym.families_scene import AFTER
from soar.tasks.gym.generator import FAMILIES, run
from soar.tasks.gym.grammar import Family, fill, new_draw, render
from soar.tasks.gym.inputs import Array
from soar.tasks.values import Grid

DOCS = Path(__file__).parent.parent / "docs"
MODULES = ("shape", "colour", "objects", "fill", "draw", "parts", "pattern")
CELL, COLUMNS, WIDTH, LINE = 11, 3, 330, 38  # cell and column in pixels, letters of a line
MOST_SIDE = 14

INTRODUCTION = r"""# soar.grids

{count} pure functions on grids, for the programs that explain them. `mini` writes programs with them; people and other
models may use them too (`soar search 3c9b0459 --prompt-set grids` lists them to any model).

```python
from soar.grids import largest, mirror_h

grid = [[0, 3, 3, 0], [0, 3, 0, 0], [0, 0, 0, 5]]
print(mirror_h(largest(grid)))
```

What holds for all:

- A grid is a rectangle of ints 0-9: a list of rows or a 2-D array. An empty or ragged one raises a `ValueError`.
- 0 is the empty ground; a colour, unless said otherwise, is one that is not 0.
- Arguments are never changed. A result is a new int array, an int, or a list of arrays.
- A side longer than 60 raises a `ValueError`, and so do grids of different shapes where one shape is needed.
- Objects are cells of one colour that touch, corners included (`diag=False`: sides only); with `multi=True`, of any
  colours. They are numbered in reading order of their first cells.
- Only numpy and scipy.ndimage are used.

A program that uses them can be made independent of soar: what it needs is written into it.

```python
from soar import Program

source = "from soar.grids import *\n\ndef transform(grid):\n    return mirror_h(largest(grid))\n"
print(Program(source).standalone().source)
```

In the pictures: the call, what it is given, what it gives. Written by `python experiments/draw_grids.py`.
"""


def main() -> None:
    """Write the page and its pictures."""
    for path, text in pages():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(f"{path.name}: {len(text) / 1024:.0f} KB")


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each file of the page and what it should hold."""
    modules = [import_module(f"soar.grids.{name}") for name in MODULES]
    text = INTRODUCTION.replace("{count}", str(sum(len(functions(module)) for module in modules)))
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        yield DOCS / "images" / f"grids-{name}.svg", to_svg(sheet(list(functions(module))))
        text += f"\n## {name.capitalize()}\n\n{inspect.getdoc(module)}\n\n"
        text += f"![Examples of {name}](images/grids-{name}.svg)\n\n| function | gives | |\n|---|---|---|\n"
        for function, code in functions(module).items():
            text += f"| `{signature(function, code)}` | {result_of(code)} | {one_line(code)} |\n"
    yield DOCS / "grids.md", text


def functions(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The public functions of the module, in the order of its text."""
    own = inspect.getmembers(module, inspect.isfunction)
    public = [(name, code) for name, code in own if code.__module__ == module.__name__ and name in soar.grids.__all__]
    return dict(sorted(public, key=lambda item: item[1].__code__.co_firstlineno))


def signature(name: str, code: Callable[..., Any]) -> str:
    """The call with its parameters and their defaults."""
    parameters = inspect.signature(code).parameters.values()
    return f"{name}({', '.join(str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters)})"


def result_of(code: Callable[..., Any]) -> str:
    """What kind of thing the function returns."""
    kinds = {"Array": "grid", "int": "int", "list[Array]": "list of grids", "list[int]": "list of ints"}
    return kinds[inspect.signature(code).return_annotation]


def one_line(code: Callable[..., Any]) -> str:
    """The docstring on one line of a table."""
    return " ".join((inspect.getdoc(code) or "").split()).replace("|", "\\|")


def sheet(names: list[str]) -> Picture:
    """A picture with an example of each function, in columns."""
    picture, top = Picture(COLUMNS * WIDTH + 2 * MARGIN), float(MARGIN)
    for start in range(0, len(names), COLUMNS):
        heights = [
            draw_one(picture, MARGIN + column * WIDTH, top, *example(name))
            for column, name in enumerate(names[start : start + COLUMNS])
        ]
        top += max(heights) + GAP
    picture.height = int(top)
    return picture


def draw_one(picture: Picture, x: float, y: float, call: str, grid: Grid, output: Grid) -> float:
    """Draw the call and its grids with the upper left corner at (x, y); return the height."""
    lines = [call[start : start + LINE] for start in range(0, len(call), LINE)]
    picture.items += [Label(x, y + (1.3 * k + 1) * TEXT, line) for k, line in enumerate(lines)]
    top = y + 1.3 * len(lines) * TEXT + 8
    middle = x + len(grid[0]) * CELL + 8
    tip, tall = middle + 18, max(len(grid), len(output)) * CELL
    centre = top + tall / 2
    picture.items += [
        Cells(x, centre - len(grid) * CELL / 2, CELL, grid),
        Stroke(((middle, centre), (tip, centre))),
        Stroke(((tip - 6, centre - 5), (tip, centre), (tip - 6, centre + 5))),
        Cells(tip + 8, centre - len(output) * CELL / 2, CELL, output),
    ]
    return top + tall - y


def example(name: str) -> tuple[str, Grid, Grid]:
    """A call of the function as short as there is one, a small grid and what it gives."""
    rng = random.Random(name)
    for family, template in sorted(using(name), key=lambda pair: len(pair[1])):
        for attempt in range(80):
            draw = new_draw(rng, family, (36 if family.grow <= 2 else 9) * (1 + family.grow), 8)
            step = fill(rng, Family(family.name, (template,), family.scene), draw.params)
            grid = family.scene(draw)
            output = run(render([step]), grid)
            if output is None or max(*grid.shape, *output.shape) > MOST_SIDE:
                continue
            if output.shape != grid.shape or shows(grid, output, partly=attempt < 50):
                call = "; ".join(step.replace("$", "grid").split("\n"))
                return call, grid.tolist(), output.astype(int).tolist()
    raise LookupError(f"no family shows {name}")


def shows(grid: Array, output: Array, partly: bool) -> bool:
    """Whether something changes; with `partly`, whether some cells that are not empty also stay."""
    stays = ((output == grid) & (grid != 0)).any()
    return bool((output != grid).any() and output.min() != output.max() and (stays or not partly))


def using(name: str) -> list[tuple[Family, str]]:
    """The families and templates in which the function occurs."""
    word = re.compile(rf"\b{name}\(")
    return [(family, text) for family in (*FAMILIES, *AFTER) for text in family.templates if word.search(text)]


if __name__ == "__main__":
    main()
