"""From templates to programs: parameters are drawn, steps are chained, the text is always written the same way."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import numpy as np

from soar.tasks.gym.inputs import Draw, Scene

HEADER = """import numpy as np
from soar.grids import *

def transform(grid):
    grid = np.array(grid)
"""

_X = re.compile(r"\bx\b")


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of program step, and the scene on which it shows.

    `templates` are alternatives; in them `$` is the grid, `{a}` and the like are parameters (see `draw_params`);
    all lines but the last are set-up statements, the last one is the expression of the result.
    `grow` is the area of the output in input areas, `low` and `high` bound the sides of inputs,
    `follow` is the weight of the family as a second or third step.
    """

    name: str
    templates: tuple[str, ...]
    scene: Scene
    weight: float = 1.0
    follow: float = 0.0
    grow: float = 1.0
    low: int = 3
    high: int = 30


def draw_params(rng: random.Random, palette: list[int]) -> dict[str, int]:
    """Parameters of a task: colours a, a2 of the palette, b, b2 mostly not of it, small numbers, directions."""
    others = [color for color in range(1, 10) if color not in palette]
    fresh = (rng.sample(others, min(3, len(others))) + palette[:1:-1])[:3]
    step_y, step_x = rng.choice(((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)))
    return {
        "a": palette[0],
        "a2": palette[1],
        "b": fresh[0] if rng.random() < 0.9 else palette[-1],
        "b2": fresh[1],
        "c": fresh[2],
        "line": fresh[2] if rng.random() < 0.6 else 5 if 5 not in palette else fresh[2],
        "k": rng.choice((2, 2, 2, 3, 3, 4)),
        "k2": rng.choice((1, 2, 3)),
        "n": rng.randint(1, 4),
        "n9": rng.randint(3, 9),
        "s": rng.choice((1, 1, 2, -1, -2, 3)),
        "s2": rng.choice((1, 1, 2, -1, -2)),
        "dy": step_y,
        "dx": step_x,
        "i": rng.randrange(4),
        "turn": rng.randrange(2),
        "parts": rng.choice((3, 3, 4)),
        "ny": rng.randint(1, 4),
        "nx": rng.randint(2, 4),
        "holes": rng.choice((1, 1, 2, 3)),
        "mix": rng.randrange(24),
        "ground": fresh[1] if rng.random() < 0.12 else 0,
    }


def new_draw(rng: random.Random, family: Family, pair_cells: float, max_side: int) -> Draw:
    """The common ground of a task whose first step is of this family; `pair_cells` bounds input + output."""
    palette = rng.sample(range(1, 10), rng.choice((2, 3, 4, 5, 6, 7, 8)))
    area = max(family.low**2, pair_cells / (1 + family.grow))
    side = min(max_side, family.high)
    draw = Draw(
        rng,
        np.random.default_rng(rng.getrandbits(64)),
        palette,
        area,
        side,
        family.low,
        rng.random() < 0.5,
    )
    draw.params = draw_params(rng, palette)
    draw.kind = rng.random()
    draw.rich = rng.choice((0, 0, 1, 2, 3, 6))
    draw.grain = rng.choice((1, 1, 1, 1, 2, 3))
    return draw


def fill(rng: random.Random, family: Family, params: dict[str, int]) -> str:
    """One of the family's templates with its parameters put in."""
    return re.sub(r"\{(\w+)\}", lambda m: str(params[m[1]]), rng.choice(family.templates))


def in_steps(step: str) -> list[str]:
    """Cut a step whose set-up is `x = ...`, used alone by what follows, into two: each can then be left out."""
    first, _, rest = step.partition("\n")
    return [first.removeprefix("x = "), *in_steps(_X.sub("$", rest))] if rest and _alone(first, rest) else [step]


def _alone(first: str, rest: str) -> bool:
    return first.startswith("x = ") and "$" not in rest and "\n" not in rest


def render(steps: list[str]) -> str:
    """The body of a program: each step takes the result of the one before; lines are indented by four."""
    lines, name = [], "grid"
    for i, step in enumerate(steps):
        *setup, result = step.replace("$", name).split("\n")
        lines += setup
        lines.append(f"return {result}" if i == len(steps) - 1 else f"x = {result}")
        name = "x"
    return "".join(f"    {line}\n" for line in lines)
