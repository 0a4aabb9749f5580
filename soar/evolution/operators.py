"""Ways to make a program of earlier ones: which parents, what the model is shown of them, what its reply becomes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np

from soar.core.custom import value_of
from soar.evolution.composing import Compose
from soar.evolution.config import ConfigError, OperatorName, SearchConfig
from soar.evolution.mutating import Mutate, Proposer
from soar.evolution.rex import PoolMember, Selector, counted, refuse_empty, thetas
from soar.evolution.selection import make_selector
from soar.models.base import Prompt
from soar.programs.parsing.replies import ParseFailure
from soar.programs.program import Attempt
from soar.prompts.prompt_set import FewShot, PromptSet
from soar.tasks.task import Task


class Operator(Protocol):
    """Makes one request of the refinement phase after another. Each island has its own.

    Attributes:
        name: what the archive records; unique among the operators of a search.
    """

    name: str

    def parents(self, pool: Sequence[PoolMember], rng: np.random.Generator) -> tuple[PoolMember, ...]:
        """Return what the next request shows, out of a pool of refinable attempts that is not empty."""
        ...

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take note that `n` completions are requested which show the attempts with these keys."""
        ...

    def prompt(
        self, prompts: PromptSet, task: Task, parents: Sequence[Attempt], example: FewShot | None = None
    ) -> Prompt | None:
        """Return what the model is shown; None where these parents are not to be shown: others are chosen then.

        Args:
            prompts: the prompt set of the search.
            task: without test outputs, and perhaps without its largest examples.
            parents: what `parents` chose, with what they did on these examples.
            example: a solved task to show before, where there is one.
        """
        ...

    def assemble(
        self, prompts: PromptSet, reply: str, prompt: Prompt, parents: Sequence[Attempt]
    ) -> str | ParseFailure:
        """Return the source of the program that a reply makes with the parents, or why it makes none."""
        ...


class Sample:
    """A program from nothing: the sampling prompt."""

    name = "sample"

    def parents(self, pool: Sequence[PoolMember], rng: np.random.Generator) -> tuple[PoolMember, ...]:
        """Return none."""
        return ()

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """What was asked before plays no part."""

    def prompt(
        self, prompts: PromptSet, task: Task, parents: Sequence[Attempt], example: FewShot | None = None
    ) -> Prompt:
        """Return the prompt set's prompt."""
        return prompts.render(task, parents, example)

    def assemble(
        self, prompts: PromptSet, reply: str, prompt: Prompt, parents: Sequence[Attempt]
    ) -> str | ParseFailure:
        """Return the program in the reply."""
        return prompts.parse(reply, prompt.prefill)


class Refine(Sample):
    """A better program than what the selector picks (SOAR, section 3.2): the refinement prompt.

    Args:
        selector: of this operator alone; most pick one parent.
    """

    name = "refine"

    def __init__(self, selector: Selector) -> None:
        self.selector = selector

    def parents(self, pool: Sequence[PoolMember], rng: np.random.Generator) -> tuple[PoolMember, ...]:
        """Return what the selector picks."""
        return self.selector.select(pool, rng)

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Tell the selector."""
        self.selector.on_request(keys, n)


class Crossover(Refine):
    """A better program than two that together solve many examples.

    The first parent is the one that the selector picks. For each other attempt q the accuracy of the pair h(p, q) is
    the share of the examples that p or q solves, and q is drawn by the law of REx with h(p, q) in place of h(q): where
    all else is equal, the parent that solves what the first does not is the likelier. A pool of one gives one parent.

    Args:
        selector: picks the first parent.
        c: C, the confidence in h; 20 in the paper.
    """

    name = "crossover"

    def __init__(self, selector: Selector, c: float = 20) -> None:
        super().__init__(selector)
        self.c = c
        self._asked: dict[str, int] = {}

    def parents(self, pool: Sequence[PoolMember], rng: np.random.Generator) -> tuple[PoolMember, ...]:
        """Return two parents, one where the pool has no more. Raises ValueError where it is empty."""
        refuse_empty(pool)
        first = super().parents(pool, rng)[0]
        others = [attempt for attempt in pool if attempt.key != first.key]
        if not others:
            return (first,)
        covered = np.array([attempt.solved for attempt in others], bool) | np.array(first.solved, bool)
        h = covered.mean(axis=1)
        return first, others[int(thetas(h, counted(others, self._asked), self.c, rng).argmax())]

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take note, as REx does."""
        super().on_request(keys, n)
        for key in keys:
            self._asked[key] = self._asked.get(key, 0) + n


AnyOperator: TypeAlias = Operator | Proposer
SAMPLE = Sample()


def make_operators(config: SearchConfig) -> dict[str, AnyOperator]:
    """Return fresh operators of an island by their names; each has a selector of its own. Of one's own it is a copy.

    Raises:
        ConfigError: two have the same name, or one can neither ask a model nor do without.
    """
    made: dict[str, AnyOperator] = {}
    for option in config.operators:
        given: OperatorName | AnyOperator = value_of(option, "operators")
        operator: AnyOperator
        if not isinstance(given, str):
            operator = copy.deepcopy(given)
        elif given == "refine":
            operator = Refine(make_selector(config.selector, config.rex_c))
        elif given == "compose":
            operator = Compose()
        elif given == "mutate":
            operator = Mutate()
        else:
            operator = Crossover(make_selector(config.selector, config.rex_c), config.rex_c)
        if not hasattr(operator, "assemble") and not isinstance(operator, Proposer):
            raise ConfigError(f"operators: {operator!r} has neither assemble(), as an Operator has, nor propose()")
        if operator.name in {SAMPLE.name, *made}:
            raise ConfigError(f"operators: the name {operator.name!r} is taken: give each operator a name of its own")
        made[operator.name] = operator
    return made
