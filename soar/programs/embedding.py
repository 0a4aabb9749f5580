"""Programs as vectors, so that near-duplicates show as a high cosine."""

from __future__ import annotations

import importlib.util
import io
import tokenize
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soar.core.errors import SoarError, expect
from soar.core.hints import install
from soar.programs.parsing.replies import ENTRY_POINT

LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
CODERANK = ("nomic-ai/CodeRankEmbed", "3c4b60807d71f79b43f3c4363786d9493691f8b1")
PAPERS_THRESHOLD = 0.9


class EmbeddingError(SoarError):
    """An embedder is unknown, or its package or model is missing; the message says what to do."""


class Embedder(Protocol):
    """Turns programs into vectors.

    Attributes:
        name: as reports show it.
        threshold: cosine above which two of its vectors count as the same program.
    """

    name: str
    threshold: float

    def embed(self, sources: Sequence[str]) -> NDArray[np.float32]:
        """Return (programs, dimensions); a program's vector depends on its source alone."""
        ...


class NgramEmbedder:
    """Runs of 1 to 3 tokens of Python, counted and hashed into 1,024 places; needs no download.

    Names, numbers and operators count as they are written; comments, layout, imports and the line that defines
    `transform` do not: they are the same in most programs, and would make short ones alike. A run's place and sign come
    from its CRC-32, its weight is the square root of its count.

    The threshold is calibrated on programs of `mini` (experiments/calibrate_embedder.py): above 0.9 are all pairs that
    differ in layout, 82% of those that differ in one number, 0.5% of those that differ in names, and 5% of those that
    do the same by other functions.
    """

    name = "ngrams"
    threshold = 0.9
    dimensions = 1024
    longest = 3

    def embed(self, sources: Sequence[str]) -> NDArray[np.float32]:
        """Return (programs, 1024)."""
        vectors = np.zeros((len(sources), self.dimensions), dtype=np.float32)
        for vector, source in zip(vectors, sources, strict=True):
            words = tokens(source)
            runs = Counter(
                "\0".join(words[i : i + n]) for n in range(1, self.longest + 1) for i in range(len(words) - n + 1)
            )
            for run, count in runs.items():
                code = zlib.crc32(run.encode())
                vector[code % self.dimensions] += count**0.5 * (1 if code >> 31 else -1)
        return vectors


def tokens(source: str) -> list[str]:
    """Return the tokens of a program that tell it from others, up to where it stops being Python."""
    found: list[str] = []
    line: list[str] = []  # one logical line
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.NEWLINE:
                found += [] if _is_frame(line) else line
                line = []
            elif token.type == tokenize.INDENT:
                line.append("{")
            elif token.type == tokenize.DEDENT:
                line.append("}")
            elif token.type not in LAYOUT:
                line.append(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # what came before counts
    return found + line


def _is_frame(line: Sequence[str]) -> bool:
    """Whether a logical line is the same in most programs: an import, or the entry point's first line."""
    words = [word for word in line if word not in "{}"]
    return words[:1] in (["import"], ["from"]) or words[:2] == ["def", ENTRY_POINT]


class SentenceEmbedder:
    """A model of sentence-transformers.

    Args:
        source: its name on the hub, or a folder.
        revision: commit of the hub's repository; None: the newest.
        trust_remote_code: run the code that comes with the model.

    Raises:
        EmbeddingError: sentence-transformers is missing, or the model cannot be loaded.
    """

    threshold = PAPERS_THRESHOLD

    def __init__(self, source: str, revision: str | None = None, trust_remote_code: bool = False) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise EmbeddingError(f"the embedder {source} needs sentence-transformers: {install('embed')}")
        from sentence_transformers import SentenceTransformer

        self.name = source if revision is None else f"{source}@{revision}"
        try:
            self.model = SentenceTransformer(source, revision=revision, trust_remote_code=trust_remote_code)
        except (OSError, ValueError, ImportError) as error:
            raise EmbeddingError(
                f"cannot load the embedder {self.name}: {error}\nGive 'ngrams', 'coderank', the name of a "
                "sentence-transformers model (NAME or NAME@REVISION) or its folder"
            ) from error

    def embed(self, sources: Sequence[str]) -> NDArray[np.float32]:
        """Return (programs, the model's dimensions)."""
        vectors: NDArray[np.float32] = self.model.encode(list(sources), show_progress_bar=False, convert_to_numpy=True)
        return vectors.astype(np.float32, copy=False)


def load_embedder(name: str) -> Embedder:
    """Return the embedder of this name.

    Args:
        name: "ngrams" (no download); "coderank", the paper's CodeRankEmbed at a fixed revision, which brings code of
            its own that is run; or a sentence-transformers model: a folder, NAME, or NAME@REVISION.

    Raises:
        EmbeddingError: its package or model is missing.
    """
    expect(name, str, "an embedder", "named by a text, such as 'ngrams'")
    if name == NgramEmbedder.name:
        return NgramEmbedder()
    if name == "coderank":
        return SentenceEmbedder(*CODERANK, trust_remote_code=True)
    source, _, revision = name.partition("@")
    return SentenceEmbedder(source, revision or None)
