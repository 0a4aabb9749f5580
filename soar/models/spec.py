"""How a model is named: "mini", or "KIND:SOURCE"."""

from __future__ import annotations

from typing import NamedTuple, Self


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
