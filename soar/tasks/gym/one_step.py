"""Every program of one step with every parameter that could matter: a task of two steps shall have none that fits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from soar.tasks.gym.checks import as_output, compiled, equal
from soar.tasks.gym.grammar import render
from soar.tasks.gym.inputs import Array
from soar.tasks.gym.single import single_step_families

_PLACE = re.compile(r"\{(\w+)\}")
_DIRECTIONS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_RANGES: Mapping[str, Sequence[int]] = {  # as `draw_params` draws them
    "k": (2, 3, 4), "k2": (1, 2, 3), "n": range(1, 5), "n9": range(3, 10), "s": (1, 2, -1, -2, 3), "s2": (1, 2, -1, -2),
    "i": range(4),
}  # fmt: skip
Program = tuple[Callable[..., object], tuple[str, ...]]


def one_step_explains(pairs: Sequence[tuple[Array, Array]]) -> bool:
    """Tell whether a program of one step is right on all pairs.

    Colours to look for are those of the inputs, colours to draw with those of the outputs: others change nothing, or
    give another output.
    """
    (grid, wanted), *rest = pairs
    colors = {"a": _colors(x for x, _ in pairs), "b": _colors(y for _, y in pairs)}
    for function, names in _programs():
        for values in _values(names, colors):
            if equal(as_output(function, grid, **values), wanted) and all(
                equal(as_output(function, x, **values), y) for x, y in rest
            ):
                return True
    return False


@lru_cache(maxsize=1)
def _programs() -> tuple[Program, ...]:
    """The templates as functions of a grid and of their parameters."""
    texts = dict.fromkeys(template for family in single_step_families() for template in family.templates)
    return tuple(_program(text) for text in texts)


def _program(template: str) -> Program:
    names = tuple(dict.fromkeys(_PLACE.findall(template)))
    return compiled(render([_PLACE.sub(r"\1", template)]), names), names


def _values(names: Sequence[str], colors: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
    """The assignments of values to parameters."""
    free = [name for name in names if name not in ("dy", "dx")]
    ranges = [_RANGES.get(name) or colors[name[0]] for name in free]
    directions = _DIRECTIONS if "dy" in names else ((0, 0),)
    for chosen in itertools.product(*ranges):
        given = dict(zip(free, chosen, strict=True))
        yield from ({**given, "dy": dy, "dx": dx} for dy, dx in directions) if "dy" in names else (given,)


def _colors(grids: Iterable[Array]) -> list[int]:
    return sorted({int(color) for grid in grids for color in np.unique(grid)})
