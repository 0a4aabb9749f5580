"""One pass over the attempts at a task, which finds out everything that results and evaluations report of them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from soar.archive.records import input_hash
from soar.programs.program import Attempt
from soar.tasks.task import Task


@dataclass(slots=True)
class Scan:
    """Everything that one pass over a task's attempts finds out."""

    order: array[int] = field(default_factory=lambda: array("q"))  # numbers of the attempts, best first
    failures: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    eligible: int = 0
    solving: int = 0
    seconds: float = 0.0
    oracle_correct: list[bool] = field(default_factory=list)  # per test input: whether any attempt has it right
    outputs: set[bytes] = field(default_factory=set)  # hashes of complete answers

    def watch(self, attempts: Iterator[tuple[int, Attempt]], task: Task) -> Iterator[Attempt]:
        """Pass the attempts on, taking notes."""
        self.oracle_correct = [False] * len(task.test)
        ranks: list[tuple[float, bool, int, int, int]] = []
        for place, (number, attempt) in enumerate(attempts):  # numbers tell what was recorded first, places do not
            length = len(attempt.program.source) if attempt.program else 1 << 60
            ranks.append((-attempt.fitness, not attempt.eligible, length, place, number))
            outcomes = (*attempt.train, *attempt.test)
            failure = next((outcome.status for outcome in outcomes if outcome.status != "ok"), None)
            self.failures[failure or "none"] += 1
            self.broken.update(attempt.broken_rules)
            self.eligible += attempt.eligible
            self.solving += attempt.eligible and attempt.solves_examples
            self.seconds += sum(outcome.seconds for outcome in outcomes)
            for i, (example, outcome) in enumerate(zip(task.test, attempt.test, strict=False)):
                if outcome.status == "ok" and example.output is not None:
                    self.oracle_correct[i] = self.oracle_correct[i] or task.right(outcome.value, example.output)
            if attempt.test and all(outcome.status == "ok" for outcome in attempt.test):
                self.outputs.add(input_hash([outcome.value for outcome in attempt.test]))
            yield attempt
        self.order = array("q", (rank[-1] for rank in sorted(ranks)))
