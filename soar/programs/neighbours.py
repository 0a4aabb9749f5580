"""Programs one change away from a program, and programs with one step more: all of them, in random order.

They need no model. A change is another number, another function of the same signature, or something left out; a step is
a call of one function of `soar.grids` with numbers that could matter. Local search over programs goes back to genetic
programming (Koza 1992, chapter 6); `soar.programs.mutation` draws changes for programs that score.
"""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from soar.programs.compose import ComposeError, composed
from soar.programs.mutation import Code, Edit, applied
from soar.programs.reductions import reductions

DIGITS = range(10)  # colours, and counts that programs of grids hold
_COUNTS, _SHIFTS = (1, 2, 3, 4), (-1, 0, 1)
_RANGES = {"dy": _SHIFTS, "dx": _SHIFTS, "step": (-1, 1, 2), "y": (0, -1), "x": (0, -1)} | dict.fromkeys(
    ("n", "k", "ky", "kx"), _COUNTS
)
_COLORS = ("color", "a", "b", "hole", "bg")


def one_edit(source: str, rng: np.random.Generator, keep: str = "") -> Iterator[str]:
    """Yield the programs that one change makes of a program, in random order.

    Args:
        source: Python; what is none has no neighbours.
        rng: decides the order.
        keep: a program that begins with this text goes on doing so.
    """
    code, kept = Code.of(source), keep if source.startswith(keep) else ""
    if code is None:
        return
    changes: list[Edit | str] = [*_numbers(code), *_names(code), *reductions(source, len(kept))]
    for place in rng.permutation(len(changes)):
        change = changes[place]
        made = applied(code, change) if isinstance(change, Edit) else change
        if made is not None and made != source and made.startswith(kept):
            yield made


def one_step_more(source: str, colors: Sequence[int], rng: np.random.Generator) -> Iterator[str]:
    """Yield the program with each step of `steps` behind it; nothing where it is no program.

    Functions take turns in random order, each with its calls in random order: one with many numbers has no more turns.
    """
    shuffled = [[calls[i] for i in rng.permutation(len(calls))] for calls in steps(colors)]
    for turn in itertools.zip_longest(*(shuffled[i] for i in rng.permutation(len(shuffled)))):
        for step in turn:
            if step is not None:
                try:
                    yield composed(source, f"from soar.grids import *\n\ndef transform(grid):\n    return {step}\n")
                except ComposeError:
                    return


def steps(colors: Sequence[int]) -> list[list[str]]:
    """Return for each function of `soar.grids` that makes a grid of one its calls, with all numbers that could matter.

    Functions of one grid and of numbers; options are left as they are, but for colours.

    Args:
        colors: what colours are taken from.
    """
    return [list(_calls(name, parameters, colors)) for name, parameters in _functions()]


def _numbers(code: Code) -> Iterator[Edit]:
    """Another number in the place of each whole number: any digit for a digit, else one more or one less."""
    for node in code.expressions():
        if isinstance(node, ast.Constant) and type(node.value) is int:
            value = node.value
            others = DIGITS if value in DIGITS else (value - 1, value + 1)
            yield from (Edit(node, str(other)) for other in others if other != value)


def _names(code: Code) -> Iterator[Edit]:
    """Another function of the same signature in the place of each function of `soar.grids` that is called."""
    alike = _alike()
    for call in code.nodes(ast.Call):
        if isinstance(call.func, ast.Name) and call.func.id in alike:
            yield from (Edit(call.func, name) for name in alike[call.func.id] if name != call.func.id)


@lru_cache(maxsize=1)
def _signatures() -> dict[str, inspect.Signature]:
    import soar.grids  # it brings scipy, which nothing else here needs

    functions = {name: getattr(soar.grids, name) for name in sorted(soar.grids.__all__)}
    return {name: inspect.signature(one) for name, one in functions.items() if inspect.isfunction(one)}


@lru_cache(maxsize=1)
def _alike() -> dict[str, list[str]]:
    """For each function those with its parameters and its kind of result, itself among them."""
    groups: dict[str, list[str]] = {}
    for name, signature in _signatures().items():
        groups.setdefault(str(signature), []).append(name)
    return {name: group for group in groups.values() for name in group}


@lru_cache(maxsize=1)
def _functions() -> list[tuple[str, list[inspect.Parameter]]]:
    """The functions that make a grid of a grid and of numbers, with the parameters that a step gives."""
    found = []
    for name, signature in _signatures().items():
        first, *others = signature.parameters.values()
        given = [one for one in others if one.default is one.empty or one.name in _COLORS]
        whole = all(one.name in (*_RANGES, *_COLORS) for one in given)
        if (first.name, signature.return_annotation) == ("grid", "Array") and whole:
            found.append((name, given))
    return found


def _calls(name: str, parameters: list[inspect.Parameter], colors: Sequence[int]) -> Iterator[str]:
    """The calls with all choices of numbers; what has a default is left out as well."""
    needed = [one for one in parameters if one.default is one.empty]
    for some in (needed, parameters) if len(needed) < len(parameters) else (parameters,):
        for values in itertools.product(*(_RANGES.get(one.name, colors) for one in some)):
            pairs = zip(some, values, strict=True)
            given = (str(value) if one.default is one.empty else f"{one.name}={value}" for one, value in pairs)
            yield f"{name}({', '.join(('grid', *given))})"
