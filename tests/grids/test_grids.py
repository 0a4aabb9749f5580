"""The grid library: literal cases for every family, laws, and purity of every function."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from soar import grids as g

Grid = list[list[int]]
GRIDS = hnp.arrays(
    np.int64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7), elements=st.integers(0, 9)
)


def parse(text: str) -> Grid:
    """Rows separated by spaces, a dot for 0."""
    return [[int(cell) for cell in row.replace(".", "0")] for row in text.split()]


def show(grid: Any) -> str:
    return " ".join("".join(map(str, row)) for row in np.asarray(grid).tolist()).replace("0", ".")


ON_ONE_GRID = [
    # geometry
    ("rot90", "12 34", (), "31 42"),
    ("rot270", "12 34", (), "24 13"),
    ("rot180", "12 34", (), "43 21"),
    ("transpose", "123 456", (), "14 25 36"),
    ("anti_transpose", "12 34", (), "42 31"),
    ("roll", "12 34", (1, 0), "34 12"),
    ("shift", "12 34", (0, 1), ".1 .3"),
    ("crop", "... .12 .3.", (), "12 3."),
    ("crop", "555 515", (5,), "1"),
    ("crop", "...", (), "..."),
    ("top_half", "1 2 3", (), "1"),
    ("right_half", "123", (), "3"),
    ("corners", "123 456 789", (), "13 79"),
    ("trim", "111 121 111", (), "2"),
    ("trim", "11 11", (), "11 11"),
    ("frame", "1", (2,), "222 212 222"),
    ("drop_empty", "1.2 ... 3.4", (), "12 34"),
    ("unique_rows", "11 11 22 11", (), "11 22 11"),
    ("compress", "1122 1122", (), "12"),
    ("scale_xy", "12", (2, 1), "12 12"),
    ("downscale", "1122 1122", (2,), "12"),
    ("tile", "12", (2, 2), "1212 1212"),
    ("tile_flip", "12", (2, 1), "12 21"),
    ("tile_mirror", "12", (1, 2), "1221"),
    ("mirror4", "12", (), "1221 1221"),
    ("rot4", "12 34", (), "1231 3442 2443 1321"),
    ("kron_self", ".1 11", (), "...1 ..11 .1.1 1111"),
    ("kron_inv", ".1 11", (), ".1.. 11.. .... ...."),
    ("place", "12", (2,), "..12"),
    ("spread", "12", (), "1.2"),
    ("shear", "12. 12.", (), "12. .12"),
    ("flip_odd", "12 12", (), "12 21"),
    # colour
    ("recolor", "12", (1, 3), "32"),
    ("swap", "121", (1, 2), "212"),
    ("map_colors", "12", ({1: 2, 2: 1},), "21"),
    ("keep_color", "12", (2,), ".2"),
    ("paint", "1.2", (5,), "5.5"),
    ("fill_bg", "1.", (5,), "15"),
    ("invert", "4..", (), ".44"),
    ("rank_colors", "553", (), "112"),
    ("reverse_colors", "258", (), "852"),
    ("cycle_colors", "258", (), "582"),
    ("color_list", "1322.2", (), "2 1 3"),
    ("histogram", "1322.2", (), "222 1.. 3.."),
    ("sort_rows", "11 .. 1.", (), ".. 1. 11"),
    ("fall_down", "12 1. ..", (), ".. 1. 12"),
    ("fall_left", ".1.2", (), "12.."),
    # objects
    ("largest", "1.. ..2 ..2", (), "2 2"),
    ("smallest", "1.. ..2 ..2", (), "1"),
    ("pick", "11.2 .3.2", (3,), "11 .3"),
    ("keep_largest", "1.. ..2 ..2", (), "... ..2 ..2"),
    ("remove_small", "1.22", (), "..22"),
    ("color_largest", "1.11", (4,), "1.44"),
    ("color_size", "1.11", (1, 4), "4.11"),
    ("rank_objects", "5.55", (), "2.11"),
    ("color_by_size", "5.55", (), "1.22"),
    ("color_by_holes", "555. 5.5. 555.", (), "222. 2.2. 222."),
    ("color_closed", "555. 5.5. 555.", (1,), "111. 1.1. 111."),
    ("color_border", "1... ..1. ....", (3,), "3... ..1. ...."),
    ("remove_border", "1... ..1. ....", (), ".... ..1. ...."),
    ("color_tall", "1.11 1...", (7,), "7.11 7..."),
    ("unify", "112", (), "111"),
    ("flip_objects_h", "12..3", (), "21..3"),
    ("drop_objects", "11 1. .. .2", (), ".. .. 11 12"),
    ("slide", "1..2", (1, 2), "..12"),
    # drawing
    ("fill_holes", "111 1.1 111", (4,), "111 141 111"),
    ("fill_outside", "1..", (4,), "144"),
    ("halo", "... .1.", (2,), "222 212"),
    ("halo4", "... .1.", (2,), ".2. 212"),
    ("diag4", "... .1.", (1, 2), "2.2 .1."),
    ("grow", "1.. ...", (), "11. 11."),
    ("hollow", "111 111 111", (), "111 1.1 111"),
    ("border", "... ... ...", (1,), "111 1.1 111"),
    ("boxes", "1. 11", (3,), "13 11"),
    ("box_frames", "... .1. ...", (3,), "333 313 333"),
    ("connect_h", "1..1", (), "1111"),
    ("connect_h", "1.2.1", (), "1.2.1"),
    ("connect_v", "1 . 1", (5,), "1 5 1"),
    ("connect", "1.1 ... 1..", (), "111 1.. 1.."),
    ("ray", "1..2.", (1, 0, 1), "1112."),
    ("beam", "1..2.", (1, 0, 1), "11121"),
    ("rays", "1. .. 2.", (-1, 1), "1. .2 2."),
    ("cross", "1. ..", (1,), "11 1."),
    ("cross_x", "1.. ... ...", (1, 2), "1.. .2. ..2"),
    ("fill_rows", "1. ..", (), "11 .."),
    ("diagonal", ".. ..", (1,), "1. .1"),
    ("stairs", "1...", (3,), "1... 11.. 111."),
    ("rings", "... ... ...", (1, 2), "111 121 111"),
    ("checker", ".. ..", (1,), ".1 1."),
    ("fill_squares", "111. 1.1. 111.", (3,), "111. 131. 111."),
    ("flood", "1.1", (0, 0, 5), "5.1"),
    # parts and patterns
    ("remove_lines", "15. 555 .52", (), "1. .2"),
    ("summary", "115. 1.5. 5555 225.", (), "1. 2."),
    ("fill_parts", "1.52. ..522", (), "11522 11522"),
    ("keep_fullest", "1152. ..5..", (), "115.. ..5.."),
    ("complete", "12. 3.3 121", (), "121 3.3 121"),
    ("patch", "121 129", (9,), "1"),
    ("sym_h", "1..", (), "1.1"),
    ("sym_v", "1 .", (), "1 1"),
    ("sym_rot", "1. ..", (), "11 11"),
    ("untile", "1212 1212", (), "12"),
    ("fill_tiles", "12.2 .212", (), "1212 1212"),
    ("extend_down", "1 2", (3,), "1 2 1 2 1"),
    ("repeat_down", "1 2 . .", (), "1 2 1 2"),
    ("repeat_right", "12..", (), "1212"),
    ("fill_diagonals", "12 .1", (), "12 21"),
    ("denoise", "111 121 111", (), "111 111 111"),
    ("noise_free", "333 343 333", (4,), "333 333 333"),
]


@pytest.mark.parametrize(("name", "before", "arguments", "after"), ON_ONE_GRID)
def test_on_one_grid(name: str, before: str, arguments: tuple[Any, ...], after: str) -> None:
    assert show(getattr(g, name)(parse(before), *arguments)) == after


def test_numbers() -> None:
    grid = parse("1..22. .3.22.")
    assert (g.most_common(grid), g.least_common(grid), g.background(grid)) == (2, 1, 0)
    assert g.colors(grid) == [1, 2, 3]
    assert g.by_count(grid) == [2, 1, 3]
    assert (g.count(grid, 2), g.n_colors(grid), g.n_cells(grid), g.n_objects(grid)) == (4, 3, 6, 3)
    assert g.n_objects(parse("1. .1")) == 1 and g.n_objects(parse("1. .1"), diag=False) == 2
    assert g.most_common([[0]]) == g.least_common([[0]]) == 0
    assert (
        show(g.bar(2, 3, 4)) == "33.."
        and show(g.diag_bar(2, 1)) == "1. .1"
        and show(g.count_grid(4, 1)) == "111 1.. ..."
    )


def test_logic_and_parts() -> None:
    a, b = parse("11.."), parse("2.2.")
    results = [show(getattr(g, name)(a, b, 5)) for name in ("and_", "or_", "xor", "nor", "minus")]
    assert results == ["5...", "555.", ".55.", "...5", ".5.."]
    assert show(g.overlay(a, b)) == "112." and show(g.same(parse("12"), parse("13"))) == "1."
    assert [show(part) for part in g.split(parse("15.51 25.5."))] == ["1 2", ". .", "1 ."]
    assert [show(part) for part in g.split(parse("12"))] == ["12"]
    assert [show(part) for part in g.split_h(parse("12345"))] == ["12", "34"]
    assert [show(part) for part in g.quadrants(parse("12 34"))] == ["1", "2", "3", "4"]
    parts = [parse("1."), parse("11"), parse("1."), parse(".2")]
    assert show(g.fullest(parts)) == "11" and show(g.common_part(parts)) == "1." and show(g.odd_part(parts)) == "11"
    assert show(g.odd_shape(parts[1:])) == "11" and show(g.symmetric_part(parts)) == "11"
    assert show(g.majority([parse("12"), parse("13"), parse("43")])) == "13"
    assert g.separator(parse("15. 25.")) == 5 and g.separator(parse("1.2 .3.")) == 0


def test_objects_and_masks() -> None:
    grid = parse("1..2 .1.2 3...")
    assert [show(item) for item in g.objects(grid)] == ["1. .1", "2 2", "3"]
    assert [show(item) for item in g.objects(grid, multi=True)] == ["1. .1 3.", "2 2"]
    assert show(sum(g.masks(grid))) == show(grid)
    assert show(g.stamp(parse(".... ..1. ...."), 1, parse(".2. 212 .2."))) == "..2. .212 ..2."


@pytest.mark.parametrize(
    "name", ["flip_h", "flip_v", "rot180", "transpose", "anti_transpose", "reverse_colors", "flip_odd"]
)
@given(grid=GRIDS)
def test_involutions(name: str, grid: Any) -> None:
    function = getattr(g, name)
    assert (function(function(grid)) == grid).all()


@pytest.mark.parametrize(
    "name",
    [
        "crop",
        "compress",
        "unique_rows",
        "drop_empty",
        "sort_rows",
        "fall_down",
        "fall_left",
        "sym_h",
        "keep_largest",
        "remove_border",
        "unify",
        "fill_rows",
        "connect_h",
        "repeat_down",
        "untile",
    ],
)
@given(grid=GRIDS)
def test_once_is_enough(name: str, grid: Any) -> None:
    function = getattr(g, name)
    once = function(grid)
    assert show(function(once)) == show(once)


@given(grid=GRIDS, k=st.integers(1, 3))
def test_opposites(grid: Any, k: int) -> None:
    assert (g.downscale(g.scale(grid, k), k) == grid).all()
    assert (g.trim(g.frame(grid, 1)) == grid).all()
    assert (g.rot270(g.rot90(grid)) == grid).all()
    assert (g.roll(g.roll(grid, k, -k), -k, k) == grid).all()
    assert (g.split_h(g.mirror_h(grid))[1] == g.flip_h(grid)).all()
    assert sum(map(np.count_nonzero, g.objects(grid))) == np.count_nonzero(grid)


def _arguments(name: str, grid: Any) -> list[Any]:
    """Plausible arguments: grids where grids are wanted, small numbers elsewhere."""
    if name in ("bar", "diag_bar", "count_grid"):
        return [3, 4]
    parameters = inspect.signature(getattr(g, name)).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [grid, grid]
    values = {"grid": grid, "a": 1, "b": 2, "parts": [grid, grid], "pattern": grid, "mapping": {1: 2}}
    if name in ("and_", "or_", "xor", "nor", "minus", "same"):
        values |= {"a": grid, "b": grid}
    return [values.get(p.name, 1) for p in parameters if p.default is p.empty]


@pytest.mark.parametrize("name", [name for name in g.__all__ if name != "np"])
@settings(max_examples=25)
@given(grid=GRIDS)
def test_pure_and_well_typed(name: str, grid: Any) -> None:
    """No function changes its arguments, results share no memory with them, the same call gives the same result."""
    function, before = getattr(g, name), grid.copy()
    try:
        result, again = (function(*_arguments(name, grid)) for _ in range(2))
    except ValueError:
        assert name in ("rot4", "sym_rot", "split_h", "split_v", "flood")
        return
    assert (grid == before).all()
    for item, other in zip(*(r if isinstance(r, list) else [r] for r in (result, again)), strict=True):
        if isinstance(item, np.ndarray):
            assert item.ndim == 2 and item.dtype.kind == "i" and item.size and not np.shares_memory(item, grid)
            assert item.min() >= 0 and item.max() <= 9
        assert show([[item]] if isinstance(item, int) else item) == show([[other]] if isinstance(other, int) else other)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="rectangle"):
        g.flip_h([])
    with pytest.raises(ValueError, match="sides must be"):
        g.scale([[1, 2]], 31)
    with pytest.raises(ValueError, match="square"):
        g.rot4([[1, 2]])
    with pytest.raises(ValueError, match="cannot be split"):
        g.split_h([[1]], 2)
