from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from soar.cli.evaluation import UsageError
from soar.cli.main import app
from soar.evaluation import Evaluation, evaluate
from soar.evolution.config import ConfigError
from soar.evolution.results import load_run
from tests.cli.test_cli import soar as command
from tests.search_support import TASKS


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_evaluate_prints_a_table_or_json(two_rounds: Path) -> None:
    assert "a@1: second" in said("evaluate", str(two_rounds))
    found = Evaluation.from_json(json.loads(said("evaluate", f"{two_rounds}@0", "--json")))
    assert found == evaluate(load_run(two_rounds, 0))
    other = json.loads(said("evaluate", f"{two_rounds}@0", "--weight", "majority", "--json"))
    assert other["vote_weight"] == "majority"


def test_compare_names_both_rounds(two_rounds: Path) -> None:
    assert "a@1 against a@0: 3 tasks" in said("compare", f"{two_rounds}@0", f"{two_rounds}@1")
    found = json.loads(said("compare", f"{two_rounds}@0", f"{two_rounds}@1", "--json"))
    assert len(found["gained"] + found["lost"] + found["both"] + found["neither"]) == 3


def test_vote_writes_predictions(two_rounds: Path, tmp_path: Path) -> None:
    done = command("vote", "a@0", "a@1", "--output", str(tmp_path / "all.json"), folder=two_rounds.parent)
    assert done.returncode == 0 and "all 2 runs" in done.stdout
    written = json.loads((tmp_path / "all.json").read_text())
    assert list(written["predictions"]) == list(TASKS) and list(written["runs"]) == ["a@0", "a@1"]
    assert json.loads(said("vote", f"{two_rounds}@0", f"{two_rounds}@1", "--json")) == written


def test_what_is_wrong_is_said(two_rounds: Path) -> None:
    for arguments, error in (
        (("evaluate", "nowhere"), ConfigError),
        (("evaluate", f"{two_rounds}@7"), ConfigError),
        (("vote", str(two_rounds), "--weight", "mean"), UsageError),
    ):
        with pytest.raises(error):
            said(*arguments)
