from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soar
from soar.archive.records import Grant
from soar.archive.writer import ArchiveWriter
from soar.curriculum import TEACHERS, CurriculumError, Known, Prospects, Uniform
from soar.evolution.allocator import BudgetAllocator, make_budget
from soar.evolution.budget import FixedBudget, TaskState
from soar.evolution.config import BUDGET_OF_TEACHER, BudgetName, ConfigError, SearchConfig
from soar.evolution.stopping import Programs
from soar.evolution.teacher_budget import TeacherBudget, further
from soar.models.scripted import ScriptedModel
from tests.evolution.test_budget import decisions, uneven
from tests.search_support import content, make_task, script

TASKS = {f"t{i}": make_task(f"t{i}", i) for i in range(6)}
OPTIONS = {"samples": 16, "refinements": 8, "samples_per_request": 8, "workers": 1, "seed": 2}
NAMES = [name for name in get_args(BudgetName) if name.startswith(BUDGET_OF_TEACHER)]
BY_HASH = {task.content_hash: task.without_test_outputs() for task in TASKS.values()}


def played(name: str, config: SearchConfig, seed: int, stop_early: bool = False) -> dict[str, Grant]:
    """What each task was granted in the end, where rewards are luck that a task has."""
    budget = make_budget(config, BY_HASH)
    totals, states = dict.fromkeys(BY_HASH, Grant()), [dict[str, TaskState]()]
    luck = {task: place / len(BY_HASH) for place, task in enumerate(BY_HASH)}
    for number in range(10_000):
        known = states[number - 1] if number >= 2 else {}
        more = budget.grant(number, config, totals, known, np.random.default_rng([seed, number]))
        if not more and number:
            return totals
        totals = totals | {task: totals[task] + grant for task, grant in more.items()}
        rng = np.random.default_rng([seed, number, 1])
        rewards = {task: tuple(float(rng.random() < luck[task]) for _ in range(more.get(task, Grant()).total))
                   for task in BY_HASH}  # fmt: skip
        made = {task: had.total - (stop_early and had.total > 8) for task, had in totals.items()}
        states.append({task: TaskState(made[task], had, 0.0, 0, rewards[task]) for task, had in totals.items()})
    raise AssertionError("it never ended")


def test_budgets_name_teachers_that_exist() -> None:
    named = {name.removeprefix(BUDGET_OF_TEACHER) for name in NAMES}
    assert named == TEACHERS.keys() - {"rps", "eps", "ttc"}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(samples=st.integers(0, 40), refinements=st.integers(0, 40), seed=st.integers(0, 99))
def test_teachers_hand_out_the_whole_budget(name: str, samples: int, refinements: int, seed: int) -> None:
    config = SearchConfig.of({"samples": samples, "refinements": refinements, "budget": name})
    totals = played(name, config, seed)
    given_out, whole = sum(one.total for one in totals.values()), len(BY_HASH) * (samples + refinements)
    if name in ("teacher:prospects", "teacher:dsc"):  # these end once no task is open
        assert given_out <= whole
    elif name != "teacher:knapsack" or whole > 1:  # two rollouts at least
        assert given_out == whole
    if not refinements:
        assert all(one.refinements == 0 for one in totals.values())
    if not samples:
        assert all(one.samples == 0 for one in totals.values())


def test_what_early_stop_leaves_is_handed_out_and_no_more() -> None:
    config = SearchConfig.of({"samples": 32, "refinements": 0, "budget": "teacher:uniform"})
    totals = played("teacher:uniform", config, 0, stop_early=True)
    assert 0 <= sum(one.total - 1 for one in totals.values()) - (6 * 32 - 6) <= 6


@given(samples=st.integers(0, 50), refinements=st.integers(0, 50), parts=st.lists(st.integers(0, 40), max_size=12))
def test_in_parts_or_at_once_it_is_the_same(samples: int, refinements: int, parts: list[int]) -> None:
    config = SearchConfig.of({"samples": samples, "refinements": max(refinements, 1 - samples)})
    had = Grant()
    for count in parts:
        more = further(had, count, config)
        assert more.total == count and min(more.samples, more.refinements) >= 0
        had += more
    assert had == further(Grant(), sum(parts), config)
    even = Grant(config.samples, config.refinements)
    assert further(Grant(), even.total, config) == even and further(even, even.total, config) == even


@pytest.mark.parametrize("name", ["prospects", "sec"])
def test_a_search_by_a_teacher_ends_the_same_at_any_concurrency_and_after_stops(tmp_path: Path, name: str) -> None:
    options = OPTIONS | {"budget": f"teacher:{name}", "early_stop": 12}
    for concurrency in (1, 8):
        model = ScriptedModel(script, latency=lambda rng: rng.random() * 0.005)
        soar.search(TASKS, model, run=tmp_path / str(concurrency), concurrency=concurrency, **options)
    for programs in range(20, 140, 30):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", stop=Programs(programs), **options)
    *_, last = soar.search_iter(TASKS, ScriptedModel(script), run=tmp_path / "cut", **options)
    assert decisions(tmp_path / "1") == decisions(tmp_path / "8") == decisions(tmp_path / "cut")
    assert content(tmp_path / "1") == content(tmp_path / "8") == content(tmp_path / "cut")
    assert len({number for number, *_ in decisions(tmp_path / "1")}) > 2
    assert last.results is not None and last.completions == last.results.summary.completions <= 6 * 24


