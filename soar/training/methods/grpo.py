"""Group-relative policy optimization: of the replies to a prompt those better than their mean become likelier.

Groups come out of a search (`soar.make_groups`), by the model and adapter that training starts from; the loop's next
search draws new ones. TRL's trainer, which samples by itself, is what tests compare the loss with.
"""

from __future__ import annotations

from pathlib import Path

from soar.training.config import TrainingConfig
from soar.training.methods.base import Emit, Figures, Kind, Policy, Signal


class Grpo:
    """Shao et al. 2024, without the division by the spread, and with the token mask of prime-rl instead of a clip."""

    name = "grpo"
    consumes: Kind = "groups"

    def train(self, policy: Policy, signal: Signal, config: TrainingConfig, folder: Path, emit: Emit) -> Figures:
        """See `Method.train`."""
        from soar.training.policy_gradient import encode_groups, run_groups
        from soar.training.retain import Retainer

        emit(stage="encoding groups")
        parts, counts = encode_groups(signal.data, policy.tokenizer, policy.window, config.micro_batch_size)
        figures = run_groups(policy, parts, Retainer.of(policy, signal, config), folder, emit)
        return {"rows": sum(len(one.group.replies) for one in parts), **counts, **figures}
