"""What is kept of a request and its completions, and how it reads as attempts: live and replayed, by one function."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from soar.models.base import Completion, Prompt
from soar.programs.program import Attempt, Phase, Program
from soar.programs.rules import RULES, Rule, broken_rules
from soar.programs.scoring import EXACT, Score, Scorer, as_grids, checked_score
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task
from soar.tasks.values import Value, canonical_json


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt's n completions, asked for at one place of the search.

    Attributes:
        parents: keys of the attempts shown.
        seed: given to the model.
        prompt_hash: of messages and prefill; "" where no model was asked.
        few_shot: ids of solved tasks shown before.
        operator: name of what made it, see `soar.evolution.operators`.
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
    operator: str

    @property
    def key(self) -> str:
        """Unique within the task: "iteration/phase/island/step"."""
        return request_key(self.iteration, self.phase, self.island, self.step)


@dataclass(frozen=True, slots=True)
class Grant:
    """Completions that a budget gives to a task: of the sampling prompt, and of the refinement phase."""

    samples: int = 0
    refinements: int = 0

    @property
    def total(self) -> int:
        """Completions of both kinds."""
        return self.samples + self.refinements

    def __add__(self, other: Grant) -> Grant:
        return Grant(self.samples + other.samples, self.refinements + other.refinements)


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


class _Verdict(NamedTuple):
    """What is known of a program at a task."""

    score: Score
    broken: tuple[Rule, ...]
    dressed: bool  # an output is a grid but for its numbers' types


NO_PROGRAM = _Verdict(Score(0.0, ()), (), False)


@dataclass(slots=True)
class Evaluator:
    """Turns records of one task into attempts; programs that come again are judged once. Reads no test output.

    Attributes:
        task: the task.
        rules: eligibility rules that count.
        scorer: says how good a program is.
    """

    task: Task
    rules: Collection[Rule] = RULES
    scorer: Scorer = EXACT
    _hidden: Task = field(init=False)
    _grids: bool = field(init=False)
    _verdicts: dict[str, _Verdict] = field(init=False, default_factory=dict)  # by program hash

    def __post_init__(self) -> None:
        self._hidden = self.task.without_test_outputs()
        self._grids = self._hidden.is_grid

    def attempt(self, request: Request, position: int, record: Record) -> Attempt:
        """Return completion number `position` of a request as an attempt."""
        verdict = self._verdict(record.program, record.outcomes) if record.program else NO_PROGRAM
        outcomes, score = as_grids(record.outcomes) if verdict.dressed else record.outcomes, verdict.score
        return Attempt(
            key=f"{request.key}/{position}",
            task_id=self.task.id,  # not the request's: what a twin of another id asked is an attempt at this one
            task_hash=request.task_hash,
            iteration=request.iteration,
            phase=request.phase,
            operator=request.operator,
            island=request.island,
            parents=request.parents,
            model=request.model,
            adapter=request.adapter,
            program=record.program,
            train=outcomes[: len(self.task.train)],
            test=outcomes[len(self.task.train) :],
            train_accuracy=sum(score.solved) / len(score.solved) if score.solved else 0.0,
            pixel_accuracy=score.pixel_accuracy,
            fitness=score.fitness,
            broken_rules=verdict.broken,
            tokens=record.completion.tokens,
            logprob=record.completion.logprob,
            token_ids=record.completion.token_ids,
            token_logprobs=record.completion.token_logprobs,
            solved=score.solved,
            reply=record.completion.text,
            finish_reason=record.completion.finish_reason,
            parse_error=record.parse_error,
        )

    def _verdict(self, program: Program, raw: tuple[Outcome, ...]) -> _Verdict:
        if program.hash not in self._verdicts:
            outcomes = as_grids(raw) if self._grids else raw
            train, test = outcomes[: len(self.task.train)], outcomes[len(self.task.train) :]
            broken = broken_rules(self.task, program, train, test, self.rules, self._grids)
            dressed = any(one is not before for one, before in zip(outcomes, raw, strict=True))
            self._verdicts[program.hash] = _Verdict(checked_score(self.scorer, self._hidden, train), broken, dressed)
        return self._verdicts[program.hash]


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
