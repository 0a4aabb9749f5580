"""Everything that a report holds of one task in one search: examples, attempts, programs, prompts, predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from soar.archive.records import Request
from soar.evolution.result import SearchResult
from soar.programs.program import Attempt
from soar.programs.voting import Prediction
from soar.report.packing import Packed, Pool, packed
from soar.report.prompts import PackedPrompts, PromptMaker
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Example, Task
from soar.tasks.values import Value, canonical_json

NEAR = 0.9  # pixel accuracy on the examples from which a task that is not solved counts as near


class WatchedResult(SearchResult):
    """A search's result whose attempts are noted down when somebody reads them: the archive is read once.

    Attributes:
        notes: what has been seen so far; begun anew with each reading.
    """

    notes: TaskNotes

    def walk(self) -> Iterator[tuple[int, Attempt]]:
        """Yield all attempts with their numbers, see `SearchResult.walk`."""
        self.notes = TaskNotes(self.task)
        for number, attempt in super().walk():
            self.notes.add(attempt)
            yield number, attempt


@dataclass(slots=True)
class TaskNotes:
    """What is kept of the attempts at a task: each program and each output once, replies without their programs."""

    task: Task
    attempts: list[Attempt] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    values: Pool[str] = field(default_factory=Pool)
    errors: Pool[tuple[str, str, int | None]] = field(default_factory=Pool)
    programs: Pool[str] = field(default_factory=Pool)

    def add(self, attempt: Attempt) -> None:
        """Take note of an attempt."""
        self.attempts.append(attempt)

    def program(self, attempt: Attempt) -> int:
        """Return the number of an attempt's program, -1 without one."""
        if attempt.program is None:
            return -1
        source = attempt.program.source
        if source in self.programs.places:
            return self.programs.places[source]
        return self.programs.number(source, self._program(attempt, source))

    def _program(self, attempt: Attempt, source: str) -> dict[str, Any]:
        outcomes = (*attempt.train, *attempt.test)
        pairs = zip(outcomes, (*self.task.train, *self.task.test), strict=True)
        marks = [self._mark(one.value, example) if one.status == "ok" else "0" for one, example in pairs]
        return {
            "source": source,
            "outcomes": [self._outcome(outcome) for outcome in outcomes],
            "right": "".join(marks),
            "accuracy": round(attempt.train_accuracy, 4),
            "pixels": round(attempt.pixel_accuracy, 4),
            "broken": list(attempt.broken_rules),
            "seconds": round(sum(outcome.seconds for outcome in outcomes), 5),
        }

    def _mark(self, value: Value, example: Example) -> str:
        """Whether an output is right: 1, 0, or ? where that is unknown."""
        return "?" if example.output is None else str(int(self.task.right(value, example.output)))

    def _outcome(self, outcome: Outcome) -> int | list[Any]:
        """The number of the value; of a failure its status and the number of the error, if it has one."""
        if outcome.status == "ok":
            return self.value(outcome.value)
        error = outcome.error
        if error is None:
            return [outcome.status]
        return [outcome.status, self.errors.number((error.type, error.message, error.line), list(_error(error)))]

    def value(self, value: Value) -> int:
        """Return the number of a value."""
        return self.values.number(canonical_json(value), packed(value))

    def to_json(
        self, requests: Sequence[tuple[Request, float]], predictions: Sequence[Prediction], maker: PromptMaker
    ) -> dict[str, Any]:
        """Return all as JSON data; `soar/report/assets/task.js` reads it."""
        by_key = {attempt.key: place for place, attempt in enumerate(self.attempts)}
        prompts = PackedPrompts(self.program)
        sent: dict[str, int] = {}
        asked: list[list[Any]] = []
        for request, created in requests:
            places = [by_key[key] for key in request.parents if key in by_key]
            parents = [self.attempts[place] for place in places]
            shown = self._prompt(prompts, maker, request, parents)
            sent[request.key] = len(asked)
            asked.append([request.key, places, round(created, 1), list(request.few_shot), shown])
        return {
            "id": self.task.id,
            "hash": self.task.content_hash,
            "train": pairs(self.task.train),
            "test": pairs(self.task.test),
            "tolerance": self.task.tolerance,
            "attempts": [self._row(attempt, sent) for attempt in self.attempts],
            "requests": asked,
            "prompts": {"base": prompts.base, "items": prompts.items},
            "predictions": [self._prediction(one) for one in predictions],
            "programs": self.programs.items,
            "values": self.values.items,
            "errors": self.errors.items,
        }

    def _prompt(
        self, prompts: PackedPrompts, maker: PromptMaker, request: Request, parents: Sequence[Attempt]
    ) -> int | None:
        """The number of a request's prompt; None where it cannot be made again."""
        if request.prompt_hash in prompts.places:
            return prompts.places[request.prompt_hash]
        prompt = maker.make(request, self.task, parents) if len(parents) == len(request.parents) else None
        return None if prompt is None else prompts.add(request.prompt_hash, prompt, parents)

    def _row(self, attempt: Attempt, sent: dict[str, int]) -> list[Any]:
        request, _, position = attempt.key.rpartition("/")
        program = self.program(attempt)
        reply: str | list[str] = attempt.reply
        if attempt.program is not None and attempt.program.source in attempt.reply:
            before, _, after = attempt.reply.partition(attempt.program.source)
            reply = [before, after]
        said = attempt.logprob if attempt.logprob is None else round(attempt.logprob, 3)
        end = [attempt.finish_reason, said, attempt.parse_error]
        return [sent[request], int(position), program, attempt.tokens, reply, *end]

    def _prediction(self, one: Prediction) -> dict[str, Any]:
        known = zip(one.outputs, self.task.test, strict=True)
        return {
            "outputs": [self.value(value) for value in one.outputs],
            "right": "".join(self._mark(value, example) for value, example in known),
            "weight": round(one.weight, 3),
            "count": one.count,
            "rules": list(one.rules),
        }

    @property
    def best(self) -> dict[str, float]:
        """Best accuracy and pixel accuracy on the examples of any attempt, and the best of an eligible one."""
        eligible = [one.train_accuracy for one in self.attempts if one.eligible]
        return {
            "accuracy": max((one.train_accuracy for one in self.attempts), default=0.0),
            "pixels": max((one.pixel_accuracy for one in self.attempts), default=0.0),
            "eligible": max(eligible, default=0.0),
        }

    def kinds(self) -> Counter[str]:
        """Count the attempts by how they ended: each of one kind, from no program to solving the examples."""
        return Counter(map(kind_of, self.attempts))

    def error_types(self) -> Counter[str]:
        """Count the attempts whose first failure was an error, by its type."""
        return Counter(name for one in self.attempts if (name := _error_type((*one.train, *one.test))))


def kind_of(attempt: Attempt) -> str:
    """How an attempt ended, in a word or two."""
    if attempt.program is None:
        return "cut" if attempt.finish_reason == "length" else "no program"
    failed = next((one.status for one in (*attempt.train, *attempt.test) if one.status != "ok"), None)
    if failed is not None:
        return failed
    if not attempt.eligible:
        return "not eligible"
    if attempt.solves_examples:
        return "solves the examples"
    return "wrong, partly" if attempt.train_accuracy else "wrong"


def pairs(examples: Iterable[Example]) -> list[list[Packed]]:
    """Examples as [input, output]."""
    return [[packed(example.input), packed(example.output)] for example in examples]


def _error(error: Any) -> tuple[str, str, int | None]:
    return error.type, error.message, error.line


def _error_type(outcomes: Sequence[Outcome]) -> str | None:
    failed = next((one for one in outcomes if one.status != "ok"), None)
    return None if failed is None or failed.error is None else failed.error.type
