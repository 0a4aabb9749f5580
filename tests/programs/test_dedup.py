from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soar.programs import dedup
from soar.programs.dedup import cosine, deduplicate


def by_hand(embeddings: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for i, row in enumerate(embeddings):
        if row.any():
            alike = (cosine(row, embeddings[j]) > threshold for j in kept if embeddings[j].any())
            if any(alike):
                continue
        kept.append(i)
    return kept


# few different numbers, so that many cosines are equal, or lie exactly at a threshold
ROWS = st.integers(1, 4).flatmap(
    lambda width: arrays(np.float32, st.tuples(st.integers(0, 24), st.just(width)), elements=st.integers(-2, 2))
)


@given(ROWS, st.sampled_from([-0.5, 0.0, 0.5, 0.7071067811865476, 0.8, 0.9, 0.9999999, 1.0]), st.integers(1, 7))
@settings(max_examples=300, deadline=None)
def test_it_keeps_what_comparing_row_by_row_keeps(rows: np.ndarray, threshold: float, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "BLOCK", block)
        assert deduplicate(rows, threshold).tolist() == by_hand(rows, threshold)


def test_blocks_change_nothing_at_many_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 256))
    rows = (centres[rng.integers(0, 40, 500)] + rng.normal(scale=0.25, size=(500, 256))).astype(np.float32)
    expected = by_hand(rows, 0.94)
    assert 40 < len(expected) < 480
    for block in (64, 300, 2048):
        monkeypatch.setattr(dedup, "BLOCK", block)
        assert deduplicate(rows, 0.94).tolist() == expected


def test_rows_of_zeros_are_kept_and_scale_does_not_matter() -> None:
    rows = np.array([[0, 0], [1, 0], [0, 0], [1e-30, 0], [-1, 0], [1e30, 1e20]], dtype=np.float32)
    assert deduplicate(rows).tolist() == [0, 1, 2, 4]
    assert deduplicate(rows, -0.5).tolist() == [0, 1, 2, 4]
    assert deduplicate(rows, -1.5).tolist() == [0, 1, 2]


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        deduplicate(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="shape"):
        deduplicate(np.zeros(3))
    assert deduplicate(np.empty((0, 8))).tolist() == []
