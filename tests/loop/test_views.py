from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import soar
from soar.evolution.results import load_run
from soar.loop.config import LoopConfig, loop_rows
from soar.loop.history import Round
from soar.loop.report import LoopReport


@pytest.fixture
def report(two_rounds: Path) -> LoopReport:
    rows = {"rows": {"sample": 1234, "refine": 1234}}
    minutes = {"search": 11.25, "hindsight": 10.5, "training": 120.0}
    rounds = [Round("training", n, soar.evaluate(load_run(two_rounds, n)), rows, minutes) for n in (0, 1)]
    joint = {"training": rounds[0].evaluation}
    return LoopReport(two_rounds, tuple(rounds), joint, dict(joint), {"search 0": 1.0})


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_table_keeps_every_heading_and_cell_apart(report: LoopReport, width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(report)
    text = console.export_text()
    table = text[: text.index("solved: tasks")]
    assert "…" not in table and all(len(line.rstrip()) <= width for line in table.splitlines())
    for word in ("search", "solved", "vote,", "oracle", "pass@", "answers", "rows", "minutes", "1234+", "learning"):
        assert word in table.split() or any(word in one for one in table.split())
    if width == 200:
        assert "by the vote, %" in table and "1234+1234" in table and "training, no learning" in table


def test_the_table_has_different_answers_per_task(report: LoopReport) -> None:
    header, first, *_ = report.table()
    answers = report.rounds[0].evaluation.summary["unique_outputs"]
    assert answers is not None and first[header.index("answers")] == f"{answers.value:.1f}"


def test_rows_are_made_as_the_loop_in_the_folder_makes_them(tmp_path: Path) -> None:
    assert loop_rows([tmp_path]) == {}
    config = LoopConfig.for_model("mini", {"seed": 7, "hindsight": {"per_task": 3}})
    (tmp_path / "loop.json").write_text(json.dumps({"model": "mini", **config.model_dump(mode="json")}))
    assert loop_rows([tmp_path]) == config.hindsight.rows() | {"seed": 7}
    assert loop_rows([tmp_path])["selection"] == "correct-only" and loop_rows([tmp_path])["per_task"] == 3
    assert loop_rows([tmp_path / "other", tmp_path]) == {}
