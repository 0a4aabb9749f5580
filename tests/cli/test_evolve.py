"""`soar evolve` takes two files, and every option of the configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from soar.cli.main import app
from tests.evolution.scores.support import EVALUATOR, START


def test_two_files_are_a_search(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(START)
    (tmp_path / "evaluator.py").write_text(EVALUATOR)
    (tmp_path / "options.toml").write_text("programs = 25\nislands = 2\nworkers = 1\n")
    files = [str(tmp_path / name) for name in ("first.py", "evaluator.py")]
    options = ["--config", str(tmp_path / "options.toml"), "--run", str(tmp_path / "run"), "--seed", "1"]
    done = CliRunner().invoke(app, ["evolve", *files, *options, "--json", "--out", str(tmp_path / "best.py")])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["programs"] + sum(found["failures"].values()) == 25 and found["best"]["verdict"] == "scored"
    assert (tmp_path / "best.py").read_text() == found["best"]["source"]
    taken = ["--config", str(tmp_path / "run"), "--run", str(tmp_path / "run")]  # the options of a run
    assert CliRunner().invoke(app, ["evolve", *files, *taken]).exit_code == 0
    again = CliRunner().invoke(app, ["evolve", *files, *options, "--programs", "26"])
    assert again.exit_code == 0 and "first: best" in again.stdout


def test_what_a_user_can_mend_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(START)
    (tmp_path / "evaluator.py").write_text("def evaluate(path):\n    return 'good'\n")
    command = [sys.executable, "-m", "soar", "evolve", "first.py", "evaluator.py", "--workers", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "'good'" in done.stderr.replace('"', "")
    missing = subprocess.run([*command[:4], "no.py", "evaluator.py"], cwd=tmp_path, capture_output=True, text=True)
    assert missing.returncode == 2 and missing.stderr.count("\n") == 1 and "no.py" in missing.stderr
