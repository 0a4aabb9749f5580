"""Plain data to bytes and back: canonical JSON, strict both ways.

`encode` trusts nothing that a program returns: it goes by the exact type, so that an object which lies about equality,
length or class cannot pass. Equal data of the same types give equal bytes."""

from __future__ import annotations

import itertools
import json
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from math import prod
from typing import Any, TypeAlias

import numpy as np

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

MAX_DEPTH = 64
MAX_BYTES = 1 << 26

_ARRAY = np.ndarray
_ARRAY_ITEMS = {"b", "i", "u", "f"}
_ARRAY_OBJECTS = {"O", "U"}  # objects and texts: item by item
_EXACT_FLOATS = 2.0**53
_INTS = {int} | {np.dtype(code).type for code in "bhilqBHILQ"}
_FLOATS = {np.dtype(code).type for code in "efdg"}
_BOOL = np.bool_
_TEXT = np.str_
_DICTS = {dict, Counter, OrderedDict, defaultdict}
# What gives its items one after another, without an end perhaps: each is taken out and measured before the next.
_ITERATORS = {
    *(range, zip, map, filter, enumerate, reversed, deque, type(_ for _ in ())),
    *(type({}.keys()), type({}.values()), type({}.items()), type(iter([])), type(iter(())), type(iter(range(0)))),
    *(type(iter({}.keys())), type(iter({}.values())), type(iter({}.items())), type(iter("")), type(reversed([]))),
    *(item for item in vars(itertools).values() if isinstance(item, type)),
}
_BASES = (int, float, str, list, tuple, dict, _ARRAY)
_HINTS = {
    set: "a set has no order: return sorted(...) of it",
    frozenset: "a set has no order: return sorted(...) of it",
    bytes: "return text or a list of ints",
    bytearray: "return text or a list of ints",
    complex: "return its parts as numbers",
}
_to_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_GRID_BYTES = b"0123456789-,[]"
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]"))


class EncodingError(ValueError):
    """The value is not plain data, or too large; or the bytes are not what `encode` writes."""


def encode(value: object, max_bytes: int = MAX_BYTES) -> bytes:
    """`value` as canonical JSON in UTF-8.

    Accepts None, bool, int, float, str, list, tuple, dict with str keys, and numpy scalars and arrays, by exact type.
    Tuples become lists, as do deques, ranges, generators and the iterators of Python and itertools; Counter,
    OrderedDict and defaultdict become dicts; arrays become nested lists, of ints where every item is integral, those
    of objects item by item. Raises EncodingError for anything else, NaN, infinities, lone surrogates, more than 64
    levels, or more than `max_bytes` bytes; and whatever a generator raises."""
    plain, _ = _plain(value, MAX_DEPTH, max_bytes)
    try:
        data = _to_text(plain).encode()
    except ValueError as error:  # NaN, lone surrogates, an int of more digits than Python turns into text
        raise EncodingError(f"cannot be written as data: {error}") from None
    if len(data) > max_bytes:
        raise EncodingError(f"too large: more than {max_bytes} bytes")
    return data


def decode(data: bytes) -> Value:
    """The value that `encode` wrote as `data`. Raises EncodingError for bytes that `encode` does not write."""
    if data.translate(None, _GRID_BYTES):
        value = _parse(data)
        if encode(value) != data:
            raise EncodingError("not canonical")
        return value
    brackets = data.translate(None, _ALL_BUT_BRACKETS)
    for _ in range(MAX_DEPTH + 1):  # the quick way, for grids: each pass takes the innermost level away
        if not brackets:
            return _parse(data)
        brackets = brackets.replace(b"[]", b"")
    raise EncodingError(f"not data, or nested more than {MAX_DEPTH} levels")


def _parse(data: bytes) -> Value:
    try:
        value: Value = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"not data: {error}") from None
    return value


def _plain(value: Any, depth: int, room: int) -> tuple[Value, int]:
    """`value` made of exact Python types only, and the room left: each item takes at least one byte."""
    kind = type(value)
    if value is None or kind is bool or kind is int or kind is float:
        return value, room - 1
    if kind is str:
        return value, _left(room, len(value))
    if depth == 0:
        raise EncodingError(f"nested more than {MAX_DEPTH} levels")
    if kind is list or kind is tuple:
        return _plain_list(value, depth, _left(room, len(value) + 1))
    if kind in _DICTS:
        return _plain_dict(value, depth, _left(room, len(value) + 1))
    if kind is _ARRAY:
        return _plain_array(value, depth, _left(room, value.size))
    if kind in _INTS:
        return int(value), room - 1
    if kind in _FLOATS:
        return float(value), room - 1
    if kind is _BOOL:
        return bool(value), room - 1
    if kind is _TEXT:
        return str(value), _left(room, len(value))
    if kind in _ITERATORS:
        return _plain_items(iter(value), depth, _left(room, 1))
    raise EncodingError(f"not plain data: {_name(kind)}{_hint(kind)}")


def _plain_list(value: list[Any] | tuple[Any, ...], depth: int, room: int) -> tuple[Value, int]:
    kinds = set(map(type, value))
    if kinds == {int}:  # a row of a grid, most often
        return list(value), room
    if kinds <= _INTS:
        return list(map(int, value)), room
    return _plain_items(iter(value), depth, room)


def _plain_items(values: Iterator[Any], depth: int, room: int) -> tuple[Value, int]:
    items: list[Value] = []
    for item in values:
        plain, room = _plain(item, depth - 1, _left(room, 0))
        items.append(plain)
    return items, room


def _plain_dict(value: dict[Any, Any], depth: int, room: int) -> tuple[Value, int]:
    items: dict[str, Value] = {}
    for key, item in value.items():
        if type(key) is _TEXT:
            key = str(key)
        if type(key) is not str:
            raise EncodingError(f"not plain data: a dict with a key of type {_name(type(key))}: keys are text")
        items[key], room = _plain(item, depth - 1, _left(room, len(key)))
    return items, room


def _plain_array(array: np.ndarray[Any, Any], depth: int, room: int) -> tuple[Value, int]:
    kind = array.dtype.kind
    if kind not in _ARRAY_ITEMS | _ARRAY_OBJECTS:
        raise EncodingError(f"not plain data: an array of {array.dtype}")
    if array.ndim > depth:
        raise EncodingError(f"nested more than {MAX_DEPTH} levels")
    if array.size == 0:  # it may still have a million empty rows
        _left(room, prod(array.shape[: array.shape.index(0)]))
    if kind in _ARRAY_OBJECTS:
        return _plain_items(iter(array), depth, room) if array.ndim else _plain(array[()], depth - 1, room)
    if kind == "b":
        array = array.astype(np.int64)
    if kind == "f":
        array = array.astype(np.float64)
        if bool(((array == np.floor(array)) & (np.abs(array) < _EXACT_FLOATS)).all()):
            array = array.astype(np.int64)
    plain: Value = array.tolist()
    return plain, room


def _left(room: int, taken: int) -> int:
    if taken > room:
        raise EncodingError("too large")
    return room - taken


def _name(kind: type) -> str:
    name = type.__dict__["__name__"].__get__(kind)
    return str(name)


def _hint(kind: type) -> str:
    """What to return instead, where that is clear."""
    if kind in _HINTS:
        return f"; {_HINTS[kind]}"
    bases = type.__dict__["__mro__"].__get__(kind)
    base = next((base for base in bases[1:] if base in _BASES), None)
    return "" if base is None else f", made from {_name(base)}: return a plain {_name(base)}"
