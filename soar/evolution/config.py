"""What a search can be told, and by default is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from soar.archive.records import Evaluator
from soar.core.custom import Custom, name_or, value_of
from soar.core.errors import SoarError
from soar.core.manifest import may
from soar.core.options import Options
from soar.evolution.selection import SelectorName
from soar.programs.rules import RULES, Rule
from soar.programs.scoring import EXACT, Scorer
from soar.programs.voting import Weighting
from soar.sandbox.outcome import Limits
from soar.tasks.task import Task

if TYPE_CHECKING:
    from soar.models.base import Capabilities


BUDGET_OF_TEACHER = "teacher:"
# Teachers that say something of a search: all but those of rates and targets.
BudgetName: TypeAlias = Literal[
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
OperatorName: TypeAlias = Literal["refine", "crossover", "compose", "mutate"]
ChoiceName: TypeAlias = Literal["uniform", "bandit"]
ENOUGH = 4  # programs that solve all examples, after which a model that costs something is asked no further


class ConfigError(SoarError):
    """An option is unknown, out of range, or differs from the run that is reopened; the message names it."""


class SearchConfig(Options):
    """Options of `soar.search`. The paper is SOAR (ICML 2025); its budgets are 3,000 + 3,000 completions a task.

    Attributes:
        samples: completions of the sampling phase, per task (paper: 3,000).
        refinements: completions of the refinement phase, per task, divided evenly among the islands (paper: 3,000).
        budget: "fixed" (paper): every task gets its samples and refinements; "adaptive": tasks share the refinements,
            see `soar.evolution.budget.AdaptiveBudget`; "teacher:NAME": tasks share samples and refinements as a teacher
            hands them out, see `soar.evolution.teacher_budget.TeacherBudget`; or a `Budget` of your own.
        seed: the same seed gives the same requests, and with a model that takes seeds the same programs.
        samples_per_request: completions per sampling prompt; None: the prompt set's (paper: 50).
        refinements_per_request: completions per refinement prompt (paper: 4).
        islands: independent instances of REx per task, each with its own children (paper: 4).
        early_stop: a phase of a task ends once so many of its eligible attempts solve all examples; in the refinement
            phase the samples count as well, and each island ends at its even share of the rest (paper: 100).
        stop_when_solved: nothing more is asked for a task once so many of its eligible attempts, samples and
            refinements of all islands together, solve all examples; 0: never. None: 4 where the model is an endpoint or
            states prices, never with other models (as the paper).
        selector: what picks the attempts to refine: "rex" (paper), "uniform", "best", see `soar.evolution.selection`;
            or a `Selector` of your own, of which each island gets a copy.
        operators: what makes the requests of the refinement phase, one or several: "refine" (paper), "crossover" (of
            two attempts that together solve many examples; with the prompt set `crossover` where the model's own would
            be `soar`), "compose" (what is left to do after an attempt), "mutate" (programs near the nearest attempts,
            without asking a model), or an `Operator` or `Proposer` of your own, see `soar.evolution.operators`.
        operator_choice: which of several operators makes a request: "uniform", each is as likely; "bandit", those that
            have brought something on the island come more often, see `soar.evolution.operator_bandit`.
        rex_c: C of REx (paper: 20), also of the crossover.
        vote_c: worth of the examples in the vote (paper: 1,000).
        vote_weight: "sum" (paper), "appendix", "majority", "best" or "closest", see `soar.programs.voting.vote`; or a
            `Vote` of your own.
        temperature: of the model; None: the prompt set's (paper: 1.0; `mini` draws at 1.3).
        min_p: of the model (paper: 0.05).
        max_tokens: longest reply; None: the prompt set's.
        seconds: time limit of one program on one input (authors' code: a few seconds).
        memory_mb: memory limit of a program.
        workers: processes that run programs; None: one per core.
        concurrency: completions under way at once, however many requests bring them; one request for more goes alone,
            to an endpoint in parts. None: as many requests as the model asks for, or completions where it is an
            endpoint.
        prompt_set: name or folder of a prompt set; None: the model's own (`values` instead of `soar` where a task is
            not about grids).
        drop_examples: a task whose prompt is too long for the model's window is shown without its largest examples;
            programs are run and judged on all of them. By default it is skipped.
        few_shot: an earlier search whose solved tasks are shown, one in each prompt: its folder (the last iteration, or
            of the same run the one before), or FOLDER:ITERATION. Frozen when first used, see `soar.evolution.few_shot`.
        keep_tokens: the archive keeps the ids and log-probabilities of the tokens of every reply, for models that give
            them: about as much again on disk.
        iteration: round of the loop, from 0.
        rules: eligibility rules that count (appendix F; default all), see `soar.programs.rules`.
        scorer: "exact": the share of the examples that are solved; or a `Scorer` of your own, see
            `soar.programs.scoring`.
        simplify: show the best program of a task without what changes nothing at its inputs; the archive keeps what was
            written, and nothing else changes.
        tolerance: by how much numbers may differ in tasks that are not about grids and name no tolerance of their own,
            see `soar.tasks.values.matches`; None: answers must be exact, types included.
    """

    error: ClassVar[type[SoarError]] = ConfigError

    samples: int = Field(64, ge=0, json_schema_extra=may("grow"))
    refinements: int = Field(64, ge=0, json_schema_extra=may("grow"))
    budget: Annotated[BudgetName | Custom, *name_or("grant", get_args(BudgetName))] = "fixed"
    seed: int = 0
    samples_per_request: int | None = Field(None, ge=1)
    refinements_per_request: int = Field(4, ge=1)
    islands: int = Field(4, ge=1)
    early_stop: int = Field(100, ge=1)
    stop_when_solved: int | None = Field(None, ge=0, json_schema_extra=may("change"))
    selector: Annotated[SelectorName | Custom, *name_or("select", get_args(SelectorName))] = "rex"
    operators: Annotated[
        tuple[Annotated[OperatorName | Custom, *name_or("parents", get_args(OperatorName))], ...],
        BeforeValidator(lambda given: given if isinstance(given, (list, tuple)) else (given,)),
    ] = Field(("refine",), min_length=1)
    operator_choice: ChoiceName = "uniform"
    rex_c: float = Field(20, ge=0)
    vote_c: float = Field(1000, ge=0, json_schema_extra=may("change"))
    vote_weight: Annotated[Weighting | Custom, *name_or("weigh", get_args(Weighting))] = Field(
        "sum", json_schema_extra=may("change")
    )
    temperature: float | None = Field(None, ge=0)
    min_p: float = Field(0.05, ge=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    seconds: float = Field(2.0, gt=0)
    memory_mb: int = Field(1024, ge=64)
    workers: int | None = Field(None, ge=1, json_schema_extra=may("change"))
    concurrency: int | None = Field(None, ge=1, json_schema_extra=may("change"))
    prompt_set: str | None = None
    drop_examples: bool = False
    few_shot: str | None = Field(None, json_schema_extra=may("change"))  # what lies there is compared by its hash
    keep_tokens: bool = Field(False, json_schema_extra=may("change"))
    iteration: int = Field(0, ge=0)
    rules: tuple[Rule, ...] = RULES
    scorer: Annotated[Literal["exact"] | Custom, *name_or("score", ("exact",))] = "exact"
    simplify: bool = Field(False, json_schema_extra=may("change"))
    tolerance: float | None = Field(None, ge=0, allow_inf_nan=False)

    @property
    def enough(self) -> int | None:
        """Solving attempts after which nothing more is asked for a task; None where that is never."""
        return self.stop_when_solved or None

    def suited_to(self, able: Capabilities) -> Self:
        """The options with what this model decides of them decided."""
        paid = able.remote or able.priced or able.prices is not None
        if self.stop_when_solved is not None or not paid:
            return self
        return self.model_copy(update={"stop_when_solved": ENOUGH})

    @property
    def limits(self) -> Limits:
        """Of the programs that are run."""
        return Limits(seconds=self.seconds, memory_mb=self.memory_mb)

    def evaluator(self, task: Task) -> Evaluator:
        """What turns the task's records into attempts, by the rules and the scorer of this search."""
        scorer: Literal["exact"] | Scorer = value_of(self.scorer, "scorer")
        return Evaluator(task, self.rules, EXACT if isinstance(scorer, str) else scorer)

    def tolerant(self, task: Task) -> Task:
        """Return the task with the tolerance that counts for it."""
        own = task.tolerance is not None or self.tolerance is None or task.without_test_outputs().is_grid
        return task if own else replace(task, tolerance=self.tolerance)
