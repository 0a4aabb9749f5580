"""Pairs: the chosen reply is right, the rejected one wrong, at the prompt that both answer."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer
from typer.testing import CliRunner

import soar
from soar.archive.records import prompt_hash
from soar.cli.main import app
from soar.hindsight import DatasetError, make_pairs, make_replies, stages
from soar.hindsight.dataset import open_sources
from soar.models.base import Prompt
from soar.models.mini import WEIGHTS, MiniModel
from soar.models.scripted import ScriptedModel
from soar.models.tokens import encode_reply
from soar.prompts.prompt_set import load_prompt_set
from soar.sandbox import Sandbox
from soar.tasks.task import Task
from tests.hindsight.test_hindsight import SIZES, TASKS, script


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "run"
    soar.search(TASKS, ScriptedModel(script), run=folder, seed=1, **SIZES)
    return folder


@pytest.fixture(scope="module")
def weaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs") / "weaker"
    reply = "```python\ndef transform(grid):\n    return [[9]]\n```\n"
    model = ScriptedModel(lambda prompt, place, rng: reply, name="small")
    soar.search(TASKS, model, run=folder, **SIZES | {"refinements": 0, "samples": 4})
    return folder


def ran(sandbox: Sandbox, row: dict[str, Any], side: str) -> list[Any] | None:
    """What the program in a reply gives at the task's inputs; None where the reply holds none."""
    source = load_prompt_set("soar").parse(row[side], row["prefill"])
    if not isinstance(source, str):
        return None
    task = TASKS[row["task_id"]]
    inputs = [example.input for example in (*task.train, *task.test)]
    return [outcome.value for outcome in sandbox.run([(source, inputs)])[0]]


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox(workers=1) as one:
        yield one


def answers(task: Task) -> list[Any]:
    return [example.output for example in (*task.train, *task.test)]


def test_attempts_are_right_and_wrong_at_the_prompt_that_was_sent(run: Path, sandbox: Sandbox) -> None:
    pairs = make_pairs(run, per_task=12)
    assert Counter(pairs["task_id"]) == {"small": 12, "large": 12}
    with ExitStack() as stack:
        (source,) = open_sources(run, None, stack)
        for row in pairs:
            task = TASKS[row["task_id"]]
            assert ran(sandbox, row, "chosen") == answers(task) != ran(sandbox, row, "rejected")
            prompt = Prompt(tuple(row["prompt"]), row["prefill"])
            query = "SELECT prompt_hash FROM request WHERE task_hash = ? AND phase = 'sample'"
            known = source.archive._connection.execute(query, (task.content_hash,)).fetchall()
            assert prompt_hash(prompt) in {one for (one,) in known}
    assert {row["rejected_hash"] is None for row in pairs} == {True, False}  # replies without a program too
    assert all(row["failure"] for row in pairs) and len({row["solve_rate"] for row in pairs}) == 2
    assert pairs.to_list() == make_pairs(run, per_task=12).to_list() != make_pairs(run, per_task=12, seed=1).to_list()


def test_hindsight_pairs_are_right_and_wrong_at_the_task_that_the_chosen_one_makes(run: Path, sandbox: Sandbox) -> None:
    pairs = make_pairs(run, source="hindsight", per_task=8)
    assert Counter(pairs["task_id"]) == {"small": 8, "large": 8}
    for row in pairs:
        chosen, rejected = ran(sandbox, row, "chosen"), ran(sandbox, row, "rejected")
        assert chosen is not None and chosen != rejected
        task = TASKS[row["task_id"]]
        text = row["prompt"][0]["content"]
        for example, output in zip(task.train, chosen, strict=False):
            shown = load_prompt_set("soar").render(Task("one", (type(example)(example.input, output),), task.test)).text
            assert shown.split("Example 1")[-1].split("Test")[0].split("\n", 1)[1].strip() in text
    assert sum(ran(sandbox, row, "chosen") != answers(TASKS[row["task_id"]]) for row in pairs) >= 8


