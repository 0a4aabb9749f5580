"""How much of a task is under way at once: enough that few tasks keep a model busy."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence

from soar.evolution.rex import PoolMember
from soar.programs.program import Attempt

DEPTH = 8  # requests of an island that follow one another, at least, before any of them overlap
MOST_AHEAD = 4  # requests of an island under way


def refining_ahead(refinements: int, islands: int, size: int) -> int:
    """Return how many requests of an island may be under way at once, so that few tasks keep a model busy.

    Each is then chosen without the results of those just before: so they overlap only where an island has so many that
    its line of refinements stays long. It depends on what is asked for, never on the model or on other tasks.
    """
    steps = refinements // islands // size
    return min(max(steps // DEPTH, 1), MOST_AHEAD)


class Flow:
    """What has come of a task's calls so far, per island (None: of the samples), whatever came first.

    Only for a model that gives one completion at a time and takes no seed: there each call takes its own time, and no
    two searches are alike anyway. So nobody waits for the slowest calls: an island goes on with what has come.

    Attributes:
        solved: attempts that solve all examples.
        members: attempts that can be refined.
    """

    def __init__(self) -> None:
        self.solved: Counter[int | None] = Counter()
        self.members: defaultdict[int | None, list[PoolMember]] = defaultdict(list)
        self._ended: Counter[int | None] = Counter()
        self._waiting: list[asyncio.Future[None]] = []

    def note(self, island: int | None, attempts: Sequence[Attempt], solved: int) -> None:
        """Take note of attempts."""
        self.solved[island] += solved
        self.members[island] += [PoolMember.of(one) for one in attempts if one.refinable]

    def end(self, island: int | None, completions: int) -> None:
        """Take note that so many completions have come, or will not come."""
        self._ended[island] += completions
        for one in self._waiting:
            if not one.done():
                one.set_result(None)
        self._waiting.clear()

    async def most(self, island: int | None, asked: int, late: int) -> None:
        """Wait until no more than `late` of the completions asked for are still to come."""
        while asked - self._ended[island] > late:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting
