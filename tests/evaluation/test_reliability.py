from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soar
from soar.evaluation import EvaluationError, Reliability, compare_attempts, mcnemar, reliability
from soar.evaluation.attempts import Try
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, script

REPLIES = (
    "```python\ndef transform(grid):\n    return 1 / 0\n```",
    "no program here",
    "```python\ndef transform(grid):\n    return grid\n```",
)


def mixed(prompt: Prompt, place: int, rng: random.Random) -> str:
    """One that raises, one without a program, one that runs and is wrong, and as `script` from then on."""
    return REPLIES[place] if place < len(REPLIES) else script(prompt, place, rng)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> soar.SearchResults:
    run = tmp_path_factory.mktemp("runs") / "a"
    return soar.search(TASKS, ScriptedModel(mixed), run=run, samples=8, refinements=4, islands=1, workers=1)


def test_statistics_are_counts_of_the_samples(results: soar.SearchResults) -> None:
    found = reliability(results)
    every = [one for result in results.values() for one in result.attempts if one.phase == "sample"]
    runs = [one for one in every if one.program is not None and one.failure is None]
    counts = {name: (top, bottom) for name, (top, bottom, _) in found.statistics.items()}
    assert len(every) == 24 and counts["ran"] == (len(runs), 24) and counts["invalid"] == (24 - len(runs), 24)
    assert counts["scored"] == counts["valid_outputs"] == (len(runs), 24)  # each task has one test
    right = [
        sum(one.failure is None and result.task.right(one.test[0].value, result.task.test[0].output)
            for one in result.attempts if one.phase == "sample")
        for result in results.values()
    ]  # fmt: skip
    assert counts["exact_outputs"] == (sum(right), 24) and counts["token_limit"] == (0, 24)
    assert counts["right_some"] == (sum(one > 0 for one in right), 3) and counts["scored_all"] == (0, 3)
    assert counts["right_none"][0] + counts["right_some"][0] == 3 == counts["scored_none"][0] + counts["scored_some"][0]
    assert "token-limit hits: 0 of 24" in str(found) and json.dumps(found.to_json())


def test_the_first_attempts_can_be_looked_at_alone(results: soar.SearchResults) -> None:
    found = reliability(results, attempts=2).statistics
    assert found["ran"][:2] == (0, 6) and found["scored_none"][:2] == (3, 3)
    assert reliability(results, attempts=3).statistics["scored_some"][:2] == (3, 3)
    with pytest.raises(EvaluationError, match="at least 1"):
        reliability(results, attempts=0)


def tried(ran: bool, right: bool | None = None) -> Try:
    return Try(int(ran), 1, None if right is None else int(right and ran), ran, False)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6), min_size=1, max_size=8))
def test_attempts_are_paired_one_by_one(tasks: list[list[tuple[bool, bool]]]) -> None:
    a, b = (
        Reliability(name, {str(i): tuple(tried(pair[side]) for pair in some) for i, some in enumerate(tasks)})
        for side, name in enumerate("ab")
    )
    found = compare_attempts(a, b)
    pairs = [pair for some in tasks for pair in some]
    table = found.tables["scored"]
    assert (table.both, table.only_a, table.only_b, table.neither) == tuple(
        pairs.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False))
    )
    assert found.pairs == len(pairs) and found.tasks == len(tasks) and "right" not in found.tables
    assert table.p == pytest.approx(mcnemar(table.only_b, table.only_a))
    difference = (table.only_b - table.only_a) / len(pairs)
    assert table.difference.value == pytest.approx(difference)
    assert table.difference.low <= difference + 1e-9 and difference - 1e-9 <= table.difference.high
    back = compare_attempts(b, a).tables["scored"]
    assert back.p == table.p and back.difference.value == pytest.approx(-difference)


def test_the_figures_of_the_source_come_out() -> None:
    """160 of 240 pairs both, 54 the first alone, 16 the second alone, 10 neither: 89.2% against 73.3% are scored."""
    cells = [(True, True)] * 160 + [(True, False)] * 54 + [(False, True)] * 16 + [(False, False)] * 10
    a, b = (
        Reliability(
            name, {str(i): tuple(tried(pair[side], False) for pair in cells[2 * i : 2 * i + 2]) for i in range(120)}
        )
        for side, name in enumerate(("rps", "eps"))
    )
    assert a.statistics["scored"][:2] == (214, 240) and b.statistics["scored"][:2] == (176, 240)
    table = compare_attempts(a, b).tables["scored"]
    assert table.p < 1e-5 and table.difference.high < 0 and table.difference.value == pytest.approx(-38 / 240)
    assert compare_attempts(a, b).tables["right"].p == 1.0


def test_what_shares_no_task_is_refused(results: soar.SearchResults) -> None:
    with pytest.raises(EvaluationError, match="share no task with samples"):
        compare_attempts(reliability(results), Reliability("other", {"x": (tried(True),)}))


def test_commands_show_them(results: soar.SearchResults, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from soar.cli.main import app

    run = str(results.run)
    shown = CliRunner().invoke(app, ["evaluate", run, "--reliability", "--json"])
    assert shown.exit_code == 0 and json.loads(shown.stdout) == reliability(results).to_json()
    both = CliRunner().invoke(app, ["compare", run, run])
    assert both.exit_code == 0 and "24 pairs of attempts at 3 tasks" in both.stdout and "p = 1" in both.stdout
    data = json.loads(CliRunner().invoke(app, ["compare", run, run, "--json"]).stdout)
    assert data["attempts"]["tables"]["scored"]["only_a"] == 0
