"""The set-ups of the notes, as one line each reproduces them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from soar.curriculum import CurriculumError, Known, Record, Stages, eps, make_teacher, read_record, rps
from soar.training.config import TrainingConfig
from tests.curriculum.support import drawn

EASY, HARD = [f"easy-{i}" for i in range(400)], [f"hard-{i}" for i in range(250)]


def followed(teacher: Stages, visits: int) -> list[tuple[str, float]]:
    """Which task each visit takes, and what the rate is multiplied by then."""
    rng, found = np.random.default_rng(0), []
    for _ in range(visits):
        rate, task = teacher.rate, teacher.sample(rng)
        teacher.update(task, [0.5])
        found.append((task, rate))
    return found


def test_rps_and_eps_are_the_thousand_pairs_of_the_notes() -> None:
    """400 pairs of 400 easy tasks, then 600 of 250 hard ones, each twice or more; no replay."""
    base = TrainingConfig.for_model("hf:qwen3-8b", method="dpo")
    assert (base.sft_weight, base.learning_rate) == (1.0, 1e-5)  # the notes' RPO alpha
    staged, control = followed(rps(EASY, HARD), 1000), followed(eps(EASY, HARD), 1000)
    assert [task for task, _ in staged] == [task for task, _ in control]
    assert sorted(task for task, _ in staged[:400]) == sorted(EASY)
    times = Counter(task for task, _ in staged[400:])
    assert times.keys() == set(HARD) and set(times.values()) == {2, 3}
    assert [base.learning_rate * rate for _, rate in staged] == pytest.approx([1e-5] * 400 + [1e-6] * 600)
    assert [base.learning_rate * rate for _, rate in control] == pytest.approx([1e-5] * 1000)


def test_no_task_is_in_both_stages() -> None:
    with pytest.raises(CurriculumError, match="the task 'easy-0' comes twice"):
        rps(EASY, [*HARD, "easy-0"])


def test_the_record_of_the_notes_retires_above_80_percent_and_boosts_below_5(tmp_path: Path) -> None:
    tasks = ["mostly", "seldom", "never", "between"]
    record = Record.notes(tasks, tmp_path / "difficulty.json")
    for _ in range(30):  # groups of 32, as the notes have 32 to 64
        record.update("never", [1.0] * 1 + [0.0] * 31)  # 3%
        record.update("seldom", [1.0] * 2 + [0.0] * 30)  # 6%
        record.update("between", [1.0] * 25 + [0.0] * 7)  # 78%
        record.update("mostly", [1.0] * 29 + [0.0] * 3)  # 91%, at low variance
    kept = read_record(tmp_path / "difficulty.json", tasks)
    assert {task: entry["state"] for task, entry in kept.items()} == {
        "mostly": "saturated", "seldom": "open", "never": "hard", "between": "open",
    }  # fmt: skip
    counts = Counter(drawn(record, 6000))
    assert counts["mostly"] == 0 and counts["never"] > 3 * counts["seldom"] > 2 * counts["between"]


@pytest.mark.parametrize(("name", "groups"), [("sec", 5), ("dump", 5), ("alp", 5), ("rps", 2), ("eps", 2)])
def test_a_set_smaller_than_the_groups_is_told(name: str, groups: int) -> None:
    few = [f"t{i}" for i in range(groups - 1)]
    with pytest.raises(CurriculumError, match=f"into {groups} groups by difficulty, and there are {groups - 1}: give"):
        make_teacher(name, Known(few, dict.fromkeys(few, 0.5)))
