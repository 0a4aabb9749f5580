"""What is left to do after a program: its outputs in the place of the inputs make a task of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soar.evolution.rex import PoolMember
from soar.models.base import Prompt
from soar.programs.compose import ComposeError, composed
from soar.programs.parsing.replies import ParseFailure
from soar.programs.program import Attempt
from soar.prompts.prompt_set import FewShot, PromptSet
from soar.tasks.task import Example, Task
from soar.tasks.values import canonical_json, is_grid


class Compose:
    """A second step after a program that goes part of the way.

    The parent's outputs and the wanted ones make the residual task, which is shown in the sampling prompt; the program
    in the reply is put behind the parent. Half of the parents are the nearest ones (by the share of cells that are
    right), half are drawn by how often programs do the same; of equal behaviour the first stands for all, and one that
    was asked for gives way to those that were not. Execution-guided synthesis goes on from intermediate results too
    (Chen, Liu, Song, ICLR 2019).
    """

    name = "compose"

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def parents(self, pool: Sequence[PoolMember], rng: np.random.Generator) -> tuple[PoolMember, ...]:
        """Return one parent; none where every program solves the examples."""
        first: dict[bytes, PoolMember] = {}
        counts: Counter[bytes] = Counter()
        for member in pool:
            if not all(member.solved):
                first.setdefault(member.behaviour, member)
                counts[member.behaviour] += 1
        if not first:
            return ()
        fewest = min(self._asked[member.key] for member in first.values())
        fresh = [member for member in first.values() if self._asked[member.key] == fewest]
        if rng.random() < 0.5:
            return (max(fresh, key=lambda member: (member.nearness, member.fitness)),)
        weights = np.array([counts[member.behaviour] for member in fresh], float)
        return (fresh[int(rng.choice(len(fresh), p=weights / weights.sum()))],)

    def on_request(self, keys: Sequence[str], n: int) -> None:
        """Take note that the parent had its turn."""
        self._asked.update(keys)

    def prompt(
        self, prompts: PromptSet, task: Task, parents: Sequence[Attempt], example: FewShot | None = None
    ) -> Prompt | None:
        """Return the sampling prompt of the residual task; None where there is none that a program could solve."""
        rest = residual(task, parents[0])
        return None if rest is None else prompts.render(rest, (), example)

    def assemble(
        self, prompts: PromptSet, reply: str, prompt: Prompt, parents: Sequence[Attempt]
    ) -> str | ParseFailure:
        """Return the parent with the program in the reply behind it."""
        source = prompts.parse(reply, prompt.prefill)
        if isinstance(source, ParseFailure) or parents[0].program is None:
            return source
        try:
            return composed(parents[0].program.source, source)
        except ComposeError as error:
            return ParseFailure(str(error))


def residual(task: Task, attempt: Attempt) -> Task | None:
    """Return the task that is left after a program: from what it gives to what is wanted.

    None where it gives the inputs back, gives one thing for different answers, or gives no grid where all are grids.
    """
    given = [outcome.value for outcome in attempt.train]
    if given == [example.input for example in task.train]:
        return None
    answers: dict[str, str] = {}
    for value, example in zip(given, task.train, strict=True):
        wanted = canonical_json(example.output)
        if answers.setdefault(canonical_json(value), wanted) != wanted or (task.is_grid and not is_grid(value)):
            return None
    train = tuple(Example(value, example.output) for value, example in zip(given, task.train, strict=True))
    usable = [one.status == "ok" and (not task.is_grid or is_grid(one.value)) for one in attempt.test]
    test = tuple(
        Example(one.value if fine else example.input)
        for one, example, fine in zip(attempt.test, task.test, usable, strict=True)
    )
    return replace(task, train=train, test=test)
