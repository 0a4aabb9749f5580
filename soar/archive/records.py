"""What is kept of a request and its completions, and how it reads as attempts: live and replayed, by one function."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

from soar.models.base import Completion, Prompt
from soar.programs.program import Attempt, Phase, Program
from soar.programs.rules import RULES, Rule, broken_rules
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task, Value, as_grid, canonical_json, pixel_accuracy


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt's n completions, asked for at one place of the search.

    Attributes:
        parents: keys of the attempts shown.
        seed: given to the model.
        prompt_hash: of messages and prefill.
        few_shot: ids of solved tasks shown before.
        prompt_set: its name and hash, "name:hash".
    """

    task_hash: str
    task_id: str
    iteration: int
    phase: Phase
    island: int | None
    step: int
    parents: tuple[str, ...]
    n: int
    seed: int
    prompt_hash: str
    few_shot: tuple[str, ...]
    model: str
    adapter: str | None
    prompt_set: str

    @property
    def key(self) -> str:
        """Unique within the task: "iteration/phase/island/step"."""
        return request_key(self.iteration, self.phase, self.island, self.step)


@dataclass(frozen=True, slots=True)
class Record:
    """One completion with what became of it.

    Attributes:
        program: None when the reply holds none; `parse_error` then says why.
        outcomes: of the program, on each example's input and then on each test input; empty without a program, and
            where it has not run yet.
    """

    completion: Completion
    program: Program | None
    parse_error: str | None
    outcomes: tuple[Outcome, ...]


def request_key(iteration: int, phase: Phase, island: int | None, step: int) -> str:
    """The name of a place in the search: "0/sample/-/1", "0/refine/3/12"."""
    return f"{iteration}/{phase}/{'-' if island is None else island}/{step}"


class Score(NamedTuple):
    """What the examples say of a program: see the fields of `Attempt`."""

    solved: tuple[bool, ...]
    pixel_accuracy: float
    broken: tuple[Rule, ...]
    dressed: bool  # an output is a grid but for its numbers' types


NO_PROGRAM = Score((), 0.0, (), False)


@dataclass(slots=True)
class Evaluator:
    """Turns records of one task into attempts; programs that come again are judged once. Reads no test output.

    Attributes:
        task: the task.
        rules: eligibility rules that count.
    """

    task: Task
    rules: Collection[Rule] = RULES
    _grids: bool = field(init=False)
    _scores: dict[str, Score] = field(init=False, default_factory=dict)  # by program hash

    def __post_init__(self) -> None:
        self._grids = self.task.without_test_outputs().is_grid

    def attempt(self, request: Request, position: int, record: Record) -> Attempt:
        """Return completion number `position` of a request as an attempt."""
        score = self._score(record.program, record.outcomes) if record.program else NO_PROGRAM
        outcomes = as_grids(record.outcomes) if score.dressed else record.outcomes
        return Attempt(
            key=f"{request.key}/{position}",
            task_id=self.task.id,  # not the request's: what a twin of another id asked is an attempt at this one
            task_hash=request.task_hash,
            iteration=request.iteration,
            phase=request.phase,
            island=request.island,
            parents=request.parents,
            model=request.model,
            adapter=request.adapter,
            program=record.program,
            train=outcomes[: len(self.task.train)],
            test=outcomes[len(self.task.train) :],
            train_accuracy=sum(score.solved) / len(score.solved) if score.solved else 0.0,
            pixel_accuracy=score.pixel_accuracy,
            broken_rules=score.broken,
            tokens=record.completion.tokens,
            logprob=record.completion.logprob,
            solved=score.solved,
            reply=record.completion.text,
            finish_reason=record.completion.finish_reason,
            parse_error=record.parse_error,
        )

    def _score(self, program: Program, raw: tuple[Outcome, ...]) -> Score:
        if program.hash not in self._scores:
            outcomes = as_grids(raw) if self._grids else raw
            train, test = outcomes[: len(self.task.train)], outcomes[len(self.task.train) :]
            pairs = [(one, example.output) for one, example in zip(train, self.task.train, strict=True)]
            solved = tuple(one.status == "ok" and self.task.right(one.value, output) for one, output in pairs)
            broken = broken_rules(self.task, program, train, test, self.rules, self._grids)
            near = sum(pixel_accuracy(one.value, output) for one, output in pairs if one.status == "ok")
            dressed = any(one is not before for one, before in zip(outcomes, raw, strict=True))
            self._scores[program.hash] = Score(solved, near / max(1, len(pairs)), broken, dressed)
        return self._scores[program.hash]


def as_grids(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """What programs did at a task of grids, with values that are grids but for their numbers' types as grids."""
    grids = [one.value if one.status != "ok" else as_grid(one.value) for one in outcomes]
    pairs = zip(outcomes, grids, strict=True)
    return tuple(one if grid is one.value else replace(one, value=cast(Any, grid)) for one, grid in pairs)


def task_inputs(task: Task) -> list[Any]:
    """All inputs a program is run on, in the order of `Record.outcomes`."""
    return [example.input for example in (*task.train, *task.test)]


def input_hash(value: Value) -> bytes:
    """BLAKE2b of the canonical JSON, 16 bytes."""
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=16).digest()


def prompt_hash(prompt: Prompt) -> str:
    """BLAKE2b of messages and prefill, 32 hexadecimal digits."""
    text = canonical_json([list(prompt.messages), prompt.prefill])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def hashes(values: Sequence[Value]) -> list[bytes]:
    """`input_hash` of each value."""
    return [input_hash(value) for value in values]
