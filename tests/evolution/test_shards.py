from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soar
from soar.evolution.config import ConfigError
from soar.evolution.shards import Happening, Shard, place, split
from soar.tasks.task import Task
from tests.search_support import content

SMALL: dict[str, Any] = {"samples": 4, "refinements": 4, "workers": 1, "progress": False}
TASKS = soar.load_tasks("gym/domain-1/train")[:4]


class Here:
    """A backend that runs one shard after another in this process."""

    def __init__(self, shards: int) -> None:
        self.shards = shards

    def map(self, shards: Sequence[Shard]) -> Generator[Happening, None, None]:
        """Search them."""
        for shard in shards:
            shard.search()
            yield Happening("ended", shard=shard)


@given(st.lists(st.integers(0, 5), max_size=20), st.integers(1, 7))
def test_every_task_is_in_one_shard_and_twins_are_together(contents: list[int], count: int) -> None:
    tasks = {
        f"t{i}": Task.from_json(f"t{i}", {"train": [{"input": [[one]], "output": [[0]]}], "test": [{"input": [[one]]}]})
        for i, one in enumerate(contents)
    }
    shards = split(tasks, count)
    assert sorted(task.id for some in shards for task in some) == sorted(tasks)
    homes = {(task.content_hash, number) for number, some in enumerate(shards) for task in some}
    assert len(homes) == len({hash for hash, _ in homes})
    distinct = [len({task.content_hash for task in some}) for some in shards]
    assert max(distinct) - min(distinct) <= 1


def test_shards_merged_are_the_search_of_all(tmp_path: Path) -> None:
    whole = soar.search(TASKS, "mini", run=tmp_path / "whole", **SMALL)
    parts = soar.search(TASKS, "mini", run=tmp_path / "parts", backend=Here(3), **SMALL)
    assert parts.to_json() == whole.to_json() and list(parts) == list(whole)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")
    lines = [line for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines() if '"task"' in line]
    again = soar.search(TASKS, "mini", run=tmp_path / "parts", backend=Here(3), **SMALL)
    assert again.to_json() == whole.to_json()
    assert [one for one in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines() if '"task"' in one] == lines
    with pytest.raises(ConfigError, match="was divided into 3 shards: give 3 again"):
        soar.search(TASKS, "mini", run=tmp_path / "parts", backend=Here(2), **SMALL)


def test_what_stops_a_search_is_asked_about_all_shards(tmp_path: Path) -> None:
    found = soar.search(TASKS, "mini", run=tmp_path, backend=Here(2), stop=soar.Programs(3), **SMALL)
    assert found.stopped is not None and 0 < found.summary.completions < 4 * 8
    assert not place(tmp_path, 2, 2).joinpath("archive.sqlite").exists()
    rest = soar.search(TASKS, "mini", run=tmp_path, backend=Here(2), **SMALL)
    assert rest.stopped is None and rest.summary.completions == 4 * 8


def test_snapshots_count_all_shards(tmp_path: Path) -> None:
    options = {name: value for name, value in SMALL.items() if name != "progress"}
    shots = list(soar.search_iter(TASKS, "mini", run=tmp_path, backend=Here(4), **options))
    assert [one.tasks_done for one in shots] == [1, 2, 3, 4, 4]
    assert shots[-1].completions == shots[-1].budget == 32 and shots[-1].results is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budget": "adaptive", "run": "run"}, "cannot share a budget"),
        ({}, "give the model's name, and a run folder"),
        ({"model": soar.ScriptedModel([]), "run": "run"}, "give the model's name, and a run folder"),
    ],
)
def test_what_shards_cannot_do_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said):
        soar.search(TASKS, backend=Here(2), **{"model": "mini"} | SMALL | options)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_loop_whose_searches_are_sharded_ends_in_the_same_weights(tmp_path: Path) -> None:
    options: dict[str, Any] = {"iterations": 1, "samples": 8, "refinements": 2, "workers": 1, "progress": False}
    held_out = soar.load_tasks("gym/domain-1/held-out")[:2]
    whole = soar.iterate(TASKS, held_out=held_out, run=tmp_path / "whole", **options)
    parts = soar.iterate(TASKS, held_out=held_out, run=tmp_path / "parts", backend=Here(2), **options)
    weights = [
        (tmp_path / run / "iteration-0/adapter/adapter_model.safetensors").read_bytes() for run in ("whole", "parts")
    ]
    assert weights[0] == weights[1]
    assert [row[:-2] for row in parts.table()] == [row[:-2] for row in whole.table()]  # but for minutes
