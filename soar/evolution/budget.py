"""Which task gets how many refinements, decided round by round; and what makes the decisions lasting and repeatable."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from soar.archive.writer import ArchiveWriter
from soar.core.custom import value_of
from soar.core.seeding import keyed_rng
from soar.evolution.config import SearchConfig
from soar.evolution.rex import thetas

LOOK_AGAIN = 0.5  # seconds after which whoever waits asks whether the search is stopped


@dataclass(frozen=True, slots=True)
class TaskState:
    """What a budget knows of a task after a round.

    Attributes:
        completions: made so far, samples included.
        granted: refinements that it might have made by then; early stop may have left some undone.
        best: the share of the examples that its best eligible attempt solves.
        solving: eligible attempts that solve all examples.
    """

    completions: int
    granted: int
    best: float
    solving: int


class Budget(Protocol):
    """Hands out refinements."""

    def grant(
        self,
        number: int,
        config: SearchConfig,
        granted: Mapping[str, int],
        states: Mapping[str, TaskState],
        rng: np.random.Generator,
    ) -> dict[str, int]:
        """Return how many further refinements each task gets in a round; nothing when the search is over.

        Args:
            number: of the round, from 0.
            granted: refinements granted before, of each task.
            states: each task after round `number - 2`; empty before there is one. Results of the round before play no
                part: so no task waits until the slowest has done its share, and the order in which tasks end decides
                nothing.
            rng: for this round.
        """
        ...


class FixedBudget:
    """As the paper: every task gets the same, all of it at once."""

    def grant(
        self,
        number: int,
        config: SearchConfig,
        granted: Mapping[str, int],
        states: Mapping[str, TaskState],
        rng: np.random.Generator,
    ) -> dict[str, int]:
        """Return what each task lacks of its share: all in round 0, and later what a raised budget adds."""
        return {task: config.refinements - had for task, had in granted.items() if config.refinements > had}


@dataclass(frozen=True, slots=True)
class AdaptiveBudget:
    """Moves refinements to the tasks where another one is most likely to pay: REx once more, with tasks for arms.

    The first two rounds are even. From then on each round hands out lots (one request on each island) by Thompson
    sampling under the law by which REx (Tang et al. 2024) picks programs: a lot goes to the task with the largest
    theta ~ Beta(1 + C h, 1 + C (1 - h) + n), where h is the share of the examples that its best eligible program
    solves and n the refinements it was granted. So a task that is close gets more, and one that had many without
    coming closer gives way, as hopeless ones do. A task with `enough` programs that solve all its examples is done and
    gets no more. What done tasks and early stop leave unused is handed out with the rest; all tasks together never get
    more than (samples + refinements) each.

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
        granted: Mapping[str, int],
        states: Mapping[str, TaskState],
        rng: np.random.Generator,
    ) -> dict[str, int]:
        """See `Budget.grant`."""
        lot = config.islands * config.refinements_per_request
        part = max(config.refinements // self.rounds // lot, 1) * lot
        if number < 2:
            even = {task: min(part, config.refinements - had) for task, had in granted.items()}
            return {task: n for task, n in even.items() if n > 0}
        total = len(states) * (config.samples + config.refinements)
        used = sum(state.completions + granted[task] - state.granted for task, state in states.items())
        names = sorted(task for task, state in states.items() if state.solving < self.enough)
        left = min(total - used, len(states) * part)
        return self._hand_out(left, lot, part, names, granted, states, config.rex_c, rng)

    def _hand_out(
        self,
        left: int,
        lot: int,
        part: int,
        names: Sequence[str],
        granted: Mapping[str, int],
        states: Mapping[str, TaskState],
        c: float,
        rng: np.random.Generator,
    ) -> dict[str, int]:
        h = np.array([states[name].best for name in names])
        n = np.array([granted[name] for name in names], float)
        given = np.zeros(len(names), int)
        while left > 0 and (given < self.cap * part).any():
            theta = np.where(given < self.cap * part, thetas(h, n + given, c, rng), -1.0)
            chosen = int(theta.argmax())
            size = min(lot, left)
            given[chosen] += size
            left -= size
        return {name: int(count) for name, count in zip(names, given, strict=True) if count}


def make_budget(config: SearchConfig) -> Budget:
    """Return the budget that a search is told to keep."""
    given: str | Budget = value_of(config.budget, "budget")
    if not isinstance(given, str):
        return given
    if given == "fixed":
        return FixedBudget()
    usual = AdaptiveBudget()
    return replace(usual, enough=min(usual.enough, config.enough or usual.enough))


@dataclass(slots=True)
class BudgetAllocator:
    """The decisions of a budget: each is recorded before it is followed, and on resume read, not taken again.

    Attributes:
        tasks: content hashes of all tasks, each once.
        stopped: tells whether the search is stopped; asked now and then by whoever waits.
        end: number of the first round that is known not to be; None while none is.
    """

    budget: Budget
    tasks: Sequence[str]
    archive: ArchiveWriter
    config: SearchConfig
    stopped: Callable[[], bool]
    end: int | None = None
    states: dict[int, dict[str, TaskState]] = field(default_factory=lambda: defaultdict(dict))
    decisions: list[dict[str, int]] = field(init=False)
    closed: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.decisions = self.archive.decisions(self.config.iteration)

    async def granted(self, number: int, task: str) -> int | None:
        """Return how many refinements the task may have made by the end of a round; None once the search is over.

        Waits until it is known whether there is such a round and, where there is, the task has ended the one before; or
        until the search is stopped.
        """
        async with self.changed:
            while not (self.closed or self._ready(number, task)):
                if self.stopped():
                    self.closed = True
                    self.changed.notify_all()
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN):
                        await self.changed.wait()
        if self.closed or self.over(number):
            return None
        return sum(decision.get(task, 0) for decision in self.decisions[: number + 1])

    async def report(self, number: int, task: str, state: TaskState) -> None:
        """Take note of a task's state after a round."""
        async with self.changed:
            self.states[number][task] = state
            self.changed.notify_all()

    def over(self, number: int) -> bool:
        """Return whether it is known by now that there is no such round; rounds are decided in order, up to it."""
        while self.end is None and (following := len(self.decisions)) <= number and self._known(following):
            if not self._decide(following):
                self.end = following
        return self.end is not None and number >= self.end

    def settled(self) -> bool:
        """Return whether every task has ended every round."""
        last = len(self.decisions)
        return self.over(last) and all(len(self.states[number]) == len(self.tasks) for number in range(last))

    async def close(self) -> None:
        """Let nobody wait any longer: the search was stopped."""
        async with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _ready(self, number: int, task: str) -> bool:
        if self.over(number):
            return True
        return number < len(self.decisions) and (number < 1 or task in self.states[number - 1])

    def _known(self, number: int) -> bool:
        """Whether everything is there that the decision on a round depends on."""
        return number < 2 or len(self.states[number - 2]) == len(self.tasks)

    def _decide(self, number: int) -> bool:
        """Decide on the round that follows those decided; return whether there is one."""
        granted = {task: sum(decision.get(task, 0) for decision in self.decisions) for task in self.tasks}
        states = self.states[number - 2] if number >= 2 else {}
        rng = keyed_rng(self.config.seed, self.config.iteration, number, "budget")
        decision = self.budget.grant(number, self.config, granted, states, rng)
        if not decision and number > 0:
            return False
        self.archive.decide(self.config.iteration, number, decision)
        self.decisions.append(decision)
        return True
