"""Options of `soar.evolve` for type checkers, out of `EvolveConfig`. Written by experiments/typed_options.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from soar.evolution.rex import Selector


class EvolveOptions(TypedDict, total=False):
    """See `EvolveConfig`."""

    programs: int
    seed: int
    islands: int
    population: int
    migration: int
    selector: Literal["rex", "uniform", "best"] | Selector
    rex_c: float
    operators: (
        Literal["mutate", "crossover", "edit", "rewrite"]
        | Sequence[Literal["mutate", "crossover", "edit", "rewrite"]]
        | None
    )
    inspirations: int
    tolerance: float
    target: float | None
    patience: int | None
    temperature: float
    max_tokens: int
    seconds: float
    memory_mb: int
    evaluator_seconds: float
    evaluator_memory_mb: int
    cascade: float | None
    isolation: Literal["calls", "process"]
    workers: int | None
    concurrency: int | None
