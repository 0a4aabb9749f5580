"""Near-duplicates out of a list of embeddings: greedy, exact, in bounded memory (SOAR: none above cosine 0.9)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 2048  # rows compared at once
FLOAT32_ROUNDING = 2.0**-24


def deduplicate(embeddings: NDArray[np.floating], threshold: float = 0.9) -> NDArray[np.intp]:
    """Return the indices of the rows to keep, in order: each whose cosine with every kept one before is <= threshold.

    The result is that of comparing row by row in float64. Most pairs are decided by products of float32 blocks; those
    that fall so near the threshold that rounding could decide are computed again. A row of zeros is like no other. A
    cosine is never above 1, so a threshold from 1 on keeps everything.

    Memory beyond the embeddings (which may be a memory map) is that of a few blocks of 2,048 rows and of one product of
    two such blocks, at any number of rows: less than 32 MB + 32 KB times the dimensions.

    Args:
        embeddings: (rows, dimensions); read as float32.
        threshold: rows more alike than this are duplicates.

    Raises:
        ValueError: the array is not two-dimensional, or holds NaN or infinity.
    """
    if embeddings.ndim != 2:
        raise ValueError(f"embeddings are rows of numbers, not an array of shape {embeddings.shape}")
    if threshold >= 1:
        return np.arange(len(embeddings))
    comparison = _Comparison(embeddings, threshold)
    kept = np.empty(0, dtype=np.intp)
    for start in range(0, len(embeddings), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(embeddings)))
        units = comparison.units(rows)
        for first in range(0, len(kept), BLOCK):
            before = kept[first : first + BLOCK]
            alike = comparison.alike(comparison.units(before), units, before, rows).any(axis=0)
            rows, units = rows[~alike], units[~alike]
        kept = np.concatenate([kept, rows[_first_of_their_kind(comparison.alike(units, units, rows, rows))]])
    return kept


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return the cosine of two vectors, read as float32 and computed in float64; 0 where one of them is zero."""
    a, b = a.astype(np.float32).astype(np.float64), b.astype(np.float32).astype(np.float64)
    lengths = float(a @ a) * float(b @ b)
    return float(a @ b) / lengths**0.5 if lengths else 0.0


class _Comparison:
    """Which rows are alike, block by block."""

    def __init__(self, embeddings: NDArray[np.floating], threshold: float) -> None:
        self.embeddings, self.threshold = embeddings, threshold
        # bound on the error of a dot product of two unit vectors, their own rounding included
        self.margin = (embeddings.shape[1] + 8) * FLOAT32_ROUNDING

    def units(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return these rows, each divided by its length."""
        block = np.asarray(self.embeddings[rows], dtype=np.float32)
        if not np.isfinite(block).all():
            raise ValueError("embeddings hold NaN or infinity")
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        lengths[lengths == 0] = 1
        units: NDArray[np.float32] = (block / lengths[:, None]).astype(np.float32)
        return units

    def alike(
        self, a: NDArray[np.float32], b: NDArray[np.float32], rows_a: NDArray[np.intp], rows_b: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Return (rows of a, rows of b): whether their cosine is above the threshold."""
        products = a @ b.T
        above = np.asarray(products > self.threshold + self.margin)
        doubtful = np.asarray(products >= self.threshold - self.margin) & ~above
        for i, j in np.argwhere(doubtful):
            above[i, j] = cosine(self.embeddings[rows_a[i]], self.embeddings[rows_b[j]]) > self.threshold
        if self.threshold < 0:
            above &= np.asarray(a.any(axis=1))[:, None]
            above &= np.asarray(b.any(axis=1))[None, :]
        return above


def _first_of_their_kind(alike: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows of a block stay when each removes those after it that are like it."""
    stays = np.ones(len(alike), dtype=np.bool_)
    for row in range(len(alike)):
        if stays[row]:
            stays[row + 1 :] &= ~alike[row, row + 1 :]
    return stays
