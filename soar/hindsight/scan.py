"""What a run's archive offers to learn from, a task at a time: small records of programs; values stay on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from soar.archive.reader import Archive
from soar.archive.records import Evaluator, input_hash
from soar.core.custom import value_of
from soar.evolution.config import SearchConfig
from soar.evolution.run_folder import RunFolder
from soar.hindsight.report import HindsightReport
from soar.programs.program import Attempt
from soar.programs.voting import Prediction, Tally, Vote, Weighting
from soar.sandbox.outcome import Limits
from soar.tasks.task import Task

Bin = Literal["0%", "(0, 34%]", "(34%, 98%)", ">=98%"]
BINS: tuple[Bin, ...] = get_args(Bin)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that runs, at one task: what selection needs to know of it.

    Attributes:
        place: where its attempt is: index of the run, number in its archive.
        program_hash: of its source.
        train_accuracy: share of the examples solved.
        test_accuracy: share of the test inputs solved; None where that is unknown or must not be known.
        accuracy: share of all examples and test inputs solved that are known.
        outputs: hash of all its outputs.
        answer: hash of its outputs on the test inputs, or of those that they count as (see `Tally.alike`).
    """

    place: tuple[int, int]
    source: str
    program_hash: str
    train_accuracy: float
    test_accuracy: float | None
    accuracy: float
    outputs: bytes
    answer: bytes

    @property
    def solves(self) -> bool:
        """Whether it solves every example, and every test input whose output is known."""
        return self.accuracy == 1.0

    @property
    def rank(self) -> tuple[float, int]:
        """Order of preference: more solved, then shorter."""
        return (-self.accuracy, len(self.source))


@dataclass(frozen=True, slots=True)
class Refinement:
    """A step from programs that do not solve a task to one that does.

    Attributes:
        child: the program that solves it; `place` is that of the attempt that was refined into it.
        parents: the programs that were shown.
    """

    child: Candidate
    parents: tuple[Candidate, ...]
    place: tuple[int, int]

    @property
    def parent_accuracy(self) -> float:
        """Share of the examples that the best parent solves."""
        return max(parent.train_accuracy for parent in self.parents)

    @property
    def bin(self) -> Bin:
        """Which of the four groups of the paper the parent belongs to."""
        return bin_of(self.parent_accuracy)


def bin_of(accuracy: float) -> Bin:
    """Return the bin of a parent's accuracy on the examples; whoever is in the last one is wrong on the test."""
    if accuracy <= 0:
        return "0%"
    if accuracy <= 0.34:
        return "(0, 34%]"
    return "(34%, 98%)" if accuracy < 0.98 else ">=98%"


@dataclass(frozen=True, slots=True)
class Source:
    """A run that rows are made from.

    Attributes:
        configs: options of each round that counts, by its number.
        tasks: by content hash.
    """

    folder: RunFolder
    archive: Archive
    configs: dict[int, SearchConfig]
    tasks: dict[str, Task]

    def evaluator(self, task: Task) -> Evaluator:
        """What turns the task's records into attempts, as in the search."""
        return next(iter(self.configs.values())).evaluator(task)

    def attempt(self, task: Task, number: int) -> Attempt:
        """Return an attempt by its number."""
        return self.archive.attempt(self.evaluator(task), number)

    @property
    def limits(self) -> Limits:
        """Of the programs, as in the search."""
        return next(iter(self.configs.values())).limits

    @classmethod
    def open(cls, path: Path, iteration: int | Literal["all"] | None) -> Source:
        """Open a run folder; the last round counts, or the one given, or all.

        Raises:
            ConfigError: it holds no such round.
            ArchiveError: its archive cannot be read.
        """
        folder = RunFolder(path.absolute())
        wanted: Sequence[int | None] = folder.rounds() if iteration == "all" else [iteration]
        configs = {config.iteration: config for config in map(folder.config, wanted)}
        return cls(folder, Archive(folder.path), configs, best_known(folder.tasks().values()))


def best_known(tasks: Iterable[Task]) -> dict[str, Task]:
    """Return tasks by content, each once; of equal ones the first with the most test outputs known."""
    best: dict[str, Task] = {}
    for task in tasks:
        other = best.setdefault(task.content_hash, task)
        if _known_outputs(task) > _known_outputs(other):
            best[task.content_hash] = task
    return best


def _known_outputs(task: Task) -> int:
    return sum(example.output is not None for example in task.test)


@dataclass(slots=True)
class Found:
    """What the sources hold on one task.

    Attributes:
        candidates: distinct eligible programs, best first.
        refinements: distinct successful steps, in the order of their attempts.
        predictions: the heaviest groups of the vote, where they were asked for.
        solve_rate: share of the last round's samples that solve it.
    """

    task: Task
    candidates: list[Candidate]
    refinements: list[Refinement]
    predictions: list[Prediction]
    solve_rate: float


