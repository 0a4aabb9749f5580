"""What a search found for one task, read from the archive when it is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, overload

from soar.archive.export import attempt_row, to_pandas
from soar.archive.reader import Archive
from soar.archive.records import task_inputs
from soar.core.custom import value_of
from soar.evolution.config import SearchConfig
from soar.evolution.scan import Scan
from soar.evolution.summary import Stats
from soar.evolution.wording import Line, cut_warning, describe, source_of
from soar.programs.lineage import ancestors
from soar.programs.program import Attempt, Program
from soar.programs.simplify import simplify
from soar.programs.voting import Prediction, Vote, Weighting, vote
from soar.sandbox import Sandbox
from soar.tasks.task import Task

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import RenderableType

ANSWERS = 2  # ARC allows two


class Attempts(Sequence[Attempt]):
    """All attempts at a task, best first, each read from the archive when it is looked at.

    Best: highest train accuracy, then eligible ones, then the shorter program, then the earlier attempt; replies
    without a program come last.
    """

    def __init__(self, archive: Archive, task: Task, config: SearchConfig, numbers: array[int]) -> None:
        self._archive, self._task, self._config, self._numbers = archive, task, config, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Attempt: ...
    @overload
    def __getitem__(self, index: slice) -> Attempts: ...
    def __getitem__(self, index: int | slice) -> Attempt | Attempts:
        if isinstance(index, slice):
            return Attempts(self._archive, self._task, self._config, self._numbers[index])
        return self._archive.attempt(self._config.evaluator(self._task), self._numbers[index])

    def to_pandas(self) -> DataFrame:
        """Return a pandas table with a row per attempt, best first; columns as in `soar.archive.export.attempt_rows`.

        Raises:
            ExportError: pandas is not installed.
        """
        return to_pandas(map(attempt_row, self))

    def __repr__(self) -> str:
        return f"Attempts({len(self)} at task {self._task.id!r}, best first)"


class SearchResult:
    """What a search found for one task; draws itself in a notebook, prints itself in a terminal.

    Attributes:
        task: as it was given, test outputs included where they are known.
        skipped: why it was not searched; None where it was.
        stopped: why a stopper ended the search before its budget was spent; None where none did.
    """

    def __init__(
        self,
        task: Task,
        archive: Archive,
        config: SearchConfig,
        skipped: str | None = None,
        stopped: str | None = None,
        keep: object = None,
    ) -> None:
        self.task, self.skipped, self.stopped = task, skipped, stopped
        self._archive, self._config, self._keep = archive, config, keep

    @cached_property
    def _scanned(self) -> tuple[Scan, list[Prediction]]:
        scan, config = Scan(), self._config
        attempts = scan.watch(self.walk(), self.task)
        weight: Weighting | Vote = value_of(config.vote_weight, "vote_weight")
        predictions = vote(attempts, ANSWERS, config.vote_c, weight, self.task)
        return scan, predictions

    def walk(self) -> Iterator[tuple[int, Attempt]]:
        """Yield all attempts with their numbers, in the order of their keys, one request in memory after another."""
        return self._archive.numbered_attempts(self._config.evaluator(self.task), self._config.iteration)

    @property
    def predictions(self) -> list[Prediction]:
        """At most two answers, best first; each names the rules that its attempts break, if no other gave an answer."""
        return self._scanned[1]

    @property
    def set_aside(self) -> tuple[str, ...]:
        """Rules that the attempts behind the predictions break; empty but where no eligible one gave an answer."""
        return tuple(sorted({rule for one in self.predictions for rule in one.rules}))

    @cached_property
    def attempts(self) -> Attempts:
        """All attempts, best first; read from the archive one by one."""
        return Attempts(self._archive, self.task, self._config, self._scanned[0].order)

    @property
    def best(self) -> Attempt | None:
        """The best attempt (see `Attempts`); None where no reply held a program."""
        first = self.attempts[0] if len(self.attempts) else None
        return first if first is not None and first.program is not None else None

    @cached_property
    def simplified(self) -> Program | None:
        """The best program without what changes nothing at this task's inputs; None where no reply held a program."""
        if self.best is None or self.best.program is None:
            return None
        with Sandbox(workers=1, limits=self._config.limits) as sandbox:
            return simplify([(self.best.program, task_inputs(self.task))], sandbox)[0]

    @property
    def _shown(self) -> str:
        """Source of the best program as it is shown."""
        program = self.simplified if self._config.simplify else self.best and self.best.program
        return program.source if program else ""

    @property
    def line(self) -> list[Attempt]:
        """How the best attempt was found: all it descends from, parents before children, and itself last."""
        evaluator = self._config.evaluator(self.task)
        return ancestors(self.best, lambda key: self._archive.find(evaluator, key)) if self.best else []

    @cached_property
    def test_correct(self) -> list[bool | None]:
        """For each test input whether one of the predictions has it right; None where the true output is unknown."""
        return [
            None if e.output is None else any(self.task.right(p.outputs[i], e.output) for p in self.predictions)
            for i, e in enumerate(self.task.test)
        ]

    @property
    def solved(self) -> bool | None:
        """Whether every test input is hit by one of the predictions; None where a true output is unknown."""
        if not self.test_correct or None in self.test_correct:
            return None
        return all(self.test_correct)

    @property
    def oracle_correct(self) -> list[bool | None]:
        """For each test input whether any attempt at all has it right (the oracle); None where that is unknown."""
        known = (example.output is not None for example in self.task.test)
        return [hit if known else None for hit, known in zip(self._scanned[0].oracle_correct, known, strict=True)]

    def counts(self) -> dict[str, int]:
        """Numbers of requests, completions, parse failures, distinct programs, tokens of replies and prompts."""
        return self._archive.counts(self.task.content_hash, self._config.iteration)

    def cost(self) -> float | None:
        """What its requests cost in US dollars; None where the model did not say."""
        return self._archive.cost(self.task.content_hash, self._config.iteration)

    @property
    def cut(self) -> tuple[int, int]:
        """How many replies were cut at the longest length, and the length in tokens of the longest of them."""
        return self._archive.cut(self.task.content_hash, self._config.iteration)

    @cached_property
    def stats(self) -> Stats:
        """What it cost and met."""
        scan, counts = self._scanned[0], self.counts()
        failed = {status: count for status, count in scan.failures.items() if status != "none"}
        errors, timeouts = failed.pop("error", 0), failed.pop("timeout", 0)
        return Stats(
            completions=counts["completions"],
            parse_failures=counts["parse_failures"],
            programs=counts["programs"],
            errors=errors,
            timeouts=timeouts,
            other_failures=sum(failed.values()),
            failures={status: count for status, count in sorted(scan.failures.items()) if status != "none"},
            unique_outputs=len(scan.outputs),
            eligible=scan.eligible,
            solving_examples=scan.solving,
            broken_rules=dict(sorted(scan.broken.items())),
            tokens=counts["tokens"],
            prompt_tokens=counts["prompt_tokens"],
            run_seconds=scan.seconds,
            cost=self.cost(),
        )

    @property
    def ended(self) -> str | None:
        """Why it was searched for less than its budget, by the option `stop_when_solved`; None where it was not."""
        wanted, stats = self._config.enough, self.stats
        budget = self._config.samples + self._config.refinements
        if wanted is None or stats.solving_examples < wanted or stats.completions >= budget:
            return None
        return f"asked no further, of {budget} attempts, once {wanted} solve all examples"

    def to_json(self) -> dict[str, Any]:
        """The result as JSON data; no times in it, so that the same search gives the same data."""
        best = self.best
        stats = asdict(self.stats)
        del stats["run_seconds"]
        return {
            "task": self.task.id,
            "skipped": self.skipped,
            "ended": self.ended,
            "predictions": [asdict(prediction) for prediction in self.predictions],
            "test_correct": self.test_correct,
            "solved": self.solved,
            "best": best
            and {"key": best.key, "train_accuracy": best.train_accuracy, "source": source_of(best)}
            | ({"simplified": self._shown} if self._config.simplify else {}),
            "stats": stats,
        }

    @property
    def summary(self) -> Line:
        """One line: whether it is solved, and out of how many attempts."""
        return Line(self._summary())

    def _summary(self) -> str:
        if self.skipped:
            return f"{self.task.id}: not searched: {self.skipped}"
        if not self.stats.completions:
            return f"{self.task.id}: waiting, not searched yet"
        word = {True: "solved", False: "not solved", None: "answers unknown"}[self.solved]
        stats = self.stats
        found = f"{stats.solving_examples} solve all examples" if stats.solving_examples else "none solves all examples"
        ended = f"; {self.ended}" if self.ended else ""
        rules = ", ".join(self.set_aside)
        doubt = f"; no eligible attempt gave an answer: predicted by those set aside ({rules})" if rules else ""
        said = f"of {stats.completions} attempts ({stats.programs} programs) {found}{ended}{doubt}"
        return f"{self.task.id}: {word}; {said}"

    def __repr__(self) -> str:
        return f"<SearchResult {self.summary}>"

    def __str__(self) -> str:
        parts: list[str] = [self.summary]
        parts += [f"prediction {i} (weight {p.weight:g}, {p.count} attempts): {list(p.outputs)}"
                  for i, p in enumerate(self.predictions, 1)]  # fmt: skip
        if self.best is not None:
            parts.append(f"{describe(self.best)}:\n{self._shown}")
        return "\n".join(parts)

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.syntax import Syntax
        from rich.text import Text

        from soar.tasks.draw.rich import task_to_rich

        parts: list[RenderableType] = [task_to_rich(self.task, [p.outputs for p in self.predictions])]
        parts.append(Text(self.summary, style="bold"))
        if warning := cut_warning(self.cut, self.stats.completions):
            parts.append(Text(warning, style="yellow"))
        if self.best is not None:
            parts.append(Text(describe(self.best), style="dim"))
            parts.append(Syntax(self._shown, "python", background_color="default"))
        return Group(*parts)

    def _repr_html_(self) -> str:
        from soar.tasks.draw.rich import task_to_html

        html = task_to_html(self.task, [prediction.outputs for prediction in self.predictions])
        html += f"<p><b>{escape(self.summary)}</b></p>"
        if self.best is not None:
            html += f"<p>{escape(describe(self.best))}</p><pre>{escape(self._shown)}</pre>"
        return html
