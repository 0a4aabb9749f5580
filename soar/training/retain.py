"""What a training should leave as it is: the base model's own replies to other tasks. Runs in the training process.

A penalty on KL(base || policy), token by token over replies that the base model gave to tasks that are not learnt from.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from soar.core.seeding import keyed_rng
from soar.training.branches import IGNORED, group_rows, lay_out
from soar.training.config import TrainingConfig
from soar.training.encoding import encode
from soar.training.methods.base import Policy, Signal

PROMPTS = 8  # of a step: the gradient of a single task is large, and points elsewhere with every step


class Retainer:
    """The penalty of each step.

    Args:
        policy: its base model is what is held on to.
        rows: of the base model's replies, as `soar.training.encoding.encode` gives them.
        config: has the weight, and the seed that decides which replies a step looks at.
    """

    def __init__(self, policy: Policy, rows: Any, config: TrainingConfig) -> None:
        self.groups, self.config = group_rows(rows.to_list()), config
        self.pad, self.network = policy.pad, policy.network
        self.frozen = None if hasattr(self.network, "disable_adapter") else _base(policy)
        self.step, self.part = -1, 0

    @classmethod
    def of(cls, policy: Policy, signal: Signal, config: TrainingConfig) -> Retainer | None:
        """Return what the signal asks to retain; None where that is nothing."""
        if signal.retain is None:
            return None
        return cls(policy, encode(signal.retain, policy.tokenizer, policy.window)[0], config)

    def penalty(self, network: Any, step: int, parts: int) -> Tensor:
        """Return what the next of a step's `parts` micro-batches adds to its loss: over all, weight times mean KL.

        Args:
            network: that is trained, as the trainer calls it.
            step: number of the optimizer step.
            parts: micro-batches of that step.
        """
        self.part = self.part + 1 if step == self.step else 0
        self.step = step
        rng = keyed_rng(self.config.seed, "retain", step)
        drawn = [self.groups[i] for i in rng.permutation(len(self.groups))[:PROMPTS]]
        picks = [one._replace(replies=[one.replies[int(rng.integers(len(one.replies)))]]) for one in drawn]
        total = sum(len(one.replies[0]) for one in picks)
        mine = picks[self.part :: parts]
        if not mine:
            return torch.zeros((), device=self.network.device)
        batch = lay_out(mine, self.pad)
        inputs = {name: one.to(self.network.device) for name, one in batch.inputs.items()}
        counted = (batch.labels[:, 1:] != IGNORED).to(self.network.device)
        with torch.no_grad(), self._without_adapter():
            base = (self.frozen or network)(**inputs, use_cache=False).logits[:, :-1][counted].float().log_softmax(-1)
        now = network(**inputs, use_cache=False).logits[:, :-1][counted].float().log_softmax(-1)
        kl: Tensor = (base.exp() * (base - now)).sum() / total
        return self.config.retain_weight * kl

    def _without_adapter(self) -> AbstractContextManager[None]:
        off: AbstractContextManager[None] = nullcontext() if self.frozen is not None else self.network.disable_adapter()
        return off


def _base(policy: Policy) -> Any:
    from transformers import AutoModelForCausalLM

    frozen = AutoModelForCausalLM.from_pretrained(policy.source, dtype=policy.network.dtype)
    return frozen.to(policy.network.device).eval().requires_grad_(False)
