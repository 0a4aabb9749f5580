"""What a way to learn is: it takes a network and a signal, and leaves the network trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from soar.training.config import TrainingConfig

Kind: TypeAlias = Literal["rows", "pairs", "groups", "golden"]
Figures: TypeAlias = dict[str, Any]
Emit: TypeAlias = Callable[..., None]


@dataclass(frozen=True)
class Policy:
    """The model that learns. Lives in the training process.

    Attributes:
        source: folder or hub name of the base weights.
        config: how it is trained.
        unsloth: whether Unsloth's kernels are used.
        start: folder of the adapter that it goes on from; None: the base model.
        model: the base as `open_model` takes it, for whoever asks what will serve it.
    """

    source: str
    config: TrainingConfig
    unsloth: bool
    start: str | None
    model: str = "mini"

    @cached_property
    def tokenizer(self) -> Any:
        """Of the base model."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.source)

    @property
    def pad(self) -> int:
        """The token that fills rows up."""
        pad = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id if pad is None else pad)

    @cached_property
    def window(self) -> int:
        """Tokens of the longest sequence that is trained on."""
        from soar.training.network import window_of

        known = window_of(self.source)
        return min(self.config.max_tokens or known, known)

    @cached_property
    def network(self) -> Any:
        """The weights that are trained, loaded on first use: as they are at the start."""
        from soar.training.network import load_network

        return load_network(self.source, self.config, self.unsloth, self.start, self.window)


@dataclass(frozen=True, slots=True)
class Signal:
    """What is learnt from, and what is to stay as it is.

    Attributes:
        data: a `datasets.Dataset` with the columns of its kind, see `soar.training.encoding.COLUMNS_OF`.
        retain: rows of the base model's own replies to other tasks; None: nothing is held.
        held_out: rows that are measured before and after, never learnt from; None: nothing is measured.
    """

    data: Any
    retain: Any = None
    held_out: Any = None


class Method(Protocol):
    """A way to learn.

    Attributes:
        name: as `TrainingConfig.method` has it.
        consumes: what a row of its signal is: a reply to learn; two replies, one better; a group of scored replies; a
            golden solution.
    """

    name: str
    consumes: Kind

    def train(self, policy: Policy, signal: Signal, config: TrainingConfig, folder: Path, emit: Emit) -> Figures:
        """Train `policy.network` in place, from the last checkpoint in `folder` if there is one; return figures.

        Whatever is drawn follows from `config.seed`, so that a training that was killed ends in the same weights.
        `emit` takes what is to be told: `stage=...`, or the fields of a step (see `soar.training.job.train_iter`).

        Raises:
            TrainingError: nothing of the signal can be trained on.
        """
        ...
