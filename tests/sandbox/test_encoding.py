"""Laws of the encoding: a round trip is the identity, equal data give equal bytes, and nothing else is decoded."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict, deque, namedtuple
from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.sandbox.encoding import MAX_DEPTH, EncodingError, Value, decode, encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=30)
GRIDS = st.lists(st.lists(st.integers(-9, 9), max_size=5), max_size=5)


def same(a: object, b: object) -> bool:
    """Equal, and of the same types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))  # type: ignore[arg-type]


@given(VALUES | GRIDS)
def test_round_trip(value: Value) -> None:
    assert same(decode(encode(value)), value)


@given(st.dictionaries(TEXT, SCALARS, min_size=2))
def test_order_of_keys_does_not_matter(value: dict[str, Value]) -> None:
    assert encode(dict(reversed(value.items()))) == encode(value)


@given(st.binary() | TEXT.map(str.encode) | VALUES.map(encode).flatmap(lambda b: st.permutations(b).map(bytes)))
def test_only_what_encode_writes_is_decoded(data: bytes) -> None:
    try:
        value = decode(data)
    except EncodingError:
        return
    assert encode(value).replace(b"-0", b"0") == data.replace(b"-0", b"0")


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"NaN", b"[Infinity]", b"1e999", b"[1, 2]", b"01", b"{}x", b'{"a":1,"a":2}', b'"\\ud800"', b"\xff"),
        *(b"[" * 500 + b"]" * 500, b"[" * 10**6, b"[1,[1," * 40 + b"1" + b"]]" * 40, b"9" * 5000),
        *(b'"\\u0041"', b"1.50"),
    ],
)
def test_bytes_that_are_refused(data: bytes) -> None:
    with pytest.raises(EncodingError):
        decode(data)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        (np.array([[1, 2]], np.int8), [[1, 2]]),
        (np.zeros((1, 2)), [[0, 0]]),
        (np.array([True, False]), [1, 0]),
        (np.array([0.5, 1.0]), [0.5, 1.0]),
        (np.array([1e300]), [1e300]),
        (np.array([1, 2], np.longdouble), [1, 2]),
        (np.array(7), 7),
        (np.zeros((2, 0)), [[], []]),
        (np.array([2**64 - 1], np.uint64), [2**64 - 1]),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64(2), 2.0),
        (np.True_, True),
        ([np.int64(1), 2], [1, 2]),
        ([np.array([1.0]), [2]], [[1], [2]]),
        ([[True, 1]], [[True, 1]]),
        (np.array(["ab", "c"]), ["ab", "c"]),
        (np.str_("ab"), "ab"),
        ({np.str_("k"): 1}, {"k": 1}),
        (np.array([[1, None], ["a", 0.5]], object), [[1, None], ["a", 0.5]]),
        (np.array(7, object), 7),
        (np.zeros((2, 0), object), [[], []]),
        (zip([1, 2], "ab", strict=True), [[1, "a"], [2, "b"]]),
        (map(np.int64, [1, 2]), [1, 2]),
        ((row for row in np.eye(2)), [[1, 0], [0, 1]]),
        (deque([(1,), range(2)]), [[1], [0, 1]]),
        (enumerate("a"), [[0, "a"]]),
        (reversed([1, 2]), [2, 1]),
        (itertools.chain([1], [2]), [1, 2]),
        ({"a": 1}.items(), [["a", 1]]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
    ],
)
def test_numpy_and_tuples_become_plain(value: object, plain: Value) -> None:
    assert same(decode(encode(value)), plain)


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ({1, 2}, r"set; a set has no order: return sorted"),
        (b"ab", "bytes; return text or a list of ints"),
        (Counter([1, 1]), "a dict with a key of type int: keys are text"),
        (namedtuple("P", "x")(1), "P, made from tuple: return a plain tuple"),
        ([[IntEnum("C", "RED").RED]], "C, made from int: return a plain int"),  # type: ignore[attr-defined]
        (np.ma.array([1]), "MaskedArray, made from ndarray: return a plain ndarray"),
    ],
)
def test_what_is_no_plain_data_says_what_to_return(value: object, remedy: str) -> None:
    with pytest.raises(EncodingError, match=f"not plain data: {remedy}"):
        encode(value)


def test_depth() -> None:
    value: Value = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(EncodingError, match="nested"):
        encode([value])


def test_size() -> None:
    assert len(encode("x" * 98, 100)) == 100
    too_large: list[object] = ["x" * 99, [1] * 51, {"k": "v" * 100}, np.zeros(101), [[]] * 101]
    for value in too_large:
        with pytest.raises(EncodingError, match="too large"):
            encode(value, 100)