KILLED = """
import os, sys
import soar
from soar.evolution.requests import Requests
from tests.evolution.test_teacher_budget import OPTIONS, TASKS
from tests.search_support import script
run, budget, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
filled = Requests.fill
async def fill(self, *args):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
    return await filled(self, *args)
Requests.fill = fill
soar.search(TASKS, soar.ScriptedModel(script), run=run, budget=budget, **OPTIONS)
"""


def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    def started(run: str, requests: int) -> int:
        code = [sys.executable, "-c", KILLED, str(tmp_path / run), "teacher:prospects", str(requests)]
        return subprocess.run(code, env=environment, cwd=Path(__file__).parents[2]).returncode

    assert started("whole", -1) == 0
    assert [started("killed", 9) for _ in range(2)] == [-signal.SIGKILL] * 2
    assert started("killed", -1) == 0
    assert decisions(tmp_path / "killed") == decisions(tmp_path / "whole")
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_teacher_sees_no_test_output(tmp_path: Path) -> None:
    bare = {id: task.without_test_outputs() for id, task in TASKS.items()}
    for name, tasks in (("with", TASKS), ("without", bare)):
        soar.search(tasks, ScriptedModel(script), run=tmp_path / name, budget="teacher:record", **OPTIONS)
    assert decisions(tmp_path / "with") == decisions(tmp_path / "without")


def test_prospects_leave_solved_tasks_alone_and_go_on_with_others(tmp_path: Path) -> None:
    options = OPTIONS | {"refinements": 0, "budget": TeacherBudget(_prospects, draws=2)}
    results = soar.search(TASKS, ScriptedModel(uneven), run=tmp_path, **options)
    made = {id: result.stats.completions for id, result in results.items()}
    solved = [made[id] for id in TASKS if int(id[1]) % 3 < 2]
    hopeless = [made[id] for id in TASKS if int(id[1]) % 3 == 2]
    assert max(solved) < 16 < min(hopeless) and sum(made.values()) <= 6 * 16


def _prospects(known: Known) -> Prospects:
    return Prospects(dict(known.difficulty or {}), first=4, most=2 * known.share)


class Watched(Uniform):
    """Writes down what it is told."""

    told: ClassVar[list[tuple[str, tuple[float, ...]]]] = []

    def update(self, task: str, rewards: object) -> None:
        super().update(task, rewards)  # type: ignore[arg-type]
        self.told.append((task, tuple(rewards)))  # type: ignore[arg-type]


def test_a_search_that_goes_on_tells_the_teacher_again_what_it_was_told(tmp_path: Path) -> None:
    options = OPTIONS | {"budget": TeacherBudget(lambda known: Watched(known.tasks))}
    Watched.told.clear()
    soar.search(TASKS, ScriptedModel(script), run=tmp_path, **options)
    once = list(Watched.told)
    assert once and {task for task, _ in once} <= {task.content_hash for task in TASKS.values()}
    Watched.told.clear()
    soar.search(TASKS, ScriptedModel(script), run=tmp_path, **(options | {"samples": 24}))
    assert Watched.told[: len(once)] == once and len(Watched.told) > len(once)


def test_an_object_is_copied_for_each_search(tmp_path: Path) -> None:
    budget = TeacherBudget()
    options = OPTIONS | {"budget": budget}
    for name in ("a", "b"):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path / name, **options)
    assert decisions(tmp_path / "a") == decisions(tmp_path / "b") and budget._teacher is None


def test_bad_input_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(ConfigError, match="'teacher:prospects', or an object with a method grant"):
        soar.search(TASKS, ScriptedModel(script), run=run, budget="teacher:prospect", **OPTIONS)
    with pytest.raises(CurriculumError, match="5 groups by difficulty, and there are 3: give more tasks, or take"):
        few = dict(list(TASKS.items())[:3])
        soar.search(few, ScriptedModel(script), run=run, budget="teacher:sec", **OPTIONS)
    with pytest.raises(ConfigError, match="a round of 0 draws"):
        TeacherBudget(draws=0)
    assert not run.exists() or not (run / "config.json").exists()


class Numbers(FixedBudget):
    """Grants numbers instead of grants."""

    def grant(self, number: int, config: SearchConfig, granted: Mapping[str, Grant], *rest: object) -> dict[str, Grant]:
        return dict.fromkeys(granted, 8)  # type: ignore[arg-type]


def test_a_budget_that_grants_numbers_is_told_what_to_grant(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"grants soar.Grant\(samples, refinements\), each 0 or more, not 8"):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path, budget=Numbers(), **OPTIONS)


def test_decisions_of_tasks_that_are_not_searched_now_change_nothing(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "archive.sqlite") as archive:
        archive.decide(0, 0, {"here": Grant(2, 1), "elsewhere": Grant(5, 5)})
        allocator = BudgetAllocator(FixedBudget(), ["here"], archive, SearchConfig.of(OPTIONS), lambda: False)
    assert json.dumps([sorted(one) for one in allocator.totals]) == '[["here"], ["here"]]'
    assert allocator.totals[-1]["here"] == Grant(2, 1)
