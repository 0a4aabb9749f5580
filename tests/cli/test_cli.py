from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from soar.cli.doctor import report
from soar.core.hints import install

SOAR = [sys.executable, "-m", "soar"]
SMALL = ["--samples", "8", "--refinements", "8"]


def soar(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SOAR, *arguments], capture_output=True, text=True, cwd=folder, timeout=120, check=False)


def test_help_names_every_command() -> None:
    done = soar("--help")
    assert done.returncode == 0
    assert all(
        command in done.stdout for command in ("search", "tasks", "show", "export", "merge", "dataset", "doctor")
    )


def test_help_is_quick_and_pulls_in_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "pydantic", "scipy")
    code = f"import sys, soar, soar.cli.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_search_prints_json_and_the_seed_decides() -> None:
    first, again, other = (soar("search", "3c9b0459", *SMALL, "--json", "--seed", seed) for seed in "001")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["task"] == "3c9b0459"
    assert len(answer["predictions"]) <= 2
    for prediction in answer["predictions"]:
        assert len(prediction["outputs"]) == 1
    assert answer["stats"]["completions"] == 16
    for run in (first, again, other):
        assert json.loads(run.stdout)["task"] == "3c9b0459"
    strip = [
        {k: v for k, v in json.loads(run.stdout).items() if k in ("predictions", "best")} for run in (first, again)
    ]
    assert strip[0] == strip[1]


def test_a_killed_search_goes_on_and_ends_as_it_would_have(tmp_path: Path) -> None:
    command = [
        "search",
        "arc-agi-1/training",
        "--limit",
        "3",
        "--samples",
        "32",
        "--refinements",
        "16",
        "--json",
        "--run",
    ]
    whole = soar(*command, str(tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    killed = subprocess.Popen(
        [*SOAR, *command, str(tmp_path / "killed")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "killed" / "archive.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.5)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    resumed = soar(*command, str(tmp_path / "killed"))
    assert resumed.returncode == 0, resumed.stderr
    assert _answers(resumed) == _answers(whole)


def test_a_stop_file_stops_and_the_same_command_goes_on(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    command = ["search", "3c9b0459", *SMALL, "--json", "--run", str(tmp_path / "run")]
    stopped = soar(*command, "--stop-file", str(tmp_path / "stop"), "--stop-programs", "1000", "--stop-seconds", "600")
    assert stopped.returncode == 0 and "stopped: the stop file" in stopped.stderr and "goes on" in stopped.stderr
    assert json.loads(stopped.stdout)["stats"]["completions"] == 0
    assert json.loads(soar(*command).stdout)["stats"]["completions"] == 16
    counted = json.loads(soar(*command, "--vote-weight", "majority").stdout)[
        "predictions"
    ]  # the same attempts, voted on anew
    assert counted and all(one["weight"] == one["count"] for one in counted)


def test_runs_are_merged_and_exported(tmp_path: Path) -> None:
    for part, task in (("a", "3c9b0459"), ("b", "74dd1130")):
        assert soar("search", task, *SMALL, "--run", part, folder=tmp_path).returncode == 0
    merged = soar("merge", "both", "a", "b", folder=tmp_path)
    assert merged.returncode == 0 and "32 completions" in merged.stdout
    done = soar("export", "both", "both.parquet", folder=tmp_path)
    if importlib.util.find_spec("pyarrow"):
        assert "32 rows in both.parquet" in done.stdout
    else:
        assert done.returncode == 2 and install("train") in done.stderr


def _answers(done: subprocess.CompletedProcess[str]) -> object:
    return [
        {k: task[k] for k in ("task", "predictions", "best")} for task in json.loads(done.stdout)["results"].values()
    ]


def test_show_draws_a_task_and_its_prompt(tmp_path: Path) -> None:
    assert "3c9b0459" in soar("show", "3c9b0459").stdout
    prompt = soar("show", "3c9b0459", "--prompt")
    assert "▷↓3→3" in prompt.stdout and re.search(r"set mini: \d+ tokens, \d+ more", prompt.stderr)
    golden = soar("show", "3c9b0459", "--prompt", "--prompt-set", "golden")
    assert golden.stdout.rstrip().endswith("Observations:\n    1.") and "prompt set golden: " in golden.stderr
    assert soar("show", "3c9b0459", "--save", str(tmp_path / "task.svg")).returncode == 0
    assert (tmp_path / "task.svg").read_text().startswith("<svg")


def test_tasks_lists_sets_and_what_they_share() -> None:
    assert "400" in soar("tasks").stdout
    shared = soar("tasks", "arc-agi-1/training", "--against", "arc-agi-1/evaluation").stdout
    assert "40853293" in shared and "070dd51e" in shared


def test_doctor_reports() -> None:
    done = soar("doctor")
    assert done.returncode == 0
    assert (
        "[sandbox]" in done.stdout and "[train] trl" in done.stdout and "[embed] sentence_transformers" in done.stdout
    )


def test_doctor_names_the_vllm_that_would_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "vllm").touch()
    for setting, said in ((tmp_path, f"[vllm] {tmp_path}/bin/vllm"), (tmp_path / "no", "[vllm] missing: SOAR_VLLM is")):
        monkeypatch.setenv("SOAR_VLLM", str(setting))
        assert any(line.startswith(said) for line in report())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("search", "3c9b0458"), "3c9b0459"),
        (("search", "arc-agi-1/trainning"), "arc-agi-1/training"),
        (("search", "missing.json"), "missing.json"),
        (("search", "broken.json"), "broken.json"),
        (("search", "3c9b0459", "--model", "gpt"), "no model 'gpt'"),
        (("search", "3c9b0459", "--samples", "-1"), "samples"),
        (("search", "3c9b0459", "--sample", "1"), "--samples"),
        (("search", "3c9b0459", "--vote-weight", "loudest"), "vote_weight"),
        (("show", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_message_and_status_2(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"train": [{"input": [[1]]}], "test": [{"input": [[1]]}]}')
    done = (
        soar(*arguments, "--run", "run", folder=tmp_path)
        if arguments[0] == "search"
        else soar(*arguments, folder=tmp_path)
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()


def test_the_version_is_printed() -> None:
    assert re.fullmatch(r"soar \d+\.\d+\.\d+\n", soar("--version").stdout)


def test_several_tasks_are_searched_at_once(tmp_path: Path) -> None:
    few = ("--samples", "4", "--refinements", "0", "--json")
    done = soar("search", "3c9b0459", "25ff71a9", "3c9b0459", *few, folder=tmp_path)
    assert list(json.loads(done.stdout)["results"]) == ["3c9b0459", "25ff71a9"]


def test_options_come_from_a_file_and_the_command_line_counts_more(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("islands = 2\nsamples = 4\nrefinements = 0\nvote_weight = 'best'\nrex_c = 5.0\n")
    done = soar("search", "3c9b0459", "--config", "c.toml", "--samples", "8", "--run", "run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "run" / "config.json").read_text())["0"]["options"]
    assert [made[name] for name in ("islands", "samples", "refinements", "vote_weight", "rex_c")] == [
        2,
        8,
        0,
        "best",
        5,
    ]


@pytest.mark.parametrize(("content", "said"), [
    ("islnds = 2", "unknown option 'islnds'; nearest: islands"), ("islands = 'x'", "islands: Input should be a valid"),
    ("islands = ", "c.toml: no TOML"), ("[islands]\na = 1", "islands: Input should be a valid integer"),
    ("seed = 0.5", "seed: Input should be a valid integer"),
])  # fmt: skip
def test_a_bad_file_of_options_is_named_in_a_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "c.toml").write_text(content)
    for command in (("search", "3c9b0459"), ("iterate", "--run", "x")):
        done = soar(*command, "--config", "c.toml", folder=tmp_path)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert soar("search", "3c9b0459", "--config", "none.toml", folder=tmp_path).returncode == 2


def test_rows_of_a_loop_have_a_table_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[hindsight]\nselection = 'nosuch'\n")
    done = soar("iterate", "--run", "x", "--config", "c.toml", folder=tmp_path)
    assert done.returncode == 2 and "hindsight.selection: Input should be 'correct-only'" in done.stderr
