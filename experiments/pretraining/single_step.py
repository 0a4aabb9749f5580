"""Texts for `mini:novice`: programs of one step on inputs that say nothing of the step, and nothing of the gym sets."""

from __future__ import annotations

import random
from functools import lru_cache

from corpus import Source, Stage, draw_cells

from soar.tasks.gym.composed import KINDS, SPLITS, composed_tasks
from soar.tasks.gym.generator import GeneratedTask, Pair, clear_pairs, how_many, in_lists
from soar.tasks.gym.grammar import Family, fill, new_draw, render
from soar.tasks.gym.inputs import Scene
from soar.tasks.gym.single import scenes, shown_families
from soar.tasks.values import canonical_json

STAGES = (Stage(0.55, 10, 400), Stage(0.8, 16, 800), Stage(1.0, 30, 2000))
NEUTRAL_TRIES = 40  # draws of an input of any kind, before a program gets inputs of its own kind
OWN_TRIES = 10


def draw_single_step(rng: random.Random, stage: Stage) -> GeneratedTask:
    """Draw a task of one step; each shown family comes as often as any other.

    The kind of its inputs is drawn without regard to the program. A program that shows nothing on so many of them (one
    that takes a lattice apart, say) gets inputs that were made for it. No pair of a gym set comes up.
    """
    cells = draw_cells(rng, stage)
    while True:
        family = rng.choice(shown_families())
        for number in range(NEUTRAL_TRIES + OWN_TRIES):
            scene = rng.choice(scenes()) if number < NEUTRAL_TRIES else family.scene
            made = _attempt(rng, family, scene, stage.max_side, cells)
            if made is not None and gym_pairs().isdisjoint(map(canonical_json, made.train + made.test)):
                return made


SINGLE_STEP = Source(draw_single_step, STAGES)


@lru_cache(maxsize=1)
def gym_pairs() -> frozenset[str]:
    """Return every pair of the sets of composed tasks and of held-out concepts, as text."""
    tasks = (task for kind in KINDS for split in SPLITS for task in composed_tasks(kind, split))
    return frozenset(canonical_json([one.input, one.output]) for task in tasks for one in task.train + task.test)


def _attempt(rng: random.Random, family: Family, scene: Scene, side: int, cells: int) -> GeneratedTask | None:
    n_train, n_test = how_many(rng)
    draw = new_draw(rng, family, cells * rng.uniform(0.7, 1.0) / (n_train + n_test), side)
    steps = [fill(rng, family, draw.params)]
    pairs = clear_pairs(steps, scene, draw, n_train, n_test, cells)
    if pairs is None:
        return None
    lists: list[Pair] = in_lists(pairs)
    return GeneratedTask(lists[:n_train], lists[n_train:], render(steps), family.name, None, [])
