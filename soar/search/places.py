"""The places that a model has for requests, and who gets the next one that is free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """A bound on the requests under way.

    Refinements of an island follow one another, so towards the end of a search the islands with most of them to come
    decide how long the model runs half empty. While there are tasks that have not begun, the shortest chain goes first:
    tasks end one by one and others begin, instead of all in step. After that the longest goes first, and all end
    together. Of equals the first to ask goes first.

    Args:
        count: of places.

    Attributes:
        longest_first: whether the longest chain goes first, else the shortest.
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
        choose = max if self.longest_first else min
        first = choose(self._waiting, key=lambda one: one[0])
        self._waiting.remove(first)
        first[1].set_result(None)
