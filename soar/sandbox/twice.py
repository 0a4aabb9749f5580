"""Whether a program says the same twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from soar.sandbox.encoding import encode
from soar.sandbox.outcome import Outcome

# A time limit may be hit on a busy machine and missed on an idle one; what came after it was not run.
_NO_ANSWER = {"timeout", "skipped"}


def mark(outcomes: Sequence[Outcome], again: Sequence[Outcome]) -> list[Outcome]:
    """`outcomes`, each with `deterministic` set for the program that gave them.

    `again` are its outcomes on the same inputs in reverse. The program is deterministic if on each input that both
    runs answered, both gave the same value (of the same types), or an error of the same type; None if no input was
    answered by both."""
    pairs = zip(outcomes, reversed(again), strict=True)
    same = [_answer(a) == _answer(b) for a, b in pairs if not {a.status, b.status} & _NO_ANSWER]
    return [replace(outcome, deterministic=all(same) if same else None) for outcome in outcomes]


def _answer(outcome: Outcome) -> tuple[str, bytes, str | None]:
    """What is compared: messages may hold addresses, and 1 == 1.0 == True."""
    return outcome.status, encode(outcome.value), outcome.error.type if outcome.error else None
