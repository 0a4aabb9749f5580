"""How many attempts of a task's islands solve all examples, known step by step, whatever comes first."""

from __future__ import annotations

import asyncio


class SolvedSteps:
    """Counts of the islands, step by step: so that all can stop together, decided by results, never by their timing."""

    def __init__(self, islands: int) -> None:
        self._counts: list[list[int]] = [[] for _ in range(islands)]
        self._ended = [False] * islands
        self._changed = asyncio.Condition()

    async def add(self, island: int, count: int) -> None:
        """Take note of an island's next step."""
        async with self._changed:
            self._counts[island].append(count)
            self._changed.notify_all()

    async def end(self, island: int) -> None:
        """Take note that no further step of an island will come."""
        async with self._changed:
            self._ended[island] = True
            self._changed.notify_all()

    async def before(self, step: int) -> int:
        """Return the sum over all islands of the steps before this one, once it is known."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._known(step))
        return sum(sum(counts[: max(step, 0)]) for counts in self._counts)

    def _known(self, step: int) -> bool:
        return all(ended or len(counts) >= step for counts, ended in zip(self._counts, self._ended, strict=True))
