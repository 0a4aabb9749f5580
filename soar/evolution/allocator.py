"""What makes the decisions of a budget lasting and repeatable."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace

from soar.archive.records import Grant
from soar.archive.writer import ArchiveWriter
from soar.core.custom import value_of
from soar.core.seeding import keyed_rng
from soar.evolution.budget import AdaptiveBudget, Budget, FixedBudget, ReadsTasks, TaskState
from soar.evolution.config import BUDGET_OF_TEACHER, ConfigError, SearchConfig
from soar.evolution.teacher_budget import TeacherBudget
from soar.tasks.task import Task

LOOK_AGAIN = 0.5  # seconds after which whoever waits asks whether the search is stopped


def make_budget(config: SearchConfig, tasks: Mapping[str, Task]) -> Budget:
    """Return the budget that a search is told to keep; of an object a copy, since budgets may remember.

    Args:
        config: of the search.
        tasks: by content hash, without test outputs.

    Raises:
        CurriculumError: the teacher that is named needs more than there is, such as more tasks.
    """
    given: str | Budget = value_of(config.budget, "budget")
    if not isinstance(given, str):
        budget = deepcopy(given)
    elif given == "fixed":
        budget = FixedBudget()
    elif given == "adaptive":
        usual = AdaptiveBudget()
        budget = replace(usual, enough=min(usual.enough, config.enough or usual.enough))
    else:
        budget = TeacherBudget(given.removeprefix(BUDGET_OF_TEACHER))
    if isinstance(budget, ReadsTasks):
        budget.begin(tasks, config)
    return budget


@dataclass(slots=True)
class BudgetAllocator:
    """The decisions of a budget: each is recorded before it is followed, and on resume read, not taken again.

    Attributes:
        tasks: content hashes of all tasks, each once.
        stopped: tells whether the search is stopped; asked now and then by whoever waits.
        end: number of the first round that is known not to be; None while none is.
        totals: what each task was granted before each round that is decided, and before the next.
        asked: rounds that the budget was asked for by this process; those of earlier ones are made up for.
    """

    budget: Budget
    tasks: Sequence[str]
    archive: ArchiveWriter
    config: SearchConfig
    stopped: Callable[[], bool]
    end: int | None = None
    states: dict[int, dict[str, TaskState]] = field(default_factory=lambda: defaultdict(dict))
    totals: list[dict[str, Grant]] = field(init=False)
    asked: int = 0
    closed: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.totals = [dict.fromkeys(self.tasks, Grant())]
        for decision in self.archive.decisions(self.config.iteration, self.config.samples):
            self._follow(decision)

    @property
    def decided(self) -> int:
        """Number of the rounds that are decided."""
        return len(self.totals) - 1

    async def granted(self, number: int, task: str) -> Grant | None:
        """Return what the task may have made by the end of a round; None once the search is over.

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
        return self.totals[number + 1][task]

    async def report(self, number: int, task: str, state: TaskState) -> None:
        """Take note of a task's state after a round."""
        async with self.changed:
            self.states[number][task] = state
            self.changed.notify_all()

    def over(self, number: int) -> bool:
        """Return whether it is known by now that there is no such round; rounds are decided in order, up to it."""
        while self.end is None and (following := self.decided) <= number and self._known(following):
            if not self._decide(following):
                self.end = following
        return self.end is not None and number >= self.end

    def settled(self) -> bool:
        """Return whether every task has ended every round."""
        last = self.decided
        return self.over(last) and all(len(self.states[number]) == len(self.tasks) for number in range(last))

    async def close(self) -> None:
        """Let nobody wait any longer: the search was stopped."""
        async with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _ready(self, number: int, task: str) -> bool:
        if self.over(number):
            return True
        return number < self.decided and (number < 1 or task in self.states[number - 1])

    def _known(self, number: int) -> bool:
        """Whether everything is there that the decision on a round depends on."""
        return number < 2 or len(self.states[number - 2]) == len(self.tasks)

    def _decide(self, number: int) -> bool:
        """Decide on the round that follows those decided; return whether there is one."""
        while self.asked < number:
            self._ask(self.asked)
        decision = self._ask(number)
        if not decision and number > 0:
            return False
        self.archive.decide(self.config.iteration, number, decision)
        self._follow(decision)
        return True

    def _ask(self, number: int) -> dict[str, Grant]:
        """Ask the budget for a round, the next that it was not asked for, with what is known then.

        Raises:
            ConfigError: it grants what is no `Grant`.
        """
        states = self.states[number - 2] if number >= 2 else {}
        rng = keyed_rng(self.config.seed, self.config.iteration, number, "budget")
        decision = self.budget.grant(number, self.config, self.totals[number], states, rng)
        for grant in decision.values():
            if not isinstance(grant, Grant) or min(grant.samples, grant.refinements) < 0:
                raise ConfigError(f"a budget grants soar.Grant(samples, refinements), each 0 or more, not {grant!r}")
        self.asked = number + 1
        return decision

    def _follow(self, decision: Mapping[str, Grant]) -> None:
        before = self.totals[-1]
        more = {task: before[task] + grant for task, grant in decision.items() if task in before}
        self.totals.append(before | more)
