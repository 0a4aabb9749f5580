"""Solved tasks to show before the task at hand: a pool out of an earlier search, frozen when it is first used.

SOAR (Pourcel et al. 2025, section 3.1) shows one task of the training set with a program that solves it. Which one is
drawn anew for each request, by its place in the search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soar.archive.reader import Archive
from soar.evolution.config import ConfigError, SearchConfig
from soar.evolution.run_folder import RunFolder
from soar.programs.program import Attempt, Program
from soar.prompts.prompt_set import FewShot
from soar.tasks.sets import overlap
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

FILE = "few_shot.json"


@dataclass(frozen=True, slots=True)
class FewShotPool:
    """Solved tasks, without their test outputs.

    Attributes:
        source: the run and iteration they come from.
        examples: smallest first.
    """

    source: str
    examples: tuple[FewShot, ...]

    @property
    def hash(self) -> str:
        """BLAKE2b over tasks and programs, 32 hexadecimal digits."""
        return hashlib.blake2b(canonical_json(self.to_json()["examples"]).encode(), digest_size=16).hexdigest()

    def suited(self, task: Task) -> tuple[FewShot, ...]:
        """Return what may be shown before `task`: what shares no example pair with it, of the same kind of values."""
        tasks = {example.task.id: example.task for example in self.examples}
        leaks = {pair.id_b for pair in overlap({task.id: task.without_test_outputs()}, tasks)}
        kind = task.is_grid
        return tuple(one for one in self.examples if one.task.id not in leaks and one.task.is_grid == kind)

    def to_json(self) -> dict[str, Any]:
        """The pool as JSON data."""
        examples = [
            {"id": one.task.id, "task": one.task.to_json(), "program": one.program.source} for one in self.examples
        ]
        return {"source": self.source, "examples": examples}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FewShotPool:
        """The pool that `to_json` wrote."""
        examples = [
            FewShot(Task.from_json(one["id"], one["task"]), Program(one["program"])) for one in data["examples"]
        ]
        return cls(data["source"], tuple(examples))


def find_pool(folder: RunFolder, config: SearchConfig, tasks: Mapping[str, Task]) -> FewShotPool | None:
    """Return the pool that the run has frozen for this iteration, or else one out of `config.few_shot`; None without.

    Args:
        folder: of the run that is to use it.
        config: its options.
        tasks: what is to be searched. A solved task which shares an example pair with one that the source did not
            search itself is left out: what is held out stays so.

    Raises:
        ConfigError: the source is no run, is this search itself, or has solved nothing that may be shown.
        ArchiveError: its archive cannot be read.
    """
    if config.few_shot is None:
        return None
    frozen = folder.read(FILE).get(str(config.iteration))
    if frozen is not None:
        return FewShotPool.from_json(frozen)
    source, iteration = _source(folder, config)
    pool = solved_tasks(source, iteration)
    own = {task.content_hash for task in source.tasks().values()}
    held_out = {id: task.without_test_outputs() for id, task in tasks.items() if task.content_hash not in own}
    leaks = {pair.id_a for pair in overlap({one.task.id: one.task for one in pool.examples}, held_out)}
    kept = tuple(one for one in pool.examples if one.task.id not in leaks)
    if not kept:
        raise ConfigError(f"few_shot: iteration {iteration} of {source.path} has solved no task that may be shown")
    return FewShotPool(pool.source, kept)


def freeze(folder: RunFolder, iteration: int, pool: FewShotPool | None) -> None:
    """Write the pool of an iteration into the run's folder, where it is not there yet."""
    known = folder.read(FILE)
    if pool is not None and str(iteration) not in known:
        folder.write(FILE, known | {str(iteration): pool.to_json()})


def solved_tasks(run: RunFolder, iteration: int) -> FewShotPool:
    """Return the tasks that a search has solved, each with its shortest program.

    Solved: an eligible program has all examples and, checked now, all test outputs right. Of equals the earlier counts,
    of programs and of tasks: equal ones are one.
    """
    config, found = run.config(iteration), dict[str, FewShot]()
    with Archive(run.archive) as archive:
        for task in run.tasks().values():
            if task.content_hash in found:
                continue
            programs = [
                one.program
                for one in archive.attempts(config.evaluator(task), iteration)
                if one.program is not None and one.eligible and one.solves_examples and _right(one, task)
            ]
            if programs:
                shortest = min(programs, key=lambda program: len(program.source))
                found[task.content_hash] = FewShot(task.without_test_outputs(), shortest)
    return FewShotPool(f"{run.path}:{iteration}", tuple(sorted(found.values(), key=_size)))


def _right(attempt: Attempt, task: Task) -> bool:
    """Whether every test output is known and hit."""
    pairs = zip(attempt.test, task.test, strict=True)
    return all(
        one.status == "ok" and example.output is not None and task.right(one.value, example.output)
        for one, example in pairs
    )


def _size(example: FewShot) -> tuple[int, str]:
    return len(canonical_json(example.task.to_json())) + len(example.program.source), example.task.id


def _source(folder: RunFolder, config: SearchConfig) -> tuple[RunFolder, int]:
    """The run that `config.few_shot` names, and the iteration of it."""
    name = config.few_shot or ""
    path, colon, number = name.rpartition(":")
    named = bool(colon) and number.isdigit() and not Path(name).exists()
    source = RunFolder(Path(path if named else name).absolute())
    own = source.path == folder.path
    if not (source.path / "config.json").exists():
        raise ConfigError(f"few_shot: {source.path} is no folder of a run: give the one of an earlier search")
    iteration = int(number) if named else config.iteration - 1 if own else source.config().iteration
    if own and not 0 <= iteration < config.iteration:
        raise ConfigError(f"few_shot: iteration {config.iteration} cannot learn from itself: name an earlier search")
    return source, source.config(iteration).iteration