def test_a_weaker_model_is_rejected(run: Path, weaker: Path) -> None:
    pairs = make_pairs(run, rejected_by=weaker)
    assert {row["rejected"].count("[[9]]") for row in pairs} == {1} and set(pairs["rejected_model"]) == {"small"}
    assert Counter(pairs["task_id"]) == {"small": 1, "large": 1}  # it says the same each time
    with pytest.raises(DatasetError, match="leave rejected_by out"):
        make_pairs(run, rejected_by=weaker, source="hindsight")
    with pytest.raises(DatasetError, match="source is one of attempts, hindsight, not 'both'"):
        make_pairs(run, source="both")  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="per_task is at least 1"):
        make_pairs(run, per_task=0)


def test_at_test_time_no_test_output_is_read(run: Path, sandbox: Sandbox) -> None:
    pairs = make_pairs(run, per_task=40, test_time=True)
    for row in pairs:
        wanted = answers(TASKS[row["task_id"]])[:3]
        assert (ran(sandbox, row, "chosen") or [])[:3] == wanted
        rejected = ran(sandbox, row, "rejected") or []
        assert rejected[:3] != wanted or rejected[3] is None  # it fails on the test input


def test_replies_are_the_base_models_own(run: Path) -> None:
    rows = make_replies(run, per_task=5)
    assert Counter(rows["task_id"]) == {"small": 5, "large": 5}
    with ExitStack() as stack:
        (source,) = open_sources(run, None, stack)
        for row in rows:
            attempts = source.archive.attempts(source.evaluator(TASKS[row["task_id"]]))
            assert row["completion"] in {one.reply for one in attempts if one.phase == "sample"}


@given(
    st.lists(st.tuples(st.integers(0, 12), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 30),
    st.integers(1, 30),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_no_task_is_in_both_stages(given_pairs: list[tuple[int, float]], easy: int, hard: int) -> None:
    rates = dict(given_pairs)
    rows = [{"task_hash": str(task), "solve_rate": rates[task], "place": i} for i, (task, _) in enumerate(given_pairs)]
    if len(rates) < 2:
        with pytest.raises(DatasetError, match="pairs of two tasks"):
            stages(Dataset.from_list(rows), easy, hard)
        return
    first, second = stages(Dataset.from_list(rows), easy, hard)
    assert not set(first["task_hash"]) & set(second["task_hash"])
    assert 1 <= len(first) == len(set(first["task_hash"])) <= easy and 1 <= len(second) <= hard
    assert min(first["solve_rate"]) >= max(second["solve_rate"])
    assert len(set(second["place"])) == len(second)


def test_token_ids_are_those_of_the_search(mini: MiniModel, tmp_path: Path) -> None:
    tasks = soar.load_tasks("gym/domain-1/train")[:4]
    soar.search(tasks, mini, samples=24, refinements=0, run=tmp_path / "run", keep_tokens=True)
    pairs = make_pairs(tmp_path / "run", per_task=8)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    assert len(pairs) >= 8
    with ExitStack() as stack:
        (source,) = open_sources(tmp_path / "run", None, stack)
        by_task = {
            name: {one.token_ids for one in source.archive.attempts(source.evaluator(task))}
            for name, task in source.tasks.items()
        }
    for row in pairs:
        prompt = Prompt(tuple(row["prompt"]), row["prefill"])
        for side in ("chosen", "rejected"):
            assert tuple(encode_reply(tokenizer, prompt, row[side])[1]) in by_task[row["task_hash"]]


def test_the_command_writes_pairs_their_stages_and_replies(run: Path, tmp_path: Path) -> None:
    def asked(*arguments: Any) -> Any:
        return CliRunner().invoke(app, ["dataset", str(run), *map(str, arguments)])

    done = asked("--kind", "pairs", "--per-task", 3, "--save", tmp_path / "pairs")
    assert done.exit_code == 0 and "6 pairs of 2 tasks" in done.output and "rejected for: " in done.output
    sizes = [len(Dataset.load_from_disk(str(tmp_path / name))) for name in ("pairs", "pairs-easy", "pairs-hard")]
    assert sizes == [6, 1, 3]
    assert "4 replies of 2 tasks" in asked("--kind", "replies", "--per-task", 2).output
    for wrong, message in (
        (["--kind", "trades"], "--kind is one of rows, pairs, replies, groups, golden, edits, not 'trades'"),
        (["--kind", "replies", "--selection", "greedy"], "--selection: not for --kind replies"),
        (["--source", "hindsight"], "--kind pairs"),
    ):
        with pytest.raises(DatasetError, match=message):
            raise asked(*wrong).exception
