"""What came of a search on scores."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from soar.evolution.scores.measure import Measure
from soar.evolution.scores.record import Proposal, Record
from soar.evolution.scores.task import EvaluatorTask, ScoreTask


@dataclass(frozen=True, slots=True)
class ScoredProgram:
    """A program, where it came from, and how good it is.

    Attributes:
        proposal: step, island, operator, parents, source.
        measure: verdict, score, metrics, feedback.
    """

    proposal: Proposal
    measure: Measure

    @property
    def source(self) -> str:
        """Of the program."""
        return self.proposal.source or ""

    @property
    def score(self) -> float | None:
        """A finite number, None where it has none."""
        return self.measure.score


@dataclass(frozen=True, slots=True)
class EvolveResult:
    """What came of `soar.evolve`.

    Attributes:
        task: its id.
        direction: "max" or "min".
        programs: all that were measured, in the order of their steps.
        best: the best of them, whose score two runs agreed on; None where none has a score.
        failures: replies, or changes, that gave no program: how often why.
        tokens: written by the model.
        cost: in US dollars; None where unknown.
        seconds: of this start.
        stopped: why it ended before all programs were made; None where it did not.
    """

    task: str
    direction: str
    programs: tuple[ScoredProgram, ...]
    best: ScoredProgram | None
    failures: Counter[str]
    tokens: int
    cost: float | None
    seconds: float
    stopped: str | None

    @property
    def verdicts(self) -> Counter[str]:
        """How many programs ended how: "scored", "no score", "failed", "timeout", "memory", "unstable"."""
        return Counter(one.measure.verdict for one in self.programs)

    @property
    def summary(self) -> str:
        """The result in a few lines."""
        best = "none has a score"
        if self.best is not None:
            made = self.best.proposal
            best = f"{self.best.score:.10g} (program {made.step}, by {made.operator})"
        counts = ", ".join(f"{count} {name}" for name, count in self.verdicts.most_common())
        lines = [f"{self.task}: best {best}", f"{len(self.programs)} programs in {self.seconds:.0f} s: {counts}"]
        if self.failures:
            told = ", ".join(f"{count} × {why}" for why, count in self.failures.most_common(5))
            lines.append(f"{self.failures.total()} without a program: {told}")
        if self.tokens:
            lines.append(f"{self.tokens} tokens" + ("" if self.cost is None else f", ${self.cost:.4f}"))
        return "\n".join(lines + ([f"stopped: {self.stopped}"] if self.stopped else []))

    def __str__(self) -> str:
        return self.summary

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON's kinds; of the programs only the best with its source."""
        best = None
        if self.best is not None:
            best = {"step": self.best.proposal.step, "source": self.best.source, **asdict(self.best.measure)}
        return {
            "task": self.task, "direction": self.direction, "best": best, "programs": len(self.programs),
            "verdicts": dict(self.verdicts), "failures": dict(self.failures), "tokens": self.tokens, "cost": self.cost,
            "seconds": round(self.seconds, 3), "stopped": self.stopped,
        }  # fmt: skip


def result_of(
    task: ScoreTask | EvaluatorTask, record: Record, best: int | None, seconds: float, stopped: str
) -> EvolveResult:
    """Return the result that a record holds; `best` is a step."""
    programs = {
        step: ScoredProgram(record.proposals[step], measure) for step, measure in sorted(record.measures.items())
    }
    failures = Counter(one.failure for one in record.proposals.values() if one.source is None)
    found = None if best is None else programs[best]
    return EvolveResult(
        task.id, task.direction, tuple(programs.values()), found, failures, record.tokens, record.cost, seconds,
        stopped or None,
    )  # fmt: skip
