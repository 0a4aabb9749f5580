"""Token-level reinforcement, guided by golden solutions: from a right program's end backwards, a token at a time."""

from __future__ import annotations

from pathlib import Path

from soar.training.config import TrainingConfig
from soar.training.methods.base import Emit, Figures, Kind, Policy, Signal


class Tokens:
    """After "Golden solutions as guide for token-level reinforcement" (huikang.dev, 2025); see docs/training.md."""

    name = "tokens"
    consumes: Kind = "golden"

    def train(self, policy: Policy, signal: Signal, config: TrainingConfig, folder: Path, emit: Emit) -> Figures:
        """See `Method.train`."""
        from soar.sandbox import Sandbox
        from soar.training.golden import Rewards, read_golden
        from soar.training.redaction import Visitor
        from soar.training.retain import Retainer
        from soar.training.samplers import open_sampler
        from soar.training.token_steps import TokenTrainer, decoder, ends_of
        from soar.training.traces import Traces

        with Sandbox() as sandbox, open_sampler(policy.model) as reload:
            emit(stage="running golden solutions")
            rewards = Rewards(sandbox.run, decoder(policy.tokenizer))
            goldens, counts = read_golden(signal.data, policy.tokenizer, policy.window, rewards)
            ends = ends_of(policy.source, goldens[0])
            visitor = Visitor(rewards, config.rollouts, ends, policy.window, config.seed)
            replayed = None if config.replay is None else Path(config.replay)
            trainer = TokenTrainer(
                policy, goldens, visitor, reload, Retainer.of(policy, signal, config), folder, Traces(folder, replayed)
            )
            return {"rows": len(goldens), **counts, **trainer.run(emit)}
