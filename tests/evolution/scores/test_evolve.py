"""A search on scores: it improves, is the same whatever happens to it, and says what it cannot use."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.evolution.scores.config import EvolveConfig
from soar.evolution.scores.measure import FEEDBACK, read_measure
from soar.evolution.scores.population import Member, Population
from soar.evolution.scores.record import FILE, RecordError
from soar.evolution.scores.task import ScoreTaskError
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from tests.evolution.scores.support import START, square

SMALL = {"programs": 120, "workers": 2}


def steps(result: soar.EvolveResult) -> list[tuple[int, str, float | None]]:
    return [(one.proposal.step, one.source, one.score) for one in result.programs]


def test_it_improves_and_is_the_same_at_any_concurrency() -> None:
    one = soar.evolve(square(), **SMALL, concurrency=1)
    many = soar.evolve(square(), **SMALL, concurrency=16)
    assert steps(one) == steps(many) and len(one.programs) > 100
    assert one.best is not None and many.best is not None and one.best == many.best
    first, best = one.programs[0].score, one.best.score
    assert first is not None and best is not None and best > first + 1
    assert steps(one) != steps(soar.evolve(square(), **SMALL, seed=1))


def test_a_minimum_is_searched_downwards() -> None:
    task = soar.ScoreTask("low", "", lambda inputs, outputs: abs(outputs[0] - 7), [1.0], START, direction="min")
    result = soar.evolve(task, programs=100, workers=2)
    assert result.best is not None and (result.best.score or 0) < 4  # the first has 5


def test_killed_it_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = soar.evolve(square(), **SMALL)
    code = (
        "import soar; from tests.evolution.scores.support import square;"
        f"soar.evolve(square(), run={str(tmp_path / 'run')!r}, **{SMALL!r})"
    )
    for least in (20, 100):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
        file, end = tmp_path / "run" / FILE, time.monotonic() + 60
        while process.poll() is None and not (file.exists() and file.read_bytes().count(b"\n") >= least):
            assert time.monotonic() < end
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()
    with file.open("ab") as torn:
        torn.write(b'{"step": 77, "isl')
    assert steps(soar.evolve(square(), run=tmp_path / "run", **SMALL)) == steps(whole)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    made = [line["step"] for line in lines if "operator" in line]
    assert len(made) == len(set(made)) == 120


def test_a_folder_holds_one_run_which_may_grow(tmp_path: Path) -> None:
    soar.evolve(square(), run=tmp_path, programs=40, workers=1)
    more = soar.evolve(square(), run=tmp_path, programs=60, workers=2)
    assert steps(more) == steps(soar.evolve(square(), programs=60, workers=2))
    for changed in ({"seed": 3}, {"programs": 30}):
        with pytest.raises(RecordError, match="|".join(changed)):
            soar.evolve(square(), run=tmp_path, **({"programs": 60} | changed))
    with pytest.raises(RecordError, match="content"):
        soar.evolve(square(inputs=[1.0]), run=tmp_path, programs=60)


def test_it_stops_for_a_score_for_want_of_progress_and_by_stoppers() -> None:
    assert "wanted" in (soar.evolve(square(), programs=2000, target=-9.0, workers=2).stopped or "")
    flat = soar.ScoreTask("flat", "", lambda inputs, outputs: 1, [1.0], START)
    assert soar.evolve(flat, programs=2000, patience=10, workers=2).stopped == "10 programs without a better one"
    stopped = soar.evolve(square(), programs=2000, stop=soar.Programs(30), workers=2)
    assert "30" in (stopped.stopped or "") and len(stopped.programs) < 80


def test_it_runs_inside_a_loop() -> None:
    async def inside() -> soar.EvolveResult:
        return soar.evolve(square(), programs=5, workers=1)

    assert asyncio.run(inside()).best is not None


def test_what_cannot_be_searched_is_said() -> None:
    with pytest.raises(soar.ConfigError, match="nearest: programs"):
        soar.evolve(square(), program=3)
    with pytest.raises(soar.ConfigError, match="ask a model"):
        soar.evolve(square(), operators="edit")
    with pytest.raises(soar.ConfigError, match="give one, or a model"):
        soar.evolve(square(None))
    with pytest.raises(ScoreTaskError, match="ZeroDivisionError"):
        soar.evolve(square("def solve(x):\n    return 1 / 0\n"), workers=1)
    with pytest.raises(ScoreTaskError, match="'max' or 'min'"):
        soar.ScoreTask("x", "", len, [1], START, direction="up")  # type: ignore[arg-type]
    with pytest.raises(soar.SoarError, match="no end"):
        square("# EVOLVE-BLOCK-START\n" + START)
    with pytest.raises(soar.SoarError, match=r"soar\.ScoreTask"):
        soar.evolve("25ff71a9")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [float("nan"), float("inf"), -float("inf"), "9", None, True, [1], 10**400, {}, {"a": 1, "b": 2}, {"score": "9"}],
)
def test_what_is_no_score_has_no_score(given: Any) -> None:
    measure = read_measure(given)
    assert measure.verdict == "no score" and measure.score is None and measure.feedback


def test_metrics_are_read_by_name_and_feedback_is_cut() -> None:
    assert read_measure({"a": 1, "b": 2.5}, "b").score == 2.5
    assert read_measure({"only": 3}).score == 3 and read_measure({"x": 1, "combined_score": 2, "score": 3}).score == 2
    assert "'c'" in read_measure({"a": 1}, "c").feedback
    assert len(read_measure(1, feedback="x" * 100_000).feedback) <= FEEDBACK


class Poses(float):
    """A float that is larger than all others."""

    def __gt__(self, other: object) -> bool:
        return True


def test_an_object_that_poses_as_a_number_is_none() -> None:
    assert read_measure(Poses(1.0)).score is None


def test_islands_keep_the_shortest_of_each_score_and_the_best_moves_on() -> None:
    population = Population(EvolveConfig.of({"islands": 3, "population": 2}))
    for step, (value, source) in enumerate([(1.0, "long one"), (1.0, "short"), (2.0, "b"), (3.0, "c")]):
        population.add(Member(step, value, source), 0)
    assert {one.source for one in population.islands[0].values()} == {"b", "c"} and not population.islands[1]
    population.migrate()
    assert [one.source for one in population.islands[1].values()] == ["c"] and not population.islands[2]


EDIT = "<<<<<<< SEARCH\n    return x + 1.0\n=======\n    return x * x + 3 * x\n>>>>>>> REPLACE\n"


def test_a_model_edits_and_rewrites_and_its_failures_are_counted_and_shown() -> None:
    def reply(prompt: Prompt, place: int, rng: random.Random) -> str:
        if "was of no use" in prompt.text:
            return EDIT if "SEARCH" in prompt.text else "```python\ndef solve(x):\n    return x * x\n```"
        return rng.choice(["no idea", "<<<<<<< SEARCH\nnowhere\n=======\n1\n>>>>>>> REPLACE"])

    model = ScriptedModel(reply, token_price=1e-6)
    result = soar.evolve(square(), model, programs=80, workers=1)
    assert result.best is not None and result.best.score == 0 and result.best.proposal.operator == "edit"
    assert result.failures["no SEARCH/REPLACE block in the reply"] and result.tokens and result.cost
    assert "without a program" in result.summary
    text = model.requests[0][0].text
    assert "Return x² + 3 x." in text and "return x + 1.0" in text and "scores -" in text


def test_replies_are_paid_for_once(tmp_path: Path) -> None:
    model = ScriptedModel(["```python\ndef solve(x):\n    return 2 * x\n```"], n=True)
    options: dict[str, Any] = {"programs": 20, "operators": "rewrite", "run": tmp_path, "workers": 1}
    first = soar.evolve(square(), model, **options)
    asked = len(model.requests)
    kept = (tmp_path / FILE).read_text().splitlines()
    (tmp_path / FILE).write_text("\n".join(line for line in kept if "verdict" not in line) + "\n")  # replies alone
    assert steps(soar.evolve(square(), model, **options)) == steps(first) and len(model.requests) == asked


def test_from_nothing_a_model_writes_the_first_program() -> None:
    model = ScriptedModel(["```python\ndef solve(x):\n    return x * x + 3 * x\n```"])
    result = soar.evolve(square(None), model, programs=4, workers=1)
    assert result.best is not None and result.best.score == 0
