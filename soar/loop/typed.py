"""Options of `soar.iterate` for type checkers, out of `LoopConfig`. Written by experiments/typed_options.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from soar.evolution.typed import SearchOptions


class LoopOptions(SearchOptions, total=False):
    """See `LoopConfig`."""

    iterations: int
    ttt: int
    held_out_every: bool
    control: bool
    continued: bool
    method: Literal["sft", "dpo", "grpo", "tokens"] | Sequence[Literal["sft", "dpo", "grpo", "tokens"]]
    reward: Literal["solved", "examples", "smooth"]
    retain: bool | None
    teacher: (
        Literal[
            "uniform",
            "record",
            "record-notes",
            "adarft",
            "sec",
            "dump",
            "vcrl",
            "filter",
            "cdas",
            "knapsack",
            "alp",
            "alp-gmm",
            "dsc",
            "prospects",
            "ttc",
        ]
        | None
    )
    hindsight: Mapping[str, Any]
