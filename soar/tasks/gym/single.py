"""Families whose programs are one step, and those of them that a student of single steps is never shown.

A step calls one function that gives a grid at most; what only measures the input (`most_common`, `n_objects`) or takes
it apart (`split`, `objects`) may stand among its arguments. A concept is the text of a step without its numbers and
parameters. An eighth of the families is held out with all its concepts, wherever else these stand, and with nothing
that a step needs: every function that a held-out step calls is called by a step that is shown.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import soar.grids
from soar.tasks.gym import families, families_scene
from soar.tasks.gym.grammar import Family
from soar.tasks.gym.inputs import Scene

_BASIC = (
    *families.GEOMETRY, *families.COLOR, *families_scene.OBJECTS, *families_scene.DRAWING, *families_scene.PARTS,
    *families_scene.PATTERNS,
)  # fmt: skip
_NUMPY = {"where", "full", "sort", "kron"}  # of numpy's functions those that give a grid
_HELD_OUT_OF = 8
_BLANK = re.compile(r"\{\w+\}|\d+")


def concept(template: str) -> str:
    """Return the text of a step with its parameters and numbers blanked."""
    return _BLANK.sub("_", template)


@lru_cache(maxsize=1)
def single_step_families() -> tuple[Family, ...]:
    """Return the basic families, each with its templates of one step; a family without any is left out."""
    kept = ((family, tuple(t for t in family.templates if len(_grids_made(t)) <= 1)) for family in _BASIC)
    return tuple(replace(family, templates=templates) for family, templates in kept if templates)


@lru_cache(maxsize=1)
def held_out_families() -> tuple[Family, ...]:
    """Return the families that a student of single steps is never shown, in the order of a hash of their names."""
    every = sorted(single_step_families(), key=lambda one: hashlib.blake2b(one.name.encode()).digest())
    held: list[Family] = []
    for family in every:
        if len(held) < len(every) // _HELD_OUT_OF and _called([*held, family]) <= _called(
            _without(every, [*held, family])
        ):
            held.append(family)
    return tuple(held)


@lru_cache(maxsize=1)
def shown_families() -> tuple[Family, ...]:
    """Return the families that are shown, without the concepts that are held out."""
    return tuple(_without(single_step_families(), held_out_families()))


def held_out_concepts() -> frozenset[str]:
    """Return the concepts of the held-out families."""
    return _concepts(held_out_families())


@lru_cache(maxsize=1)
def scenes() -> tuple[Scene, ...]:
    """Return every kind of input that some basic family is drawn on, once."""
    return tuple(dict.fromkeys(family.scene for family in _BASIC))


def _grids_made(template: str) -> list[str]:
    """The functions called that give a grid."""
    return [name for name in _calls(template) if name in _NUMPY or _returns(name) == "Array"]


@lru_cache(maxsize=2048)
def _calls(template: str) -> tuple[str, ...]:
    filled = re.sub(r"\{\w+\}", "1", template.replace("$", "grid"))
    called = (node.func for node in ast.walk(ast.parse(filled)) if isinstance(node, ast.Call))
    return tuple(one.attr if isinstance(one, ast.Attribute) else ast.unparse(one) for one in called)


def _returns(name: str) -> str | None:
    function = getattr(soar.grids, name, None) if name in soar.grids.__all__ else None
    return inspect.signature(function).return_annotation if inspect.isfunction(function) else None


def _called(some: Iterable[Family]) -> set[str]:
    return {name for family in some for template in family.templates for name in _calls(template)}


def _concepts(some: Iterable[Family]) -> frozenset[str]:
    return frozenset(concept(template) for family in some for template in family.templates)


def _without(every: Iterable[Family], held: Iterable[Family]) -> list[Family]:
    hidden = _concepts(held)
    kept = ((family, tuple(t for t in family.templates if concept(t) not in hidden)) for family in every)
    return [replace(family, templates=templates) for family, templates in kept if templates]
