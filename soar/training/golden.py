"""Golden solutions as token ids, and what the model writes in their place, scored on the examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from soar.models.base import Prompt
from soar.models.tokens import encode_reply
from soar.programs.parsing.replies import ENTRY_POINT, ParseFailure, parse_reply
from soar.programs.scoring import EXACT, as_grids
from soar.sandbox import Outcome, Value
from soar.tasks.task import Task
from soar.training.config import TrainingError

Run: TypeAlias = Callable[[Sequence[tuple[str, Sequence[Value]]], str], list[list[Outcome]]]  # as `Sandbox.run`


@dataclass(frozen=True)
class Golden:
    """A right program for a task, as a reply.

    Attributes:
        task: its examples alone: what rollouts are scored on.
        task_hash: of the whole task.
        prompt, reply: their ids, the token that ends a reply included.
        prefill, raw, stop: how a reply is read, see `soar.prompts`.
    """

    task: Task
    task_hash: str
    prompt: list[int]
    reply: list[int]
    prefill: str
    raw: bool
    stop: tuple[str, ...]

    @classmethod
    def of(cls, row: Mapping[str, Any], tokenizer: Any) -> Golden:
        """Read a row of `soar.make_golden`."""
        examples = {"test": [], **json.loads(row["examples"])}
        prompt = Prompt(tuple(row["prompt"]), row["prefill"], raw=row["raw"])
        ids = encode_reply(tokenizer, prompt, row["completion"])
        task = Task.from_json(row["task_id"], examples)
        return cls(task, row["task_hash"], *ids, row["prefill"], row["raw"], tuple(row["stop"]))

    def source(self, reply: str) -> str | None:
        """The program in a reply; None where there is none."""
        ends = [place for mark in self.stop if (place := reply.find(mark)) >= 0]
        found = parse_reply(reply[: min(ends, default=None)], self.prefill, raw=self.raw)
        return None if isinstance(found, ParseFailure) else found


@dataclass(frozen=True)
class Rewards:
    """Runs replies on the examples of their task. A failure of the sandbox is an error, never a reward.

    Attributes:
        run: what runs programs, such as `Sandbox.run`.
        decode: what makes text of token ids.
    """

    run: Run
    decode: Callable[[list[int]], str]

    def of(self, golden: Golden, replies: Sequence[list[int]]) -> list[float]:
        """Return 1 for each reply whose program is right on every example, else 0.

        Raises:
            SandboxError: the sandbox failed: nothing is known of the replies.
        """
        sources = [golden.source(self.decode(ids)) for ids in replies]
        distinct = list(dict.fromkeys(one for one in sources if one is not None))
        inputs: list[Any] = [example.input for example in golden.task.train]
        outcomes = self.run([(source, inputs) for source in distinct], ENTRY_POINT)
        right = {source: self._right(golden.task, did) for source, did in zip(distinct, outcomes, strict=True)}
        return [0.0 if one is None else float(right[one]) for one in sources]

    def _right(self, task: Task, outcomes: Sequence[Outcome]) -> bool:
        return all(EXACT.score(task, as_grids(outcomes) if task.is_grid else outcomes).solved)


def read_golden(data: Any, tokenizer: Any, window: int, rewards: Rewards) -> tuple[list[Golden], dict[str, int]]:
    """Return the golden solutions that can be learnt from, and counts of what was left out: the others are too long, or
    not right on the examples once they have been through the tokenizer.

    Raises:
        TrainingError: none is left.
    """
    every = [Golden.of(row, tokenizer) for row in data]
    fitting = [one for one in every if len(one.prompt) + 2 * len(one.reply) <= window]
    right = [one for one in fitting if rewards.of(one, [one.reply[:-1]]) == [1.0]]
    if not right:
        raise TrainingError(
            f"none of {len(every)} golden solutions is right on its examples and within {window} tokens: nothing can "
            "be learnt; make them with soar.make_golden"
        )
    return right, {"rows_too_long": len(every) - len(fitting), "golden_wrong": len(fitting) - len(right)}
