from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.programs.dedup import cosine, deduplicate
from soar.programs.embedding import EmbeddingError, NgramEmbedder, load_embedder

HEADER = "import numpy as np\nfrom soar.grids import *\n\ndef transform(grid):\n    grid = np.array(grid)\n"


def alike(first: str, second: str) -> float:
    a, b = NgramEmbedder().embed([first, second])
    return cosine(a, b)


def test_layout_and_comments_do_not_count() -> None:
    plain = HEADER + "    x = rot90(grid)\n    return x[:, ::-1]\n"
    spaced = HEADER + "\n    # turn\n    x  =  rot90( grid )   # once\n\n    return x[:,::-1]\n\n\n"
    assert alike(plain, spaced) > 0.999999
    assert deduplicate(NgramEmbedder().embed([plain, spaced])).tolist() == [0]


def test_short_programs_are_told_apart_and_a_number_is_not() -> None:
    assert alike(HEADER + "    return rot90(grid)\n", HEADER + "    return fliplr(grid)\n") < 0.9
    long = "    x = recolor(grid, 3, {k})\n    x = outline(x, 2)\n    return crop(fill_holes(x, 4))\n"
    assert alike(HEADER + long.format(k=5), HEADER + long.format(k=7)) > 0.9


@given(st.lists(st.text(max_size=30), max_size=5))
def test_a_vector_depends_on_its_source_alone(sources: list[str]) -> None:
    embedder = NgramEmbedder()
    together = embedder.embed(sources)
    assert together.shape == (len(sources), embedder.dimensions) and together.dtype == np.float32
    for vector, source in zip(together, sources, strict=True):
        assert np.array_equal(vector, embedder.embed([source])[0])


def test_what_is_not_python_counts_up_to_there() -> None:
    assert NgramEmbedder().embed(["x = (1", "", "if x:\n  y\n z"]).any(axis=1).tolist() == [True, False, True]


def test_unknown_embedders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(EmbeddingError, match=r"needs sentence-transformers: pip install -e "):
        load_embedder("coderank")


MODEL = """
import sys, torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from soar.programs.dedup import deduplicate
from soar.programs.embedding import EmbeddingError, load_embedder
from soar.models.mini import WEIGHTS

torch.manual_seed(0)
static = StaticEmbedding(Tokenizer.from_file(str(WEIGHTS / "tokenizer.json")), embedding_dim=64)
SentenceTransformer(modules=[static]).save(sys.argv[1])
vectors = load_embedder(sys.argv[1]).embed(["return rot90(grid)", "return rot90(grid)", "return outline(grid, 3)"])
assert vectors.shape == (3, 64) and vectors.dtype.name == "float32"
assert deduplicate(vectors).tolist() == [0, 2]
try:
    load_embedder(sys.argv[1] + "-none")
except EmbeddingError as error:
    assert "cannot load the embedder" in str(error)
else:
    raise SystemExit("no such model, and no error")
"""


@pytest.mark.slow
def test_a_model_of_sentence_transformers(tmp_path: Path) -> None:
    """One with weights drawn at random, made here: the library is the real one."""
    pytest.importorskip("sentence_transformers")
    command = [sys.executable, "-c", MODEL, str(tmp_path / "model")]
    environment = {"HF_HUB_OFFLINE": "1"}

    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
