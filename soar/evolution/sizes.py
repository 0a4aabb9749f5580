"""How a task's budget is cut into islands and requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from soar.archive.records import request_key
from soar.programs.program import Phase


def request_sizes(
    begun: Mapping[str, int], iteration: int, phase: Phase, island: int | None, budget: int, size: int
) -> Iterator[int]:
    """Yield how many completions each request of an island (or of the sampling phase) asks for, up to the budget.

    All have `size`, but the last may be smaller. Requests that were begun keep the size they had, so a budget that is
    raised later appends requests and changes none.
    """
    asked = step = 0
    while asked < budget:
        n = begun.get(request_key(iteration, phase, island, step)) or min(size, budget - asked)
        yield n
        asked, step = asked + n, step + 1


def island_budget(total: int, islands: int, island: int) -> int:
    """Return an island's share of `total`: shares differ by at most one."""
    return total // islands + (island < total % islands)
