"""Domains: made anew from their number alone, and fit to tell learning from luck."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import soar
from soar.tasks.gym.domains import FAMILIES_PER_DOMAIN, families_of
from soar.tasks.gym.generator import run
from soar.tasks.sets import UnknownSourceError, overlap
from soar.tasks.values import canonical_json

HASHES = "import soar, sys; print([task.content_hash for task in soar.load_tasks(sys.argv[1]).values()])"


def test_a_domain_is_made_from_its_number_alone() -> None:
    name = "gym/domain-2/held-out"
    here = [task.content_hash for task in soar.load_tasks(name).values()]
    there = subprocess.run([sys.executable, "-c", HASHES, name], capture_output=True, text=True, check=True).stdout
    assert str(here) == there.strip()
    digest = hashlib.blake2b(canonical_json(here).encode(), digest_size=8).hexdigest()
    assert digest == "f2192052080b481a"


@pytest.mark.parametrize("number", [1, 4])
def test_no_pair_is_shared_and_every_task_has_its_rule(number: int) -> None:
    train, held_out = (soar.load_tasks(f"gym/domain-{number}/{half}") for half in ("train", "held-out"))
    assert len(train) == len(held_out) == 200
    assert overlap(train, held_out) == []
    inputs = [
        canonical_json(one.input) for task in (*train.values(), *held_out.values()) for one in task.train + task.test
    ]
    assert len(set(inputs)) == len(inputs)
    for task in (*train.values(), *held_out.values()):
        for example in task.train + task.test:
            output = run(str(task.metadata["program"]), np.array(example.input))
            assert output is not None and output.tolist() == example.output
            assert max(len(example.input), len(example.input[0])) <= 10  # type: ignore[arg-type, index]


def test_halves_have_the_same_dozen_kinds_of_task() -> None:
    train, held_out = (soar.load_tasks(f"gym/domain-3/{half}") for half in ("train", "held-out"))
    kinds = Counter(task.metadata["family"] for task in train.values())
    assert (
        kinds.keys() == {task.metadata["family"] for task in held_out.values()} == {one.name for one in families_of(3)}
    )
    assert len(kinds) == FAMILIES_PER_DOMAIN and max(kinds.values()) - min(kinds.values()) <= 1


def test_domains_differ() -> None:
    assert {one.name for one in families_of(1)} != {one.name for one in families_of(5)}
    assert overlap(soar.load_tasks("gym/domain-1/train"), soar.load_tasks("gym/domain-5/train")) == []


def test_what_is_known_of_a_task_goes_with_its_answers() -> None:
    task = soar.load_tasks("gym/domain-1/train")[0]
    assert task.metadata and not task.without_test_outputs().metadata
    assert soar.Task.from_json(task.id, task.to_json()).metadata == task.metadata


@pytest.mark.parametrize("name", ["gym/domain-0/train", "gym/domain-1/test", "gym/domain-x/train", "gym/domain-1"])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownSourceError, match="nearest: gym/domain-1"):
        soar.load_tasks(name)
