"""What a model is shown of one task, request by request: within its window, and before it perhaps a solved task."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from soar.archive.records import prompt_hash
from soar.evolution.client import ModelClient
from soar.evolution.few_shot import FewShotPool
from soar.evolution.mutating import Proposer
from soar.evolution.operators import SAMPLE, Operator
from soar.evolution.plan import fitting_prompt
from soar.models.base import Prompt
from soar.programs.parsing.replies import ParseFailure
from soar.programs.program import Attempt
from soar.prompts.prompt_set import FewShot, PromptSet, without_largest
from soar.tasks.task import Task

TRIES = 4  # solved tasks that are tried, before the smallest, where they are too long


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt with what it is made of, which makes programs of its replies.

    Attributes:
        operator: that made it.
        prompts: the prompt set.
        parents: that it shows.
        few_shot: ids of the solved tasks that it begins with.
    """

    prompt: Prompt
    operator: Operator
    prompts: PromptSet
    parents: tuple[Attempt, ...] = ()
    few_shot: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Of the prompt."""
        return prompt_hash(self.prompt)

    def assemble(self, reply: str) -> str | ParseFailure:
        """Return the source of the program that a reply makes, or why it makes none."""
        return self.operator.assemble(self.prompts, reply, self.prompt, self.parents)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What stands in the place of a prompt where no model is asked.

    Attributes:
        operator: that makes the programs.
        parents: of which it makes them.
        sources: the programs, those to be tried first in front.
        known: behaviours that are nothing new.
    """

    operator: Proposer
    parents: tuple[Attempt, ...]
    sources: Iterator[str]
    known: frozenset[bytes]
    few_shot: tuple[str, ...] = ()
    hash: str = ""


class PromptBuilder:
    """Makes the prompts of a task's search.

    Args:
        task: without test outputs.
        prompt: the sampling prompt, without a solved task.
        dropped: how many of the largest examples it leaves out.
        client: knows the model's window.
        limit: longest reply, in tokens.
        drop_examples: a refinement prompt that is too long is shown without the largest examples.
        pool: solved tasks; None: none is shown.
    """

    def __init__(
        self,
        task: Task,
        prompt_set: PromptSet,
        prompt: Prompt,
        dropped: int,
        client: ModelClient,
        limit: int,
        drop_examples: bool,
        pool: FewShotPool | None,
    ) -> None:
        self.task, self.prompt_set, self.prompt, self.dropped = task, prompt_set, prompt, dropped
        self.client, self.limit, self.drop_examples = client, limit, drop_examples
        self.suited = () if pool is None else pool.suited(task)

    def sampling(self, rng: np.random.Generator) -> RenderedPrompt:
        """Return the sampling prompt, with a solved task that `rng` draws where there is a pool."""
        return self._after_example(SAMPLE, self.prompt, (), self.dropped, rng)

    def refining(
        self, operator: Operator, parents: Sequence[Attempt], rng: np.random.Generator
    ) -> RenderedPrompt | None:
        """Return the prompt that asks for a program made of the parents; None where that is too long."""
        render = functools.partial(operator.prompt, self.prompt_set)
        fitting = fitting_prompt(render, self.task, parents, self.client, self.limit, self.drop_examples)
        return fitting and self._after_example(operator, fitting[0], parents, fitting[1], rng)

    def proposing(
        self, operator: Proposer, parents: Sequence[Attempt], known: frozenset[bytes], rng: np.random.Generator
    ) -> Proposal:
        """Return the programs that an operator makes of the parents without a model."""
        keep = self.prompt.prefill if self.prompt_set.settings.raw else ""
        return Proposal(operator, tuple(parents), operator.propose(self.task, parents, rng, keep), known)

    def _after_example(
        self, operator: Operator, prompt: Prompt, parents: Sequence[Attempt], dropped: int, rng: np.random.Generator
    ) -> RenderedPrompt:
        """The prompt with a solved task before; as it is where none fits, which the archive then says."""
        for example in self._candidates(rng):
            longer = operator.prompt(self.prompt_set, *without_largest(self.task, parents, dropped), example)
            if longer is not None and self._fits(longer):
                return RenderedPrompt(longer, operator, self.prompt_set, tuple(parents), (example.task.id,))
        return RenderedPrompt(prompt, operator, self.prompt_set, tuple(parents))

    def _candidates(self, rng: np.random.Generator) -> Iterator[FewShot]:
        if self.suited:
            for place in rng.permutation(len(self.suited))[:TRIES]:
                yield self.suited[place]
            yield self.suited[0]

    def _fits(self, prompt: Prompt) -> bool:
        return self.client.overlong([prompt], self.limit) == [None]
