"""Proposals: which operator, which parents, and what comes of them. Each is keyed by its step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from soar.core.seeding import keyed_rng, keyed_seed
from soar.evolution.client import ModelClient
from soar.evolution.scores.config import WITH_MODEL, WITHOUT_MODEL, EvolveConfig, ScoreOperator
from soar.evolution.scores.measure import Measure
from soar.evolution.scores.population import Member, Population
from soar.evolution.scores.prompts import make_prompt
from soar.evolution.scores.record import Proposal
from soar.evolution.scores.task import EvaluatorTask, ScoreTask, hashed
from soar.models.base import Prompt, Sampling
from soar.programs.edits import READERS, rewritten
from soar.programs.mutation import crossed, mutated
from soar.programs.parsing.replies import ParseFailure


class Proposer:
    """Makes proposals out of what a population holds.

    Attributes:
        seen: sources that are known: operators without a model do not make them again.
        measures: of the programs by step, for prompts.
        failures: why the last reply about a program held none, by the program's step.
    """

    def __init__(self, task: ScoreTask | EvaluatorTask, config: EvolveConfig, client: ModelClient | None) -> None:
        self.task, self.config, self.client = task, config, client
        self.operators: tuple[ScoreOperator, ...] = config.operators or (WITH_MODEL if client else WITHOUT_MODEL)
        self.key = hashed(task.id, task.start)  # not by all that decides scores: a word in a comment is no other search
        self.seen: set[str] = set()
        self.measures: dict[int, Measure] = {}
        self.failures: dict[int, str] = {}

    def begin(self, step: int, island: int, population: Population) -> tuple[Proposal, Prompt | None]:
        """Return a proposal; where a model is to be asked, an empty one with the prompt."""
        rng = keyed_rng(self.config.seed, self.key, step)
        operator = self.operators[int(rng.integers(len(self.operators)))]
        if not population.islands[island]:
            return Proposal(step, island, "rewrite"), self._prompt("rewrite", None, [])
        parent = population.select(island, rng)
        if operator in ("edit", "rewrite"):
            others = population.others(island, parent.step, self.config.inspirations)
            return Proposal(step, island, operator, (parent.step,)), self._prompt(operator, parent, others)
        made, parents = self._changed(operator, parent, island, population, rng)
        why = "" if made is not None else "no change found that gives a new program"
        return Proposal(step, island, operator, parents, made, why), None

    async def finish(
        self, begun: Proposal, prompt: Prompt, parent: str | None, stopped: Callable[[], bool]
    ) -> Proposal | None:
        """Ask the model, and return what its reply makes; None where the search stopped before it was asked."""
        assert self.client is not None
        sampling = Sampling(self.config.temperature, max_tokens=self.config.max_tokens)
        seed = keyed_seed(self.config.seed, self.key, begun.step, "model")
        reply = await self.client.ask(prompt, 1, sampling, seed, begun.island, stopped)
        if reply is None:
            return None
        (completion,) = reply.completions
        text = completion.text
        made = READERS[begun.operator](parent, text) if parent is not None else rewritten("", text)
        if completion.finish_reason == "length" and isinstance(made, ParseFailure):
            made = ParseFailure("the reply was cut off")
        paid = replace(begun, reply=text, tokens=completion.tokens, cost=reply.cost)
        return replace(paid, failure=made.reason) if isinstance(made, ParseFailure) else replace(paid, source=made)

    def _changed(
        self, operator: ScoreOperator, parent: Member, island: int, population: Population, rng: np.random.Generator
    ) -> tuple[str | None, tuple[int, ...]]:
        """The source that an operator without a model makes, and of what."""
        if operator == "mutate":
            return mutated(parent.source, rng, self.seen), (parent.step,)
        other = population.select(island, rng)
        made = crossed(parent.source, other.source, rng, self.seen)
        return made, (parent.step,) if parent.step == other.step else (parent.step, other.step)

    def _prompt(self, operator: ScoreOperator, parent: Member | None, others: list[Member]) -> Prompt:
        task = self.task
        wanted = "The larger the score the better." if task.direction == "max" else "The smaller the score the better."
        if isinstance(task, ScoreTask):
            wanted += f" A program defines the function `{task.entry_point}`, of one argument."
        return make_prompt(
            "edit" if operator == "edit" else "rewrite",
            task.description,
            wanted,
            None if parent is None else (parent.source, self.measures[parent.step]),
            [(one.source, self.measures[one.step]) for one in others],
            "" if parent is None else self.failures.get(parent.step, ""),
        )