@dataclass(slots=True)
class Scan:
    """One pass over the attempts at one task.

    Attributes:
        task: its test outputs are read where there are any.
        report: is told what is met.
    """

    task: Task
    report: HindsightReport
    programs: dict[str, Candidate] = field(default_factory=dict)  # by hash
    refinements: dict[tuple[str, ...], Refinement] = field(default_factory=dict)  # by hashes of child and parents
    samples: Counter[int] = field(default_factory=Counter)  # of the sampling phase, by round
    solving: Counter[int] = field(default_factory=Counter)  # those of them that solve the task

    def run(self, sources: Sequence[Source], groups: int) -> Found:
        """Return what is there; with the `groups` heaviest groups of the vote."""
        tally, predictions = Tally.of(self.task), list[Prediction]()
        for attempt in self._eligible(sources):
            tally.add(tally.ballot(attempt) if groups else None)
        if groups:
            config = next(iter(sources[0].configs.values()))
            weight: Weighting | Vote = value_of(config.vote_weight, "vote_weight")
            predictions = tally.best(groups, config.vote_c, weight)
        counts_as = {input_hash(list(answer)): input_hash(list(other)) for answer, other in tally.alike()}
        programs = [replace(one, answer=counts_as.get(one.answer, one.answer)) for one in self.programs.values()]
        candidates = sorted(programs, key=lambda one: one.rank)  # of equals the earlier stays first
        self.report.programs += len(candidates)
        last = max(self.samples, default=0)
        solve_rate = self.solving[last] / max(1, self.samples[last])
        return Found(self.task, candidates, list(self.refinements.values()), predictions, solve_rate)

    def _eligible(self, sources: Sequence[Source]) -> Iterator[Attempt]:
        """Yield the eligible attempts, taking notes."""
        for index, source in enumerate(sources):
            for config in source.configs.values():
                yield from self._round(index, source.archive, config)

    def _round(self, index: int, archive: Archive, config: SearchConfig) -> Iterator[Attempt]:
        shown: dict[str, Candidate] = {}  # by key of an attempt
        for number, attempt in archive.numbered_attempts(config.evaluator(self.task), config.iteration):
            self.report.completions += 1
            self.samples[config.iteration] += not attempt.parents
            self.report.no_program += attempt.program is None
            self.report.broken_rules.update(attempt.broken_rules)
            if not attempt.eligible:
                continue
            self.report.eligible += 1
            if any(outcome.status != "ok" for outcome in (*attempt.train, *attempt.test)):
                self.report.no_output += 1
                continue
            candidate = self._candidate(attempt, (index, number))
            shown[attempt.key] = candidate
            self.solving[config.iteration] += candidate.solves and not attempt.parents
            if attempt.parents:
                self._refinement(candidate, tuple(shown.get(key) for key in attempt.parents), (index, number))
            yield attempt

    def _candidate(self, attempt: Attempt, place: tuple[int, int]) -> Candidate:
        assert attempt.program is not None
        name = attempt.program.hash
        if name not in self.programs:
            pairs = zip(attempt.test, self.task.test, strict=True)
            known = [self.task.right(one.value, example.output) for one, example in pairs if example.output is not None]
            right, total = sum(attempt.solved) + sum(known), len(attempt.solved) + len(known)
            complete = len(known) == len(self.task.test)
            answer = [outcome.value for outcome in attempt.test]
            self.programs[name] = Candidate(
                place=place,
                source=attempt.program.source,
                program_hash=name,
                train_accuracy=attempt.train_accuracy,
                test_accuracy=_share(known) if complete else None,
                accuracy=right / total if total else 0.0,
                outputs=input_hash([[outcome.value for outcome in attempt.train], answer]),
                answer=input_hash(answer),
            )
        return self.programs[name]

    def _refinement(self, child: Candidate, parents: tuple[Candidate | None, ...], place: tuple[int, int]) -> None:
        """Note a step that ends in a right program and begins with none, and whose parents can be shown."""
        if not child.solves or child.test_accuracy is None:
            return
        self.report.right_children += 1
        if any(parent is not None and parent.solves for parent in parents):
            self.report.right_parents += 1
            return
        known = tuple(parent for parent in parents if parent is not None)
        if len(known) < len(parents):
            return
        key = (child.program_hash, *(parent.program_hash for parent in known))
        if key not in self.refinements:
            self.refinements[key] = Refinement(child, known, place)


def _share(hits: Iterable[bool]) -> float:
    hits = list(hits)
    return sum(hits) / len(hits) if hits else 1.0
