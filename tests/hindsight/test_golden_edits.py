"""Golden solutions and edit traces of a search: what is chosen, by which rule, from which outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soar
from soar.hindsight import DatasetError, make_edits, make_golden
from soar.hindsight.edits import BEST, TIE, Edit, Version, best_children
from soar.models.mini import MiniModel
from soar.tasks.sets import TaskSet


@pytest.fixture(scope="module")
def tasks() -> TaskSet:
    return soar.load_tasks("gym/domain-1/train")[:5]


@pytest.fixture(scope="module")
def run(mini: MiniModel, tasks: TaskSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden") / "run"
    soar.search(tasks, mini, run=folder, samples=24, refinements=8, islands=1)
    return folder


def test_the_shortest_right_program_is_golden(run: Path, tasks: TaskSet) -> None:
    made = make_golden(run)
    results = soar.load_run(run)
    solved = {}
    for name, result in results.items():
        tests = tasks[name].test
        right = [
            one
            for one in result.attempts
            if one.eligible and one.failure is None and one.solves_examples
            and all(tasks[name].right(did.value, example.output) for did, example in zip(one.test, tests, strict=True))
        ]  # fmt: skip
        if right:
            solved[name] = min(len(one.program.source) for one in right if one.program)
    assert set(made["task_id"]) == set(solved) and len(solved) > 1
    for row in made:
        assert len(row["program"]) <= solved[row["task_id"]] and row["found"] == "archive" and row["raw"]
        assert row["prefill"] + row["completion"] == row["program"]
        examples = json.loads(row["examples"])
        task = tasks[row["task_id"]]
        assert examples["train"] == [one.to_json() for one in task.train] and examples.keys() == {"train", "tolerance"}
    assert make_golden(run).to_list() == made.to_list()


def test_a_program_can_be_given_and_must_be_right(run: Path, tasks: TaskSet) -> None:
    made = make_golden(run)
    row = made[0]
    start = row["prefill"]
    given = {id: start + str(task.metadata["program"]) for id, task in tasks.items()}
    every = make_golden(run, programs=given)
    assert every["task_id"] == list(tasks) and set(every["found"]) == {"given"}
    with pytest.raises(DatasetError, match=f"given for task {row['task_id']} is not right"):
        make_golden(run, programs={row["task_id"]: start + "    return grid[:1, :1]\n"})


def test_edits_gain_and_are_few(run: Path, tasks: TaskSet) -> None:
    for source in ("refinements", "samples"):
        made = make_edits(run, source=source, per_task=4)
        assert made.to_list() == make_edits(run, source=source, per_task=4).to_list()
        assert all(row["gain"] > 0 and row["gain"] == row["reward"] - row["parent_reward"] for row in made)
        counts = [made["task_id"].count(name) for name in tasks]
        assert max(counts) <= 4
        for row in made:
            (parent,) = row["parents"]
            text = "".join(message["content"] for message in row["prompt"]) + row["prefill"]
            assert row["prefill"] + row["completion"] == row["program"] != parent
            assert parent.removeprefix(row["prefill"]).strip() in text
    assert len(make_edits(run, source="samples")) > len(make_edits(run, source="samples", per_task=1)) > 0
    assert set(make_edits(run, source="samples", seed=1)["program"])
    with pytest.raises(DatasetError, match="source is one of refinements, samples"):
        make_edits(run, source="pairs")  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.floats(-1, 1), st.frozensets(st.integers(0, 3))), max_size=12))
def test_of_a_parents_children_those_that_gain_most_stay(children: list[tuple[float, frozenset[int]]]) -> None:
    parent = Version((0, 0), "", "", 0.0, frozenset())
    edits = [Edit(parent, Version((0, i + 1), "", "", gain, solved)) for i, (gain, solved) in enumerate(children)]
    kept = best_children(edits)
    better = sorted((one.gain for one in edits if one.gain > 0), reverse=True)
    assert len(kept) == min(BEST, len(better)) and all(one.gain > 0 for one in kept)
    for place, one in enumerate(kept):
        left = [each for each in edits if each.gain > 0 and each not in kept[:place]]
        alike = [each for each in left if max(o.gain for o in left) - each.gain <= TIE]
        covered = frozenset().union(*(each.child.solved for each in kept[:place]))
        assert one in alike
        assert len(one.child.solved - covered) == max(len(each.child.solved - covered) for each in alike)
