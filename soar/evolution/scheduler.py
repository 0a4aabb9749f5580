"""The places that a model has, and who gets the next that is free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple


class _Waiting(NamedTuple):
    chain: int
    completions: int
    turn: asyncio.Future[None]


class RequestScheduler:
    """A bound on the requests and completions under way.

    Refinements of an island follow one another, so towards the end of a search the islands with most of them to come
    decide how long the model runs half empty. While there are tasks that have not begun, the shortest chain goes first:
    tasks end one by one and others begin, instead of all in step. After that the longest goes first, and all end
    together. Of equals the first to ask goes first. Nobody goes before whose turn it is: else small requests would keep
    a large one out for ever. A request for more completions than the bound goes alone.

    Args:
        requests: at once.
        completions: at once, of all requests together; None: no bound.

    Attributes:
        longest_first: whether the longest chain goes first, else the shortest.
    """

    def __init__(self, requests: int, completions: int | None = None) -> None:
        self.longest_first = False
        self._requests, self._completions = requests, completions
        self._busy = self._under_way = 0  # requests, completions
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def place(self, chain: int, completions: int = 1) -> AsyncIterator[None]:
        """Hold a place for a request; `chain` is the number of completions that can only follow after it."""
        await self._take(chain, completions)
        try:
            yield
        finally:
            self._give(completions)

    async def _take(self, chain: int, completions: int) -> None:
        waiting = _Waiting(chain, completions, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._admit()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.cancelled():
                self._admit()  # others may have waited for it only
            else:  # it was given a place just before
                self._give(completions)
            raise

    def _give(self, completions: int) -> None:
        self._busy -= 1
        self._under_way -= completions
        self._admit()

    def _admit(self) -> None:
        if not self._fits(1):
            return
        self._waiting = [one for one in self._waiting if not one.turn.done()]  # the rest was cancelled
        choose = max if self.longest_first else min
        while self._waiting:
            first = choose(self._waiting, key=lambda one: one.chain)
            if not self._fits(first.completions):
                return
            self._waiting.remove(first)
            self._busy += 1
            self._under_way += first.completions
            first.turn.set_result(None)

    def _fits(self, completions: int) -> bool:
        if self._busy == self._requests:
            return False
        return self._completions is None or not self._busy or self._under_way + completions <= self._completions
