"""Tasks of two and of three steps, and of steps that are never shown: what a student of single steps is to learn.

`gym/two-step/...` and `gym/three-step/...` put steps of the shown families behind one another. Every step changes the
outcome, and no program of one step explains the examples, or gives the test outputs (`soar.tasks.gym.one_step`).
`gym/held-out-concepts/...` are single steps of the held-out families (`soar.tasks.gym.single`). No grid has a side
longer than 10.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache

from soar.tasks.gym.checks import explains
from soar.tasks.gym.generator import Pair, clear_pairs, how_many, in_lists
from soar.tasks.gym.grammar import Family, fill, new_draw, render
from soar.tasks.gym.inputs import Array
from soar.tasks.gym.one_step import one_step_explains
from soar.tasks.gym.single import held_out_families, shown_families
from soar.tasks.task import Example, Task
from soar.tasks.values import canonical_json

KINDS = {"two-step": 2, "three-step": 3, "held-out-concepts": 1}  # steps of a program
SPLITS = {"train": slice(400), "held-out": slice(400, 600)}
MAX_SIDE, MAX_CELLS = 10, 400


def composed_tasks(kind: str, split: str) -> list[Task]:
    """Return the tasks of a split, 400 to learn from or 200 held out, made anew from the names alone.

    No two tasks of a kind share an input; of two and three steps no two have the same program. The id and
    `metadata["family"]` name the families; neither is shown to a model.

    Args:
        kind: "two-step", "three-step" or "held-out-concepts".
        split: "train" or "held-out".
    """
    return _made(kind)[SPLITS[split]]


@lru_cache(maxsize=len(KINDS))
def _made(kind: str) -> list[Task]:
    return list(_tasks(kind))


def _tasks(kind: str) -> Iterator[Task]:
    rng = random.Random(f"tasks of {kind}")
    seen: set[str] = set()
    for position in range(SPLITS["held-out"].stop):
        while True:
            families = _families(rng, kind, position)
            made = _draw(rng, families)
            if made is not None and seen.isdisjoint(marks := _marks(kind, *made)):
                break
        seen |= marks
        body, train, test = made
        name = "+".join(family.name for family in families)
        shown, asked = (tuple(Example(x, y) for x, y in pairs) for pairs in (train, test))
        yield Task(f"{name}-{position:03}", shown, asked, metadata={"family": name, "program": body})


def _families(rng: random.Random, kind: str, position: int) -> list[Family]:
    """The families of the steps; those that come later make sense on any grid."""
    if kind == "held-out-concepts":
        held = held_out_families()
        return [held[position % len(held)]]
    shown = shown_families()
    followers = [family for family in shown if family.follow]
    return [rng.choice(shown), *(rng.choice(followers) for _ in range(KINDS[kind] - 1))]


def _draw(rng: random.Random, families: list[Family]) -> tuple[str, list[Pair], list[Pair]] | None:
    """Draw parameters and inputs; None where they make no good task."""
    n_train, n_test = how_many(rng)
    draw = new_draw(rng, families[0], MAX_CELLS * rng.uniform(0.7, 1.0) / (n_train + n_test), MAX_SIDE)
    params, steps = dict(draw.params), list[str]()
    for family in families:
        steps.append(fill(rng, family, params))
        if str(params["b"]) in steps[-1] and rng.random() < 0.5:  # the next step looks for what this one has drawn
            params["a"] = params["b"]
        params["b"] = params["b2"]
    pairs = clear_pairs(steps, families[0].scene, draw, n_train, n_test, MAX_CELLS)
    if pairs is None or _longest(pairs) > MAX_SIDE:
        return None
    if len(steps) > 1 and any(_shorter_explains(steps, part) for part in (pairs[n_train:], pairs[:n_train])):
        return None
    lists = in_lists(pairs)
    return render(steps), lists[:n_train], lists[n_train:]


def _shorter_explains(steps: list[str], pairs: list[tuple[Array, Array]]) -> bool:
    """Whether a program with a step less, or any of one step, is right on the pairs.

    Asked of the examples, and of the tests alone: a prediction should not be right by a program that is wrong.
    """
    less = (render(steps[:i] + steps[i + 1 :]) for i in range(len(steps)))
    return any(explains(body, pairs) for body in less) or one_step_explains(pairs)


def _longest(pairs: list[tuple[Array, Array]]) -> int:
    return max(int(side) for pair in pairs for grid in pair for side in grid.shape)


def _marks(kind: str, body: str, train: list[Pair], test: list[Pair]) -> set[str]:
    """What no other task of the kind may share."""
    return {canonical_json(x) for x, _ in (*train, *test)} | ({body} if KINDS[kind] > 1 else set())
