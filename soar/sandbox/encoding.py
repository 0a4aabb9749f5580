"""Plain data to bytes and back: canonical JSON, strict both ways.

`encode` trusts nothing that a program returns: it goes by the exact type, so that an object which lies about equality,
length or class cannot pass. Equal data of the same types give equal bytes."""

from __future__ import annotations

import json
from math import prod
from typing import Any, TypeAlias

import numpy as np

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

MAX_DEPTH = 64
MAX_BYTES = 1 << 26

_ARRAY = np.ndarray
_ARRAY_ITEMS = {"b", "i", "u", "f"}
_EXACT_FLOATS = 2.0**53
_INTS = {int} | {np.dtype(code).type for code in "bhilqBHILQ"}
_FLOATS = {np.dtype(code).type for code in "efdg"}
_BOOL = np.bool_
_to_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_GRID_BYTES = b"0123456789-,[]"
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]"))


class EncodingError(ValueError):
    """The value is not plain data, or too large; or the bytes are not what `encode` writes."""


def encode(value: object, max_bytes: int = MAX_BYTES) -> bytes:
    """`value` as canonical JSON in UTF-8.

    Accepts None, bool, int, float, str, list, tuple, dict with str keys, and numpy scalars and arrays, by exact type.
    Tuples become lists; arrays become nested lists, of ints where every item is integral. Raises EncodingError for
    anything else, NaN, infinities, lone surrogates, more than 64 levels, or more than `max_bytes` bytes."""
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
    if kind is dict:
        return _plain_dict(value, depth, _left(room, len(value) + 1))
    if kind is _ARRAY:
        return _plain_array(value, _left(room, value.size)), room - value.size
    if kind in _INTS:
        return int(value), room - 1
    if kind in _FLOATS:
        return float(value), room - 1
    if kind is _BOOL:
        return bool(value), room - 1
    raise EncodingError(f"not plain data: {_name(kind)}")


def _plain_list(value: list[Any] | tuple[Any, ...], depth: int, room: int) -> tuple[Value, int]:
    kinds = set(map(type, value))
    if kinds == {int}:  # a row of a grid, most often
        return list(value), room
    if kinds <= _INTS:
        return list(map(int, value)), room
    items: list[Value] = []
    for item in value:
        plain, room = _plain(item, depth - 1, _left(room, 0))
        items.append(plain)
    return items, room


def _plain_dict(value: dict[Any, Any], depth: int, room: int) -> tuple[Value, int]:
    items: dict[str, Value] = {}
    for key, item in value.items():
        if type(key) is not str:
            raise EncodingError(f"not plain data: a dict with a key of type {_name(type(key))}")
        items[key], room = _plain(item, depth - 1, _left(room, len(key)))
    return items, room


def _plain_array(array: np.ndarray[Any, Any], room: int) -> Value:
    kind = array.dtype.kind
    if kind not in _ARRAY_ITEMS:
        raise EncodingError(f"not plain data: an array of {array.dtype}")
    if array.ndim > MAX_DEPTH:
        raise EncodingError(f"nested more than {MAX_DEPTH} levels")
    if array.size == 0:  # it may still have a million empty rows
        _left(room, prod(array.shape[: array.shape.index(0)]))
    if kind == "b":
        array = array.astype(np.int64)
    if kind == "f":
        array = array.astype(np.float64)
        if bool(((array == np.floor(array)) & (np.abs(array) < _EXACT_FLOATS)).all()):
            array = array.astype(np.int64)
    plain: Value = array.tolist()
    return plain


def _left(room: int, taken: int) -> int:
    if taken > room:
        raise EncodingError("too large")
    return room - taken


def _name(kind: type) -> str:
    name = type.__dict__["__name__"].__get__(kind)
    return str(name)
