"""Which task gets how many samples and refinements, decided round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from soar.archive.records import Grant
from soar.evolution.config import SearchConfig
from soar.evolution.rex import thetas
from soar.programs.program import Attempt
from soar.tasks.task import Task


@dataclass(frozen=True, slots=True)
class TaskState:
    """What a budget knows of a task after a round.

    Attributes:
        completions: made so far, samples included.
        granted: what it might have made by then; early stop may have left some undone.
        best: the share of the examples that its best eligible attempt solves.
        solving: eligible attempts that solve all examples.
        rewards: of the attempts that this round brought, see `reward`.
    """

    completions: int
    granted: Grant
    best: float
    solving: int
    rewards: tuple[float, ...] = ()

    @property
    def unused(self) -> int:
        """Completions that were granted and will not be made."""
        return self.granted.total - self.completions


def reward(attempt: Attempt) -> float:
    """Return what a teacher is told of an attempt: the share of the examples that it solves; 0 if not eligible."""
    return attempt.train_accuracy if attempt.eligible else 0.0


class Budget(Protocol):
    """Hands out samples and refinements."""

    def grant(
        self,
        number: int,
        config: SearchConfig,
        granted: Mapping[str, Grant],
        states: Mapping[str, TaskState],
        rng: np.random.Generator,
    ) -> dict[str, Grant]:
        """Return how many further completions each task gets in a round; nothing when the search is over.

        Asked for each round in order, from the first. A search that goes on asks again for the rounds that were
        decided before, with all that was known then, so that a budget which remembers remembers the same; what counts
        is what was decided before.

        Args:
            number: of the round, from 0.
            granted: before, to each task.
            states: each task after round `number - 2`; empty before there is one. Results of the round before play no
                part: so no task waits until the slowest has done its share, and the order in which tasks end decides
                nothing.
            rng: for this round.
        """
        ...


@runtime_checkable
class ReadsTasks(Protocol):
    """A budget that reads the tasks before it divides anything among them."""

    def begin(self, tasks: Mapping[str, Task], config: SearchConfig) -> None:
        """Take note of the tasks, by content hash and without test outputs; called once, before round 0."""
        ...


class FixedBudget:
    """As the paper: every task gets the same, all of it at once."""

    def grant(
        self,
        number: int,
        config: SearchConfig,
        granted: Mapping[str, Grant],
        states: Mapping[str, TaskState],
        rng: np.random.Generator,
    ) -> dict[str, Grant]:
        """Return what each task lacks of its share: all in round 0, and later what a raised budget adds."""
        return _nonzero({task: _lacking(had, config, config.refinements) for task, had in granted.items()})


@dataclass(frozen=True, slots=True)
class AdaptiveBudget:
    """Moves refinements to the tasks where another one is most likely to pay: REx once more, with tasks for arms.

    Every task gets its samples, and the first two rounds are even. From then on each round hands out lots (one request
    on each island) by Thompson sampling under the law by which REx (Tang et al. 2024) picks programs: a lot goes to the
    task with the largest theta ~ Beta(1 + C h, 1 + C (1 - h) + n), where h is the share of the examples that its best
    eligible program solves and n the refinements it was granted. So a task that is close gets more, and one that had
    many without coming closer gives way, as hopeless ones do. A task with `enough` programs that solve all its examples
    is done and gets no more. What done tasks and early stop leave unused is handed out with the rest; all tasks
    together never get more than (samples + refinements) each.

    Attributes:
        rounds: into so many parts an even share is cut.
        cap: a task gets at most so many parts in one round.
        enough: programs that solve all examples, after which a task is done.
    """

    rounds: int = 8
    cap: int = 4
    enough: int = 10

    def grant(
        self,
        number: int,
        config: SearchConfig,
        granted: Mapping[str, Grant],
        states: Mapping[str, TaskState],
        rng: np.random.Generator,
    ) -> dict[str, Grant]:
        """See `Budget.grant`."""
        lot = config.islands * config.refinements_per_request
        part = max(config.refinements // self.rounds // lot, 1) * lot
        if number < 2:
            return _nonzero({task: _lacking(had, config, part) for task, had in granted.items()})
        samples = {task: _lacking(had, config, 0) for task, had in granted.items()}
        left = left_of(config, granted, states) - sum(one.samples for one in samples.values())
        names = sorted(task for task, state in states.items() if state.solving < self.enough)
        n = [granted[name].refinements for name in names]
        given = self._hand_out(min(left, len(states) * part), lot, part, names, n, states, config.rex_c, rng)
        return _nonzero({task: one + Grant(0, given.get(task, 0)) for task, one in samples.items()})

    def _hand_out(
        self,
        left: int,
        lot: int,
        part: int,
        names: Sequence[str],
        had: Sequence[int],
        states: Mapping[str, TaskState],
        c: float,
        rng: np.random.Generator,
    ) -> dict[str, int]:
        h = np.array([states[name].best for name in names])
        n = np.array(had, float)
        given = np.zeros(len(names), int)
        while left > 0 and (given < self.cap * part).any():
            theta = np.where(given < self.cap * part, thetas(h, n + given, c, rng), -1.0)
            chosen = int(theta.argmax())
            size = min(lot, left)
            given[chosen] += size
            left -= size
        return {name: int(count) for name, count in zip(names, given, strict=True)}


def left_of(config: SearchConfig, granted: Mapping[str, Grant], states: Mapping[str, TaskState]) -> int:
    """Return what is left of (samples + refinements) for each task: not granted, or known not to be made."""
    unused = sum(state.unused for state in states.values())
    return len(granted) * (config.samples + config.refinements) - sum(one.total for one in granted.values()) + unused


def _lacking(had: Grant, config: SearchConfig, most: int) -> Grant:
    """What a task lacks of its share, but no more than `most` refinements."""
    return Grant(max(config.samples - had.samples, 0), max(min(most, config.refinements - had.refinements), 0))


def _nonzero(grants: Mapping[str, Grant]) -> dict[str, Grant]:
    return {task: one for task, one in grants.items() if one.total}
