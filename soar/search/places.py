"""The places that a model has for requests, and who gets the next one that is free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """A bound on the requests under way.

    While there are tasks that have not begun, places are given in the order of asking. After that the longest chain
    goes first: refinements of an island follow one another, so the island with most of them to come decides when the
    search ends, and the model would run ever emptier waiting for it.

    Args:
        count: of places.

    Attributes:
        longest_first: whether the longest chain goes first.
    """

    def __init__(self, count: int) -> None:
        self.longest_first = False
        self._free = count
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def place(self, chain: int) -> AsyncIterator[None]:
        """Hold a place; `chain` is the number of completions that can only follow after this request."""
        await self._take(chain)
        try:
            yield
        finally:
            self._give()

    async def _take(self, chain: int) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((chain, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given a place just before
                self._give()
            raise

    def _give(self) -> None:
        self._waiting = [one for one in self._waiting if not one[1].done()]  # the rest was cancelled
        if not self._waiting:
            self._free += 1
            return
        first = max(self._waiting, key=lambda one: one[0]) if self.longest_first else self._waiting[0]
        self._waiting.remove(first)
        first[1].set_result(None)
