"""What the embedded model has drawn, as its processes send it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drawn:
    """One reply.

    Attributes:
        ids: of its tokens, without the one that ended it.
        end: the token that ended it; None where it was cut.
        logprobs: natural log-probability of each token at temperature 1, the end token counted.
    """

    ids: list[int]
    end: int | None
    logprobs: list[float]

    @property
    def stopped(self) -> bool:
        """Whether the model ended it."""
        return self.end is not None

    @property
    def logprob(self) -> float:
        """Of the whole reply."""
        return sum(self.logprobs)
