"""How a model is named: "mini", or "KIND:SOURCE"."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

MINI = Path(__file__).parent / "mini" / "weights"
NOVICE = MINI.with_name("novice")


class ModelSpec(NamedTuple):
    """A name taken apart.

    Attributes:
        kind: "mini", "hf", "vllm", "openai"; or what somebody's own model calls itself.
        source: name or folder of the weights, model of an endpoint, with its address; None where nothing is named.
    """

    kind: str
    source: str | None

    @classmethod
    def of(cls, name: str) -> Self:
        """Take a name apart. Any text is one: whether there is such a model shows when it is opened."""
        kind, colon, source = name.partition(":")
        return cls(kind, source if colon else None)


def mini_folder(source: str | None) -> str:
    """Return the folder of the weights that `mini` or `mini:SOURCE` names.

    Args:
        source: None, the shipped weights; "novice", those that know single steps only (`./novice` is a folder); else a
            folder.
    """
    if source is None:
        return str(MINI)
    return str(NOVICE) if source == "novice" else source
