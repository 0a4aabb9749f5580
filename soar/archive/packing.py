"""Numbers of a reply's tokens, as an archive keeps them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

INTEGERS, FLOATS = np.dtype("<i4"), np.dtype("<f4")


def packed(values: Sequence[float] | None, kind: np.dtype[Any]) -> bytes | None:
    """Return numbers as a compressed array of one kind; None of None."""
    return None if values is None else zlib.compress(np.asarray(values, kind).tobytes())


def unpacked(data: bytes | None, kind: np.dtype[Any]) -> tuple[Any, ...] | None:
    """Return the numbers that `packed` was given, floats to single precision."""
    return None if data is None else tuple(np.frombuffer(zlib.decompress(data), kind).tolist())
