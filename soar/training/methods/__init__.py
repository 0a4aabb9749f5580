"""Ways to learn, on one footing: the same process, folder, progress and checks; see `base.Method`."""

from __future__ import annotations

from soar.training.methods.base import Method


def method_of(name: str) -> Method:
    """Return the method with this name, one of those that `TrainingConfig.method` knows."""
    from soar.training.methods.dpo import Dpo
    from soar.training.methods.grpo import Grpo
    from soar.training.methods.sft import Sft
    from soar.training.methods.tokens import Tokens

    methods: dict[str, type[Method]] = {"sft": Sft, "dpo": Dpo, "grpo": Grpo, "tokens": Tokens}
    return methods[name]()
