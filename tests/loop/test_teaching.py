"""A teacher in the loop: what it searches, which rows it draws, and that a kill changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import soar
from soar.curriculum import TEACHERS, CurriculumError, Record, Uniform, draw_rows
from soar.evolution.results import load_run
from soar.evolution.stopping import Programs
from soar.loop.config import LoopConfig, LoopError, LoopFolder, TeacherName, separate
from soar.loop.loop import iterate_iter
from soar.loop.report import load_report
from soar.loop.teaching import RECORD, LoopTeacher
from soar.models.scripted import ScriptedModel
from tests.evolution.test_budget import uneven
from tests.search_support import content, make_task

TASKS = {f"t{i}": make_task(f"t{i}", i) for i in range(6)}
OTHERS = {f"other{i}": make_task(f"other{i}", 10 + i) for i in range(3)}
OPTIONS: dict[str, Any] = {"samples": 24, "refinements": 0, "samples_per_request": 8, "workers": 1, "seed": 2}


def teacher_of(folder: Path, name: str) -> LoopTeacher:
    config = LoopConfig.of({**OPTIONS, "teacher": name})
    found = LoopTeacher.of(config, LoopFolder(folder), separate(TASKS, None, OTHERS))
    assert found is not None
    return found


def searched(folder: Path, name: str, number: int, stops: tuple[int, ...] = ()) -> None:
    """Search as the loop does, and let the teacher learn from it."""
    folder.mkdir(exist_ok=True)
    teacher = teacher_of(folder, name)
    for programs in (*stops, None):
        stop = None if programs is None else Programs(programs)
        budget = teacher.budget(number)
        soar.search(TASKS, ScriptedModel(uneven), run=folder, stop=stop, iteration=number, budget=budget, **OPTIONS)
    teacher.learn(number)


def test_loops_name_teachers_that_exist() -> None:
    assert set(get_args(TeacherName)) == TEACHERS.keys() - {"rps", "eps"}


@pytest.mark.parametrize("name", ["record", "sec"])
def test_stopped_and_gone_on_it_is_the_same(tmp_path: Path, name: str) -> None:
    for folder, stops in ((tmp_path / "left", ()), (tmp_path / "cut", (20, 70))):
        for number in range(2):
            searched(folder, name, number, stops)
    assert content(tmp_path / "left") == content(tmp_path / "cut")
    for file in (RECORD, "iteration-0/teacher.json", "iteration-1/teacher.json"):
        assert (tmp_path / "left" / file).read_text() == (tmp_path / "cut" / file).read_text()


def test_the_record_is_readable_while_a_search_runs_and_goes_on_in_the_next(tmp_path: Path) -> None:
    seen = []
    teacher = teacher_of(tmp_path, "sec")
    for _ in soar.search_iter(TASKS, ScriptedModel(uneven), run=tmp_path, budget=teacher.budget(0), **OPTIONS):
        if (tmp_path / RECORD).exists():
            seen.append(sum(entry["visits"] for entry in json.loads((tmp_path / RECORD).read_text()).values()))
    assert seen == sorted(seen) and len(set(seen)) > 3
    teacher.learn(0)
    before = json.loads((tmp_path / RECORD).read_text())
    assert list(before) == list(TASKS) and sum(entry["visits"] for entry in before.values()) == 6 * 24 / 4
    searched(tmp_path, "sec", 1)
    after = json.loads((tmp_path / RECORD).read_text())
    assert sum(entry["visits"] for entry in after.values()) == 2 * 6 * 24 / 4


def test_what_is_retired_or_expired_is_hardly_searched_again(tmp_path: Path) -> None:
    for number in range(3):
        searched(tmp_path, "record-notes", number)
    state = json.loads((tmp_path / "iteration-1" / "teacher.json").read_text())
    aside = {task for task, entry in state["record"]["state"]["entries"].items() if entry["state"] == "saturated"}
    made = {id: len(result.attempts) for id, result in load_run(tmp_path, 2).items()}
    assert sum(made.values()) == 6 * 24
    for task in aside:
        assert made[task] == 0
    hard = [made[id] for id in TASKS if int(id[1]) % 3 == 2]  # never solved: boosted for ever
    assert min(hard) > 24


def test_rows_of_what_a_teacher_does_not_draw_are_left_out(tmp_path: Path) -> None:
    for number in range(2):
        searched(tmp_path, "record", number)
    dataset, report = soar.make_dataset(tmp_path, iteration="all", selection="correct-only", per_task=4)
    whole = len(dataset)
    teacher = teacher_of(tmp_path, "record")
    kept, report = teacher.drawn(1, dataset, report)
    again, _ = teacher.drawn(1, dataset, report)
    assert kept.to_list() == again.to_list() and 0 < len(kept) <= whole
    assert report.options["drawn"] == f"{len(kept)} of {whole} rows by teacher record"
    assert report.rows["sample"] == len(kept)
    (tmp_path / "loop.json").write_text("{}")
    report_of = load_report(tmp_path)
    assert [counts["searched"] for counts in report_of.difficulty.values()] == [6, 6]
    assert "search 1, of 6 tasks; difficulty record:" in str(report_of)
    assert sum(count for name, count in report_of.difficulty[1].items() if name != "searched") == len(TASKS)


def test_draws_of_rows() -> None:
    owners = [f"t{place % 5}" for place in range(40)]
    every = draw_rows(Uniform(TASKS), np.random.default_rng(0), owners)
    assert every == sorted(set(every)) and len(every) > 35  # t5 has no rows, and takes none from others
    record = Record(TASKS, recheck=0.0)
    for _ in range(3):
        record.update("t0", [1.0, 1.0])
    assert {owners[row] for row in draw_rows(record, np.random.default_rng(0), owners)} == {"t1", "t2", "t3", "t4"}
    assert draw_rows(record, np.random.default_rng(0), ["t0"] * 4) == []  # it ends where no draw helps
    assert draw_rows(record, np.random.default_rng(0), []) == []


def test_bad_input_is_one_line_before_anything_is_made(tmp_path: Path) -> None:
    run = tmp_path / "loop"
    with pytest.raises(soar.ConfigError, match="teacher: Input should be 'uniform', 'record'"):
        next(iterate_iter(TASKS, run=run, teacher="rekord"))
    with pytest.raises(CurriculumError, match="5 groups by difficulty, and there are 3: give more tasks"):
        next(iterate_iter(OTHERS, run=run, teacher="sec"))
    with pytest.raises(LoopError, match="ttc takes the tasks nearest to the targets: pass target"):
        next(iterate_iter(TASKS, run=run, teacher="ttc"))
    assert not run.exists()
    run.mkdir()
    Record(OTHERS, run / RECORD).write()
    with pytest.raises(CurriculumError, match=r"difficulty.json is of other tasks \(lacks 't0'"):
        searched(run, "sec", 0)


def test_target_tasks_choose_what_is_searched(tmp_path: Path) -> None:
    many = {f"t{i}": make_task(f"t{i}", i) for i in range(8)}
    config = LoopConfig.of({**OPTIONS, "teacher": "ttc"})
    teacher = LoopTeacher.of(config, LoopFolder(tmp_path), separate(many, None, OTHERS))
    assert teacher is not None
    soar.search(many, ScriptedModel(uneven), run=tmp_path, budget=teacher.budget(0), **OPTIONS)
    made = [len(result.attempts) for result in load_run(tmp_path).values()]
    assert sum(map(bool, made)) == 2 and sum(made) == 8 * 24
