"""What `soar.evolve` can be told, and by default does."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from soar.core.custom import Custom, name_or
from soar.core.errors import SoarError
from soar.core.manifest import may
from soar.core.options import Options
from soar.evolution.config import ConfigError
from soar.evolution.selection import SelectorName

ScoreOperator: TypeAlias = Literal["mutate", "crossover", "edit", "rewrite"]
WITHOUT_MODEL: tuple[ScoreOperator, ...] = ("mutate", "crossover")
WITH_MODEL: tuple[ScoreOperator, ...] = ("edit", "rewrite")


class EvolveConfig(Options):
    """Options of `soar.evolve`.

    Attributes:
        programs: made in all, the first one included; replies without a program count.
        seed: the same seed gives the same programs, without a model and with one that takes seeds.
        islands: populations of their own, in a ring.
        population: programs that an island keeps to choose parents from: the best, one of each score.
        migration: after so many programs the best of each island comes to the next one as well.
        selector: what picks parents, by their ranks on an island: "rex", "uniform", "best"; or a `Selector` of one's
            own.
        rex_c: C of REx.
        operators: what makes programs, each as likely: "mutate" and "crossover" need no model; "edit" asks it for
            SEARCH/REPLACE blocks, "rewrite" for the whole program. None: the first two without a model,
            the others with.
        inspirations: other good programs that a model is shown.
        tolerance: by how much the scores of two runs of a program may differ; the worse of them counts.
        target: stop once a score is so good.
        patience: stop after so many programs without a better one.
        temperature: of the model.
        max_tokens: longest reply.
        seconds: time limit of a program on one input, or in one call.
        memory_mb: memory limit of a program, in MiB.
        evaluator_seconds: wall time of one call of `evaluate(path)`, with all that it starts.
        evaluator_memory_mb: memory of that call and of all that it starts together, in MiB.
        cascade: ask `evaluate_stage1(path)` of the evaluator first, and `evaluate` only of programs that score so much
            there; the others have no score. None: only `evaluate`.
        isolation: "calls": the evaluator imports a stand-in, and the program's functions run in the sandbox; "process":
            it imports the program itself, which can then fool it. For evaluators only.
        workers: processes that run programs; None: one per core.
        concurrency: programs under way at once, 32 at most; None: as many as the model asks for, or two per worker.
    """

    error: ClassVar[type[SoarError]] = ConfigError

    programs: int = Field(1000, ge=1, json_schema_extra=may("grow"))
    seed: int = 0
    islands: int = Field(4, ge=1)
    population: int = Field(64, ge=1)
    migration: int = Field(200, ge=1)
    selector: Annotated[SelectorName | Custom, *name_or("select", get_args(SelectorName))] = "rex"
    rex_c: float = Field(20, ge=0)
    operators: Annotated[
        tuple[ScoreOperator, ...] | None,
        BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    ] = Field(None, min_length=1)
    inspirations: int = Field(2, ge=0)
    tolerance: float = Field(0.0, ge=0, allow_inf_nan=False)
    target: float | None = Field(None, json_schema_extra=may("change"))
    patience: int | None = Field(None, ge=1, json_schema_extra=may("change"))
    temperature: float = Field(1.0, ge=0)
    max_tokens: int = Field(4096, ge=1)
    seconds: float = Field(5.0, gt=0)
    memory_mb: int = Field(1024, ge=64)
    evaluator_seconds: float = Field(60.0, gt=0)
    evaluator_memory_mb: int = Field(4096, ge=64)
    cascade: float | None = Field(None, allow_inf_nan=False)
    isolation: Literal["calls", "process"] = "calls"
    workers: int | None = Field(None, ge=1, json_schema_extra=may("change"))
    concurrency: int | None = Field(None, ge=1, le=32, json_schema_extra=may("change"))
