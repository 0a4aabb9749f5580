"""Keyed randomness: what is drawn depends on the place where it is drawn, never on the order in which things finish."""

from __future__ import annotations

import hashlib

import numpy as np


def keyed_seed(*parts: object) -> int:
    """Return a seed in [0, 2**31) for a place named by `parts`, such as (seed, task, iteration, phase, island, step).

    31 bits, because some models take no more.
    """
    return int.from_bytes(_digest(parts)[:4], "little") >> 1


def keyed_rng(*parts: object) -> np.random.Generator:
    """Return a generator for a place named by `parts`: the same parts give the same draws on every machine."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(parts), "little")))


def _digest(parts: tuple[object, ...]) -> bytes:
    return hashlib.blake2b("\0".join(str(part) for part in parts).encode(), digest_size=16).digest()
