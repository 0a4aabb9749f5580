"""Composed tasks, held-out concepts: made anew from their names, each step needed, nothing shown to the novice."""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from corpus import Stage
from hypothesis import given, settings
from hypothesis import strategies as st
from single_step import draw_single_step

import soar
from soar.tasks.gym.checks import explains
from soar.tasks.gym.composed import MAX_SIDE, _families, composed_tasks
from soar.tasks.gym.generator import clear_pairs, how_many
from soar.tasks.gym.grammar import fill, new_draw
from soar.tasks.gym.one_step import one_step_explains
from soar.tasks.gym.single import (
    concept,
    held_out_concepts,
    held_out_families,
    shown_families,
    single_step_families,
)
from soar.tasks.sets import UnknownSourceError, overlap
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

HASHES = "import soar, sys; print([task.content_hash for task in soar.load_tasks(sys.argv[1]).values()])"
CALL = re.compile(r"[a-z_]\w*(?=\()")


def pairs_of(task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.array(one.input), np.array(one.output)) for one in task.train + task.test]


def steps_of(task: Task) -> list[str]:
    """The lines of a program, each as a step whose input is `grid`."""
    lines = str(task.metadata["program"]).splitlines()
    return [re.sub(r"\bx\b", "grid", re.sub(r"^ *(x = |return )", "", line)) for line in lines]


def body_of(steps: list[str]) -> str:
    return "".join(f"    grid = {step}\n" for step in steps) + "    return grid\n"


def test_an_eighth_is_held_out_and_the_language_is_known() -> None:
    every, held, shown = single_step_families(), held_out_families(), shown_families()
    assert len(held) == len(every) // 8
    assert not {one.name for one in held} & {one.name for one in shown}
    assert not held_out_concepts() & {concept(template) for one in shown for template in one.templates}
    called = [{name for one in some for text in one.templates for name in CALL.findall(text)} for some in (held, shown)]
    assert called[0] <= called[1]
    digest = hashlib.blake2b(" ".join(one.name for one in held).encode(), digest_size=8).hexdigest()
    assert digest == "06ec5af144482874"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(single_step_families()) - 1), st.integers(0, 2**32))
def test_whatever_one_step_does_is_found_to_be_one_step(number: int, seed: int) -> None:
    family, rng = single_step_families()[number], random.Random(seed)
    n_train, n_test = how_many(rng)
    draw = new_draw(rng, family, 100, MAX_SIDE)
    pairs = clear_pairs([fill(rng, family, draw.params)], family.scene, draw, n_train, n_test, 600)
    if pairs is not None:
        assert one_step_explains(pairs[:n_train])


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_what_the_novice_is_shown_is_one_known_step(pretraining_pairs: frozenset[str], seed: int) -> None:
    made = draw_single_step(random.Random(seed), Stage(1.0, 10, 400))
    assert made.parent_body is None
    assert made.family in {one.name for one in shown_families()}
    text = made.body.removeprefix("    return ").strip().replace("grid", "$")
    assert not any(re.fullmatch(re.escape(one).replace("_", r"\d+"), text) for one in held_out_concepts())
    assert one_step_explains([(np.array(x), np.array(y)) for x, y in made.train])
    assert pretraining_pairs.isdisjoint(map(canonical_json, made.train + made.test))


@pytest.fixture(scope="module")
def pretraining_pairs() -> frozenset[str]:
    """Pairs of the smallest set; the novice's draws leave out those of all three."""
    tasks = [*composed_tasks("held-out-concepts", "train"), *composed_tasks("held-out-concepts", "held-out")]
    return frozenset(canonical_json([one.input, one.output]) for task in tasks for one in task.train + task.test)


def check_set(kind: str) -> None:
    train, held_out = (soar.load_tasks(f"gym/{kind}/{split}") for split in ("train", "held-out"))
    assert (len(train), len(held_out)) == (400, 200)
    assert overlap(train, held_out) == []
    inputs = [canonical_json(x.input) for task in (*train.values(), *held_out.values()) for x in task.train + task.test]
    assert len(set(inputs)) == len(inputs)
    for task in (*train.values(), *held_out.values()):
        pairs = pairs_of(task)
        assert explains(str(task.metadata["program"]), pairs)
        assert all(max(grid.shape) <= MAX_SIDE for pair in pairs for grid in pair)


def test_held_out_concepts_are_fit_and_of_held_out_families() -> None:
    check_set("held-out-concepts")
    tasks = soar.load_tasks("gym/held-out-concepts/train")
    assert {task.metadata["family"] for task in tasks.values()} == {one.name for one in held_out_families()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "steps", "digest"), [("two-step", 2, "033eab955e56a289"), ("three-step", 3, "9304d274364a476f")]
)
def test_composed_tasks_need_each_step_and_more_than_one(kind: str, steps: int, digest: str) -> None:
    check_set(kind)
    tasks = [*soar.load_tasks(f"gym/{kind}/train").values(), *soar.load_tasks(f"gym/{kind}/held-out").values()]
    assert len({task.metadata["program"] for task in tasks}) == len(tasks)
    shown = {one.name for one in shown_families()}
    for task in tasks:
        names, pairs = str(task.metadata["family"]).split("+"), pairs_of(task)[: len(task.train)]
        asked = pairs_of(task)[len(task.train) :]
        assert len(names) == steps and set(names) <= shown
        assert not one_step_explains(pairs) and not one_step_explains(asked)
        lines = steps_of(task)
        if len(lines) == steps:  # no step has lines of its own
            less = [body_of(lines[:i] + lines[i + 1 :]) for i in range(steps)]
            assert not any(explains(body, pairs) or explains(body, asked) for body in less)
    here = [task.content_hash for task in soar.load_tasks(f"gym/{kind}/held-out").values()]
    command = [sys.executable, "-c", HASHES, f"gym/{kind}/held-out"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == str(here)
    assert hashlib.blake2b(canonical_json(here).encode(), digest_size=8).hexdigest() == digest


@given(st.integers(0, 2**32), st.sampled_from(["two-step", "three-step"]))
def test_steps_are_of_shown_families_and_later_ones_fit_any_grid(seed: int, kind: str) -> None:
    first, *later = _families(random.Random(seed), kind, 0)
    assert {first.name, *(one.name for one in later)} <= {one.name for one in shown_families()}
    assert all(one.follow > 0 for one in later)


@pytest.mark.parametrize("name", ["gym/two-step", "gym/two-steps/train", "gym/three-step/test"])
def test_other_names_are_unknown_and_the_nearest_is_named(name: str) -> None:
    with pytest.raises(UnknownSourceError, match="nearest: gym/t"):
        soar.load_tasks(name)
