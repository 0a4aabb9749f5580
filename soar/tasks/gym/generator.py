"""Endless generated tasks: a random program over `soar.grids`, and input grids on which it shows what it does.

No task, grid or solution of any benchmark goes into them.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from soar.tasks.gym import families, families_combined, families_dense, families_scene, families_steps
from soar.tasks.gym.checks import draw_pairs, equal, is_clear, run
from soar.tasks.gym.grammar import HEADER, Family, draw_params, fill, in_steps, new_draw, render
from soar.tasks.gym.inputs import Array, Draw, Scene
from soar.tasks.gym.neighbours import broken

__all__ = ["FAMILIES", "HEADER", "GeneratedTask", "Grid", "generate", "run"]

Grid = list[list[int]]
Pair = tuple[Grid, Grid]

# Groups with a factor on the weights of their families: most puzzles of this kind keep the size of their grids.
_GROUPS = (
    (0.6, (*families.GEOMETRY, *families_scene.PARTS, *families_steps.PART_STEPS, *families_dense.GEOMETRY_STEPS)),
    (0.8, (*families_combined.COMBINED, *families.COLOR)),
    (1.2, (*families_scene.OBJECTS, *families_dense.COLOR_STEPS, *families_steps.OBJECT_STEPS)),
    (1.5, (*families_scene.DRAWING, *families_steps.DRAWING_STEPS)),
    (1.2, (*families_scene.PATTERNS, *families_dense.PATTERN_STEPS, *families_dense.GROUND_STEPS)),
)
FAMILIES: tuple[Family, ...] = tuple(family for _, group in _GROUPS for family in group)
_FOLLOWERS = tuple(family for family in (*FAMILIES, *families_scene.AFTER) if family.follow)
_WEIGHTS = list(itertools.accumulate(factor * family.weight for factor, group in _GROUPS for family in group))
_FOLLOW_WEIGHTS = list(itertools.accumulate(family.follow for family in _FOLLOWERS))

# Two of these in one program are a third one: such programs have shorter twins.
_TURNS = {"flip_h", "flip_v", "rot90", "rot180", "rot270", "transpose", "anti_transpose"}


@dataclass(frozen=True, slots=True)
class GeneratedTask:
    """A task with its program, and, for refinement, a wrong program with what it gives on train and test inputs."""

    train: list[Pair]
    test: list[Pair]
    body: str
    family: str
    parent_body: str | None
    parent_outputs: list[Grid | None]


def _steps(rng: random.Random, family: Family, draw: Draw, followed: bool) -> list[str]:
    steps, turned = in_steps(fill(rng, family, draw.params)), family.name in _TURNS
    if not followed:
        return steps
    more = rng.random()
    for _ in range(min(0 if more < 0.55 else 1 if more < 0.9 else 2, 3 - len(steps))):
        params = dict(draw.params)
        if str(params["b"]) in steps[-1] and rng.random() < 0.5:
            params["a"] = params["b"]
        params["b"] = params["b2"]
        follower = rng.choices(_FOLLOWERS, cum_weights=_FOLLOW_WEIGHTS)[0]
        while turned and follower.name in _TURNS:
            follower = rng.choices(_FOLLOWERS, cum_weights=_FOLLOW_WEIGHTS)[0]
        turned = turned or follower.name in _TURNS
        steps.append(fill(rng, follower, params))
    return steps


def _parent(
    rng: random.Random,
    draw: Draw,
    steps: list[str],
    body: str,
    train: list[tuple[Array, Array]],
    inputs: list[Array],
) -> tuple[str, list[Grid | None]] | None:
    for _ in range(12):
        follower = rng.choices(_FOLLOWERS, cum_weights=_FOLLOW_WEIGHTS)[0]
        extra = fill(rng, follower, draw_params(rng, draw.palette))
        parent = broken(rng, steps, body, extra)
        if parent == body:
            continue
        outputs = [run(parent, grid) for grid in inputs]
        valid = [output for output in outputs if output is not None]
        if len(valid) == len(outputs) and not all(
            equal(output, right) for output, (_, right) in zip(outputs, train, strict=False)
        ):
            return parent, [output.astype(int).tolist() for output in valid]
    return None


def attempt(
    rng: random.Random,
    family: Family,
    max_side: int,
    max_cells_total: int,
    refinement: bool,
    followed: bool = True,
) -> GeneratedTask | None:
    """Draw a program that begins with the family, and inputs for it; None if that makes no good task.

    With `followed` steps of other families may come after it.
    """
    n_train, n_test = how_many(rng)
    budget = max_cells_total * rng.uniform(0.7, 1.0)
    draw = new_draw(rng, family, budget / (n_train + n_test), max_side)
    steps = _steps(rng, family, draw, followed)
    body = render(steps)
    pairs = clear_pairs(steps, family.scene, draw, n_train, n_test, max_cells_total)
    if pairs is None:
        return None
    train = pairs[:n_train]
    parent = _parent(rng, draw, steps, body, train, [grid for grid, _ in pairs]) if refinement else None
    if refinement and parent is None:
        return None
    parent_body, parent_outputs = parent or (None, [])
    as_lists = in_lists(pairs)
    return GeneratedTask(as_lists[:n_train], as_lists[n_train:], body, family.name, parent_body, parent_outputs)


def how_many(rng: random.Random) -> tuple[int, int]:
    """Draw the numbers of training and of test pairs of a task."""
    return rng.choice((2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5)), 1 if rng.random() < 0.9 else 2


def clear_pairs(
    steps: list[str], scene: Scene, draw: Draw, n_train: int, n_test: int, max_cells: int
) -> list[tuple[Array, Array]] | None:
    """Draw the pairs of a task, training pairs first; None where they do not fit or do not show the program."""
    body = render(steps)
    pairs = draw_pairs(body, scene, draw, n_train + n_test)
    if pairs is None:
        return None
    train = pairs[:n_train]
    cells = sum(grid.size + output.size for grid, output in train) + sum(grid.size for grid, _ in pairs[n_train:])
    return pairs if cells <= max_cells and is_clear(draw.rng, steps, body, train) else None


def in_lists(pairs: list[tuple[Array, Array]]) -> list[Pair]:
    """Return pairs of arrays as lists of rows."""
    return [(grid.tolist(), output.astype(int).tolist()) for grid, output in pairs]


def generate(
    rng: random.Random,
    *,
    max_side: int = 12,
    max_cells_total: int = 600,
    refinement: bool = False,
) -> GeneratedTask:
    """Draw a task: 2-5 training pairs, 1-2 test pairs, and the one- to three-step program that made them.

    No input side is longer than `max_side`; all training grids and test inputs together have at most
    `max_cells_total` cells. With `refinement` a wrong program near the right one comes along: it gives a grid
    for every input and is wrong on at least one training pair. The same `rng` state gives the same task.
    """
    if max_side < 8 or max_cells_total < 200:
        raise ValueError("tasks need max_side >= 8 and max_cells_total >= 200")
    while True:
        family = rng.choices(FAMILIES, cum_weights=_WEIGHTS)[0]
        for _ in range(12):  # families in which most draws are rejected shall not become rare
            task = attempt(rng, family, max_side, max_cells_total, refinement)
            if task is not None:
                return task
