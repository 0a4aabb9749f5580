from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from soar.evolution.scheduler import RequestScheduler


async def hold(places: RequestScheduler, name: str, chain: int, order: list[str]) -> None:
    async with places.place(chain):
        order.append(name)
        await asyncio.sleep(0)


async def served(chains: Sequence[int], longest_first: bool) -> list[str]:
    places, order = RequestScheduler(1), list[str]()
    places.longest_first = longest_first
    async with asyncio.TaskGroup() as group:
        for number, chain in enumerate(chains):
            group.create_task(hold(places, f"{number}:{chain}", chain, order))
    return order


@pytest.mark.parametrize(
    ("longest_first", "order"),
    [(False, ["0:7", "2:5", "1:9", "3:9"]), (True, ["0:7", "1:9", "3:9", "2:5"])],
)
def test_the_shortest_or_the_longest_chain_goes_first(longest_first: bool, order: list[str]) -> None:
    assert asyncio.run(served([7, 9, 5, 9], longest_first)) == order


def test_no_place_is_lost_when_waiting_is_cancelled() -> None:
    async def scene() -> list[str]:
        places, order = RequestScheduler(2), list[str]()
        for moment in range(6):
            tasks = [asyncio.create_task(hold(places, str(i), i, order)) for i in range(6)]
            for _ in range(moment):
                await asyncio.sleep(0)
            for task in tasks[:4]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        order.clear()
        most = 0
        async with asyncio.TaskGroup() as group:
            for i in range(6):
                group.create_task(hold(places, str(i), i, order))
            await asyncio.sleep(0)
            most = len(order)
        assert most == 2
        return order

    assert sorted(asyncio.run(scene())) == list("012345")
