"""What a user, a model or a server wrote is text: no library that draws it reads commands in it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import soar
from soar.cli.main import app
from soar.core.progress import _in_a_terminal
from soar.evaluation import compare, evaluate, plots, vote_runs
from soar.hindsight import make_dataset
from soar.models.scripted import ScriptedModel
from tests.search_support import make_task

NAMES = ("sort[/x]", "list[int]", ":smile:", "[bold]", "a\\[b", "$x_$", "[/]", "[link=x]")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> soar.SearchResults:
    tasks = [make_task(name, 20 + number) for number, name in enumerate(NAMES)]
    run = tmp_path_factory.mktemp("runs") / "list[int]"
    model = ScriptedModel(lambda prompt, place, rng: "[/red] no program :smile:", name="model[/x]")
    return soar.search(tasks, model, samples=2, refinements=0, run=run, progress=False)


def printed(thing: object) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_names_stand_in_tables_as_they_are(results: soar.SearchResults) -> None:
    shown = printed(results)
    assert all(name in shown for name in NAMES)
    for id in results:
        assert id in printed(results[id]) and repr(id) in printed(results[id].task)
    found = evaluate(results)
    for thing in (found, compare(found, found), vote_runs([results])):
        assert printed(thing)
    assert "list[int]" in printed(found)
    report = make_dataset(results, embedder="ngrams")[1]
    report.broken_rules["[/x]"] += 1
    assert "[/x]" in printed(report) and "sort[/x]" in printed(report)


def test_commands_show_them(results: soar.SearchResults) -> None:
    for words in (["show", results.run], ["show", results.run, "--task", NAMES[0]], ["evaluate", results.run]):
        done = CliRunner().invoke(app, list(map(str, words)))
        assert done.exit_code == 0, done.output
    assert "sort[/x]" in CliRunner().invoke(app, ["show", str(results.run)]).output


def test_progress_takes_any_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(_in_a_terminal(iter(NAMES), lambda name: (None, None, name), "[/start]")) == list(NAMES)


def test_plots_take_any_name(results: soar.SearchResults, tmp_path: Path) -> None:
    found = evaluate(results)
    groups = {"$a_$ [/x]": [replace(found, iteration=0), replace(found, iteration=1)]}
    plots.solved_by_round(groups).save(tmp_path / "plot")
    assert (tmp_path / "plot.svg").exists()
