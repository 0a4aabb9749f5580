"""Direct preference optimization: of two replies to a prompt the right one is made likelier than the wrong one.

Staged as RPS or EPS by `soar.training.stages`. TRL's trainer is what tests compare with, not what runs: it reads a
prompt twice where replies can share it, weighs the chosen replies' own loss by micro-batch instead of by reply, and
keeps a copy of the weights that training goes on from inside the adapter. Here the reference is asked once, before the
first step.
"""

from __future__ import annotations

from pathlib import Path

from soar.training.config import TrainingConfig
from soar.training.methods.base import Emit, Figures, Kind, Policy, Signal


class Dpo:
    """Rafailov et al. 2023, with the term on chosen replies of Pang et al. 2024."""

    name = "dpo"
    consumes: Kind = "pairs"

    def train(self, policy: Policy, signal: Signal, config: TrainingConfig, folder: Path, emit: Emit) -> Figures:
        """See `Method.train`."""
        from soar.training.preference import encode_pairs, run_preference
        from soar.training.retain import Retainer

        emit(stage="encoding pairs")
        groups, too_long = encode_pairs(signal.data, policy.tokenizer, policy.window)
        figures = run_preference(policy, groups, Retainer.of(policy, signal, config), folder, emit)
        return {"rows": len(groups), "rows_too_long": too_long, **figures}
