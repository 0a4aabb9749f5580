"""Supervised finetuning: replies are made likelier (SOAR, section 3.3)."""

from __future__ import annotations

from pathlib import Path

from soar.training.config import TrainingConfig
from soar.training.methods.base import Emit, Figures, Kind, Policy, Signal


class Sft:
    """Cross-entropy on the tokens of each row's reply, by TRL's trainer."""

    name = "sft"
    consumes: Kind = "rows"

    def train(self, policy: Policy, signal: Signal, config: TrainingConfig, folder: Path, emit: Emit) -> Figures:
        """See `Method.train`."""
        from soar.training.encoding import encode
        from soar.training.retain import Retainer
        from soar.training.steps import run_steps

        emit(stage="encoding rows")
        rows, too_long = encode(signal.data, policy.tokenizer, policy.window)
        retainer = Retainer.of(policy, signal, config)
        figures = run_steps(policy, rows, retainer, config, folder, emit)
        return {"rows": len(rows), "rows_too_long": too_long, **figures}
