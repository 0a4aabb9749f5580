"""Domains: small worlds of generated tasks on which learning can be told from luck.

A domain is a dozen families of the grammar, drawn by its number; its tasks are programs of these families on grids of
sides up to 10. What is learnt on some of its tasks should help on others of the same domain: a loop that does not gain
on held-out tasks here is broken. Domains 1 to 3 are for tuning, later ones for reports (docs/evidence.md).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterator
from functools import lru_cache

from soar.tasks.gym.generator import FAMILIES, GeneratedTask, attempt
from soar.tasks.gym.grammar import Family
from soar.tasks.task import Example, Task
from soar.tasks.values import canonical_json

FAMILIES_PER_DOMAIN = 12
TASKS_PER_SPLIT = 200
SPLITS = ("train", "held-out")
MAX_SIDE, MAX_CELLS = 10, 400
TRIES = 60  # a family that gives no task in so many draws is left out of a domain


def families_of(number: int) -> list[Family]:
    """Return the dozen families of a domain, in the order in which they were drawn."""
    rng = random.Random(f"domain {number}")
    drawn = rng.sample(FAMILIES, len(FAMILIES))
    fruitful = (family for family in drawn if _draw(random.Random(f"{number} {family.name}"), family) is not None)
    return [next(fruitful) for _ in range(FAMILIES_PER_DOMAIN)]


def domain_tasks(number: int, split: str) -> list[Task]:
    """Return the 200 tasks of a split, made anew from the number alone; no two tasks of a domain share an input.

    The id and `metadata["family"]` name the family; neither is shown to a model.
    """
    tasks = _made(number)
    return tasks[:TASKS_PER_SPLIT] if split == SPLITS[0] else tasks[TASKS_PER_SPLIT:]


def assorted_tasks(count: int, seed: int, without: Collection[str] = ()) -> list[Task]:
    """Return tasks of as many kinds as there are, one after another; the same arguments give the same tasks.

    Args:
        without: names of families that none of them is of.
    """
    rng = random.Random(f"assorted tasks {seed}")
    families = [one for one in rng.sample(FAMILIES, len(FAMILIES)) if one.name not in without]
    found: list[Task] = []
    for family in itertools.islice(itertools.cycle(families), 4 * count):  # not every family gives a task each time
        made = _draw(rng, family) if len(found) < count else None
        if made is not None:
            found.append(_task(f"{family.name}-assorted-{len(found):03}", family, made))
    return found


@lru_cache(maxsize=8)
def _made(number: int) -> list[Task]:
    return list(_tasks(number))


def _tasks(number: int) -> Iterator[Task]:
    rng = random.Random(f"tasks of domain {number}")
    families = families_of(number)
    seen: set[str] = set()
    for position in range(len(SPLITS) * TASKS_PER_SPLIT):
        family = families[position % len(families)]
        while (made := _draw(rng, family)) is None or not seen.isdisjoint(inputs := _inputs(made)):
            pass
        seen |= inputs
        yield _task(f"{family.name}-{position:03}", family, made)


def _task(name: str, family: Family, made: GeneratedTask) -> Task:
    train, test = (tuple(Example(x, y) for x, y in pairs) for pairs in (made.train, made.test))
    return Task(name, train, test, metadata={"family": family.name, "program": made.body})


def _draw(rng: random.Random, family: Family) -> GeneratedTask | None:
    for _ in range(TRIES):
        if (made := attempt(rng, family, MAX_SIDE, MAX_CELLS, refinement=False, followed=False)) is not None:
            return made
    return None


def _inputs(made: GeneratedTask) -> set[str]:
    return {canonical_json(x) for x, _ in (*made.train, *made.test)}
