"""What a scorer or an evaluator gave, read strictly: a finite number, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FEEDBACK = 4_000  # characters kept of the text that comes with a score
USUAL = ("combined_score", "score")  # of several metrics, the first that is there is the one that counts

Verdict = Literal["scored", "no score", "failed", "timeout", "memory", "unstable"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How good a program is.

    Attributes:
        verdict: "scored"; "no score" (NaN, infinite, no number, a key is missing); "failed" (an error, of the program
            or where it was evaluated); "timeout"; "memory"; "unstable" (two runs gave two scores).
        score: a finite number where it is "scored", else None.
        metrics: all numbers that came with it.
        feedback: why there is no score, or text for whoever improves the program; at most `FEEDBACK` characters.
    """

    verdict: Verdict
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""

    @classmethod
    def of_failure(cls, verdict: Verdict, why: str) -> Measure:
        """Return one without a score."""
        return cls(verdict, feedback=cut(why))


def read_measure(given: object, metric: str | None = None, feedback: str = "") -> Measure:
    """Return what was given as a measure.

    Args:
        given: a number, or metrics by name.
        metric: the name of the one that counts; None: one of `USUAL`, or the only one.
        feedback: text that came with it.
    """
    if isinstance(given, Mapping):
        if not all(isinstance(name, str) for name in given):
            return Measure.of_failure("no score", "the names of metrics are text")
        usual = next((name for name in USUAL if name in given), next(iter(given)) if len(given) == 1 else None)
        wanted = metric or usual
        if wanted not in given:
            names = ", ".join(map(repr, given)) or "nothing"
            told = f"no metric {wanted!r}" if wanted else f"none of {', '.join(map(repr, USUAL))}"
            return Measure.of_failure("no score", f"{told} among {names}: say which counts (metric)")
        found = {name: number for name, value in given.items() if (number := finite(value)) is not None}
        value = given[wanted]
    else:
        wanted, value, found = "score", given, {}
    score = finite(value)
    if score is None:
        return Measure.of_failure("no score", f"{wanted} is {cut(repr(value), 80)}: a finite number is needed")
    return Measure("scored", score, found, cut(feedback))


def finite(value: object) -> float | None:
    """Return a number as a float; None for what is no number, a bool, NaN, infinite, or an object that poses as one."""
    if type(value) not in (int, float):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def agreed(first: Measure, second: Measure, tolerance: float, sign: float) -> Measure:
    """Return the worse of two measures of one program, or that it is unstable.

    Args:
        tolerance: by how much the scores may differ.
        sign: 1 where larger scores are better, -1 where smaller ones are.
    """
    if first.score is None or second.score is None:
        return Measure.of_failure("unstable", f"a second run ended otherwise: {second.verdict}: {second.feedback}")
    if abs(first.score - second.score) > tolerance:
        return Measure.of_failure("unstable", f"two runs scored {first.score!r} and {second.score!r}")
    return min(first, second, key=lambda one: sign * (one.score or 0.0))


def cut(text: str, most: int = FEEDBACK) -> str:
    """Return a text within a budget of characters: its beginning and its end."""
    if len(text) <= most:
        return text
    half = (most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
