"""What goes on with a reply while it is being learnt: the model's own server, with the weights as they are now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from soar.core.process import available_cores
from soar.models.adapter import base_source
from soar.models.spec import ModelSpec
from soar.models.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS = {"mini": ("soar.models.mini.child:Child", "folder"), "hf": ("soar.models.transformers:Child", "source")}


class Sampled(NamedTuple):
    """What a model says behind a beginning.

    Attributes:
        next: natural log-probability of each token that may follow, at temperature 1; empty where replies were drawn.
        replies: ids of each continuation, the token that ends it included where it ended.
    """

    next: list[float]
    replies: list[list[int]]


class Sampler(Protocol):
    """Goes on where a reply breaks off. What it gives follows from its weights and the arguments alone."""

    def sample(self, beginning: Sequence[int], n: int, max_tokens: int, seed: int) -> Sampled:
        """Return `n` continuations of a prompt and the beginning of a reply, drawn at temperature 1 without filters.

        Args:
            beginning: ids of both, at least two.
            n: 0 asks for the log-probabilities of the next token alone.
            max_tokens: longest continuation.
            seed: of the draws.
        """
        ...


Reload: TypeAlias = Callable[[Path | None], Sampler]  # gives a sampler with the adapter in a folder


class LocalSampler:
    """A model of ours in its process."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def sample(self, beginning: Sequence[int], n: int, max_tokens: int, seed: int) -> Sampled:
        """See `Sampler.sample`."""
        if not n:
            return Sampled(self.worker.call("next_logprobs", list(beginning)), [])
        return Sampled([], self.worker.call("go_on", list(beginning), n, max_tokens, seed))


@contextmanager
def open_sampler(model: str) -> Iterator[Reload]:
    """Start the process that serves a model; it is gone at the end."""
    target, source = SERVERS[ModelSpec.of(model).kind]
    worker = Worker(target, {source: base_source(model)}, available_cores())

    def reload(adapter: Path | None) -> Sampler:
        worker.call("load", None if adapter is None else str(adapter))
        return LocalSampler(worker)

    try:
        yield reload
    finally:
        worker.close()
