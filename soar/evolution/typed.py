"""Options of `soar.search` for type checkers, out of `SearchConfig`. Written by experiments/typed_options.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from soar.evolution.budget import Budget
from soar.evolution.operators import AnyOperator
from soar.evolution.rex import Selector
from soar.programs.scoring import Scorer
from soar.programs.voting import Vote


class SearchOptions(TypedDict, total=False):
    """See `SearchConfig`."""

    samples: int
    refinements: int
    budget: (
        Literal[
            "fixed",
            "adaptive",
            "teacher:uniform",
            "teacher:record",
            "teacher:record-notes",
            "teacher:adarft",
            "teacher:sec",
            "teacher:dump",
            "teacher:vcrl",
            "teacher:filter",
            "teacher:cdas",
            "teacher:knapsack",
            "teacher:alp",
            "teacher:alp-gmm",
            "teacher:dsc",
            "teacher:prospects",
        ]
        | Budget
    )
    seed: int
    samples_per_request: int | None
    refinements_per_request: int
    islands: int
    early_stop: int
    stop_when_solved: int | None
    selector: Literal["rex", "uniform", "best"] | Selector
    operators: (
        Literal["refine", "crossover", "compose", "mutate"]
        | AnyOperator
        | Sequence[Literal["refine", "crossover", "compose", "mutate"] | AnyOperator]
    )
    operator_choice: Literal["uniform", "bandit"]
    rex_c: float
    vote_c: float
    vote_weight: Literal["sum", "appendix", "majority", "best", "closest"] | Vote
    temperature: float | None
    min_p: float
    max_tokens: int | None
    seconds: float
    memory_mb: int
    workers: int | None
    concurrency: int | None
    prompt_set: str | None
    drop_examples: bool
    few_shot: str | None
    keep_tokens: bool
    iteration: int
    rules: Sequence[Literal["invalid-output", "hard-coded", "long-line", "blank-output", "pass-through"]]
    scorer: Literal["exact"] | Scorer
    simplify: bool
    tolerance: float | None
