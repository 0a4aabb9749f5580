"""Objects of one's own where a name may stand: how an option takes them, and what a run records of them."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import PlainSerializer, PlainValidator

from soar.core.errors import SoarError

MARK = "#"  # between the name of a class and the hash: no name that an option knows has it
DEEPEST = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Custom:
    """An object of one's own, as an option of a run.

    Attributes:
        label: what a run records: the name of its class, and a hash of the class's source and the object's state.
        value: the object; None where the option was read from a run, which has only the label.
    """

    label: str
    value: Any = field(default=None, compare=False)


def label_of(value: object) -> str:
    """Return "Class#hash", the same wherever source and state are the same; of a function its own name."""
    digest = hashlib.blake2b(json.dumps(_state(value), sort_keys=True).encode(), digest_size=6)
    return f"{getattr(value, '__qualname__', type(value).__qualname__)}{MARK}{digest.hexdigest()}"


def custom(value: Any) -> Custom:
    """Return an object as what options hold."""
    return value if isinstance(value, Custom) else Custom(label_of(value), value)


def value_of(option: T | Custom, name: str) -> T:
    """Return what an option stands for: the name that it is, or the object.

    Raises:
        SoarError: it was read from a run that was made with an object, which has to be given again.
    """
    if not isinstance(option, Custom):
        return option
    if option.value is None:
        raise SoarError(f"{name} was an object of your own, {option.label}: give it again")
    return option.value  # type: ignore[no-any-return]


def name_or(method: str, names: Sequence[str]) -> tuple[PlainValidator, PlainSerializer]:
    """Return what makes an option take one of `names`, or an object with a method: for `typing.Annotated`."""

    def check(given: object) -> object:
        if isinstance(given, Custom) or (isinstance(given, str) and given in names):
            return given
        if isinstance(given, str) and MARK in given:
            return Custom(given)
        if not isinstance(given, (str, type)) and callable(getattr(given, method, None)):
            return custom(given)
        known = ", ".join(repr(name) for name in names)
        raise ValueError(f"Input should be {known}, or an object with a method {method}()")

    return PlainValidator(check), PlainSerializer(lambda one: one.label if isinstance(one, Custom) else one)


def _state(value: object, depth: int = 0) -> Any:
    """What an object is made of, as JSON data: the source of its class, and its public attributes, two levels down.

    What begins with an underscore is no state: caches, and what changes while the object is used.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_state(one, depth) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_state(one, depth) for one in value), key=repr)
    if isinstance(value, dict):
        return [[_state(key, depth), _state(one, depth)] for key, one in value.items()]
    made_of = value if inspect.isroutine(value) else type(value)
    if depth == DEEPEST:
        return f"{made_of.__module__}.{made_of.__qualname__}"
    closed = [_state(cell.cell_contents, depth + 1) for cell in getattr(value, "__closure__", None) or ()]
    slots = [name for one in type(value).__mro__ for name in getattr(one, "__slots__", ())]
    found = {**{name: getattr(value, name, None) for name in slots}, **getattr(value, "__dict__", {})}
    public = {name: _state(one, depth + 1) for name, one in sorted(found.items()) if not name.startswith("_")}
    return [_source(made_of), closed, public]


def _source(made_of: type | Callable[..., object]) -> str:
    """The source, or the name where there is none (a notebook's lost cell, C); of a function its code as well.

    Two functions of one line have the same source."""
    code = getattr(made_of, "__code__", None)
    compiled = "" if code is None else code.co_code.hex()
    try:
        return compiled + inspect.getsource(made_of)
    except (OSError, TypeError):
        return compiled + f"{made_of.__module__}.{made_of.__qualname__}"
