"""Searches of the same tasks side by side: which tasks one has gained on the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from soar.evaluation.evaluation import Evaluation
from soar.evaluation.rows import by_task
from soar.evaluation.statistics import mcnemar


def comparisons(searches: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Compare every search with each before it that has some of its tasks, where answers are known.

    Tasks are matched by their content. Returned are, for searches number a and b: places of the tasks in a and in b
    that only b solves ("gained"), that only a solves ("lost"), "both", "neither"; p of McNemar's exact test; and how
    many tasks are left out, since only one of the two has them or their answers are unknown.
    """
    return [one for a, b in combinations(range(len(searches)), 2) if (one := _compared(searches, a, b)) is not None]


def _compared(searches: Sequence[Evaluation], a: int, b: int) -> dict[str, Any] | None:
    tables = by_task([searches[a].per_task, searches[b].per_task])
    places = [{key: place for place, key in enumerate(table)} for table in tables]
    known = [{key: row.solved for key, row in table.items() if row.solved is not None} for table in tables]
    shared = [key for key in known[0] if key in known[1]]
    if not shared:
        return None
    cells: dict[tuple[bool, bool], list[tuple[int, int]]] = {(x, y): [] for x in (True, False) for y in (True, False)}
    for key in shared:
        cells[known[0][key] is True, known[1][key] is True].append((places[0][key], places[1][key]))
    gained, lost = cells[False, True], cells[True, False]
    return {
        "a": a,
        "b": b,
        "gained": gained,
        "lost": lost,
        "both": cells[True, True],
        "neither": cells[False, False],
        "p": mcnemar(len(gained), len(lost)),
        "left_out": len(tables[0].keys() | tables[1].keys()) - len(shared),
    }
