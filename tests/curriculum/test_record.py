"""The difficulty record: what it does with scripted rewards, and its file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.curriculum import CurriculumError, Record, read_record
from tests.curriculum.support import drawn

TASKS = ("easy", "hard", "middle")


def visit(record: Record, task: str, rewards: list[float], times: int = 1) -> str:
    for _ in range(times):
        record.update(task, rewards)
    return str(record.entries[task]["state"])


def test_it_retires_what_is_saturated_and_opens_it_again() -> None:
    record = Record(TASKS, patience=3, recheck=0.1)
    assert visit(record, "easy", [1.0] * 8, 2) == "open"
    assert visit(record, "easy", [1.0] * 7 + [0.9]) == "saturated"
    counts = [drawn(record, 4000).count(task) for task in TASKS]
    assert 300 < counts[0] < 500 and abs(counts[1] - counts[2]) < 300  # a tenth of the draws; the rest in halves
    assert visit(record, "easy", [1.0, 0.0]) == "open"


def test_a_high_mean_at_high_variance_is_not_saturated() -> None:
    record = Record(TASKS, patience=1)
    assert visit(record, "easy", [1.0] * 5 + [0.0], 5) == "open"  # mean 0.83, variance 0.14
    assert visit(record, "easy", [0.9] * 6) == "saturated"


def test_it_boosts_what_is_hard_and_expires_what_stays_dry() -> None:
    record = Record(TASKS, boost=4, dry=3, recheck=0)
    assert visit(record, "hard", [0.0] * 8) == "hard"
    counts = [drawn(record, 6000).count(task) for task in TASKS]
    assert 0.6 < counts[1] / 6000 < 0.73  # four of six
    assert visit(record, "hard", [0.0] * 7 + [1.0]) == "open"
    assert visit(record, "hard", [0.0] * 8, 3) == "dry"
    assert "hard" not in drawn(record, 500) and record.starves
    assert visit(record, "hard", [1.0, 0.0]) == "open"


def test_the_notes_never_expire_and_never_look_back() -> None:
    record = Record.notes(TASKS)
    assert visit(record, "hard", [0.0], 100) == "hard"
    assert visit(record, "easy", [1.0], 3) == "saturated"
    assert "easy" not in drawn(record, 1000)


def test_with_everything_set_aside_there_is_still_a_draw() -> None:
    record = Record(["one"], recheck=0)
    assert visit(record, "one", [1.0], 3) == "saturated" and drawn(record, 3) == ["one"] * 3


def test_the_file_says_what_the_record_knows_and_is_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "difficulty.json"
    record = Record(TASKS, path)
    for task, rewards in (("easy", [1.0, 1.0]), ("hard", [0.0, 0.0]), ("easy", [1.0, 0.0])):
        record.update(task, rewards)
        assert json.loads(path.read_text()) == record.entries
    entry = json.loads(path.read_text())["easy"]
    assert entry["visits"] == 2 and entry["mean"] == pytest.approx(0.85) and entry["variance"] == pytest.approx(0.075)
    again = Record(TASKS, path)
    assert again.state_dict() == record.state_dict() and drawn(again, 20) == drawn(record, 20)
    older = Record(TASKS).state_dict()
    record.load_state_dict(older)
    assert json.loads(path.read_text())["easy"]["visits"] == 0  # the file follows the state


def test_a_file_of_other_tasks_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "difficulty.json"
    Record(["easy", "other"], path).update("easy", [1.0])
    with pytest.raises(CurriculumError, match="other tasks") as error:
        Record(TASKS, path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    for text in ("{", "[]", '{"easy": 3}', '{"easy": {"mean": 1}}'):
        path.write_text(text)
        with pytest.raises(CurriculumError, match="no difficulty record"):
            read_record(path, TASKS)


@given(st.lists(st.tuples(st.sampled_from(TASKS), st.lists(st.floats(0, 1), min_size=1, max_size=5)), max_size=30))
@settings(deadline=None)
def test_entries_follow_from_the_rewards(visits: list[tuple[str, list[float]]]) -> None:
    record = Record(TASKS)
    for task, rewards in visits:
        record.update(task, rewards)
    for task, entry in record.entries.items():
        mine = [rewards for one, rewards in visits if one == task]
        assert entry["visits"] == len(mine) == record.visits[task]
        assert -1e-9 <= entry["mean"] <= 1 + 1e-9 and -1e-9 <= entry["variance"] <= 0.25 + 1e-9
        assert (entry["state"] == "new") == (not mine)
        if mine and entry["state"] in ("dry", "hard"):
            assert np.mean(mine[-1]) < record.hard
