"""What callers give in place of what is asked for: understood where it is clear, else one line that says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import soar
from soar.cli.main import app
from soar.core.errors import SoarError
from soar.core.hints import install
from soar.evolution.results import load_run
from soar.hindsight import make_dataset
from soar.models import Capabilities, Completion, ModelError, Reply
from soar.models.adapter import Adapter
from soar.models.checks import checked
from soar.models.scripted import ScriptedModel
from soar.tasks.given import as_tasks
from soar.training.job import train
from tests.search_support import TASKS

ONE = soar.find_task("a699fb00")
OPTIONS: dict[str, Any] = {"samples": 1, "refinements": 0, "progress": False}
MODEL = ScriptedModel(lambda prompt, place, rng: "```python\ndef transform(grid):\n    return grid\n```")


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("a699fb00", "a699fb00"),
        ("arc-agi-1/training:a699fb00", "a699fb00"),
        (["a699fb00", ONE.to_json()], ["a699fb00", "task-1"]),
        (ONE.to_json(), "task"),
        ({**ONE.to_json(), "id": "mine"}, "mine"),
        ({"x": ONE.to_json(), "y": ONE}, ["x", "a699fb00"]),
        (soar.load_tasks("arc-agi-1/training")[:2], ["007bbfb7", "00d62c1b"]),
        ((task for task in TASKS.values()), list(TASKS)),
    ],
)
def test_tasks_come_in_many_forms(given: object, ids: object) -> None:
    found = as_tasks(given)
    assert (found.id if isinstance(found, soar.Task) else [task.id for task in found]) == ids


def test_grids_may_be_arrays() -> None:
    pairs = [{"input": np.array(one.input), "output": np.array(one.output, dtype=float)} for one in ONE.train]
    found = as_tasks({"train": pairs, "test": [{"input": np.array(ONE.test[0].input)}]})
    assert isinstance(found, soar.Task) and found.content_hash == ONE.content_hash and found.is_grid
    built = soar.Task("x", [soar.Example(np.eye(2, dtype=int), np.zeros((2, 2)))], [soar.Example(np.ones((1, 1)))])  # type: ignore[arg-type]
    assert built.train == (soar.Example([[1, 0], [0, 1]], [[0, 0], [0, 0]]),) and built.is_grid


def test_a_single_task_gives_a_single_result() -> None:
    assert isinstance(soar.search("a699fb00", MODEL, **OPTIONS), soar.SearchResult)
    assert isinstance(soar.search(["a699fb00"], MODEL, **OPTIONS), soar.SearchResults)


@pytest.mark.parametrize(
    "wrong", [None, 42, "nosuch", "arc-agi-1/nosuch", [5], [None], {"train": 3, "test": []}, {"x": 5}, b"a699fb00", 1.5]
)
def test_what_is_no_task_is_refused_in_a_line(wrong: object) -> None:
    with pytest.raises(SoarError) as caught:
        soar.search(wrong, MODEL, **OPTIONS)  # type: ignore[call-overload]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: soar.Task("x", [1, 2], []),  # type: ignore[arg-type]
        lambda: soar.Task("x", "abc", ()),  # type: ignore[arg-type]
        lambda: soar.Task("x", [([[1]], [[2]])], ()),  # type: ignore[arg-type]
        lambda: soar.Task(5, ONE.train, ONE.test),  # type: ignore[arg-type]
        lambda: soar.Task("x", None, ()),  # type: ignore[arg-type]
    ],
)
def test_a_task_is_checked_when_it_is_built(build: Any) -> None:
    with pytest.raises(SoarError):
        build()


class NoModel:
    """Half a model."""

    name = "half"
    capabilities: Capabilities = MODEL.capabilities


class Talker(ScriptedModel):
    """Answers with text."""

    async def complete(self, *arguments: Any) -> Any:
        return "def transform(grid): return grid"


def test_what_is_no_model_or_stopper_is_named() -> None:
    for wrong in (NoModel(), None, 5):
        with pytest.raises(SoarError, match="is no model: it lacks"):
            soar.search(ONE, wrong, **OPTIONS)  # type: ignore[call-overload]
    with pytest.raises(SoarError, match="answered with a str"):
        soar.search(ONE, Talker(lambda *_: ""), **OPTIONS)
    for stop in (lambda snapshot: True, 5):
        with pytest.raises(SoarError, match="stops no search: give Seconds"):
            soar.search(ONE, MODEL, stop=stop, **OPTIONS)  # type: ignore[call-overload]
        with pytest.raises(SoarError, match="stops no search"):
            list(soar.search_iter(ONE, MODEL, stop=stop, samples=1, refinements=0))  # type: ignore[arg-type]


def test_folders_stand_for_what_they_hold(tmp_path: Path) -> None:
    soar.search([ONE], MODEL, run=tmp_path / "run", **OPTIONS)
    assert soar.evaluate(tmp_path / "run") == soar.evaluate(str(tmp_path / "run"))
    for wrong in (tmp_path / "nosuch", 5, soar.search(ONE, MODEL, **OPTIONS)):
        with pytest.raises(SoarError):
            soar.evaluate(wrong)  # type: ignore[arg-type]
    with pytest.raises(SoarError, match="is no evaluation"):
        soar.compare(tmp_path / "run", tmp_path / "run")  # type: ignore[arg-type]
    with pytest.raises(SoarError, match="selection is one of"):
        make_dataset(tmp_path / "run", selection=lambda *_: [])  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"0": '])
def test_a_damaged_config_is_said(tmp_path: Path, damage: str) -> None:
    soar.search(ONE, MODEL, run=tmp_path, **OPTIONS)
    (tmp_path / "config.json").write_text(damage)
    for again in (lambda: load_run(tmp_path), lambda: soar.search(ONE, MODEL, run=tmp_path, **OPTIONS)):
        with pytest.raises(SoarError, match=r"config.json is damaged"):
            again()


@pytest.mark.parametrize("empty", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_with_an_empty_file_is_said(tmp_path: Path, empty: str) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 1, "lora_alpha": 1}))
    (tmp_path / empty).write_text("")
    with pytest.raises(SoarError, match=f"{empty} is empty"):
        soar.search(ONE, adapter=tmp_path, **OPTIONS)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"name": 1}'])
def test_a_damaged_record_of_an_adapter_is_said(tmp_path: Path, damage: str) -> None:
    (tmp_path / "soar.json").write_text(damage)
    with pytest.raises(SoarError, match=r"soar.json is damaged"):
        Adapter.load(tmp_path)


def test_hints_name_what_can_be_installed_from() -> None:
    root = Path(soar.__file__).parents[1]
    assert install("train") == f"pip install -e '{root}[train]'"
    for file in (root / "soar").rglob("*.py"):
        assert "pip install 'soar-search[" not in file.read_text()


@pytest.mark.parametrize(
    "words",
    ["show runs/nosuch", "evaluate runs/nosuch", "search gym/nosuch/train", "search runs/nosuch.x", "vote nosuch"],
)
def test_commands_say_what_is_not_there(words: str) -> None:
    done = CliRunner().invoke(app, words.split())
    assert isinstance(done.exception, SoarError) and "\n" not in str(done.exception)


WRONG_CALLS: dict[str, tuple[Callable[[Path], object], str]] = {
    "evaluate": (lambda folder: soar.evaluate(3), "3 is no search"),
    "vote_runs": (lambda folder: soar.vote_runs(3), "what is voted over is a list of runs, not 3"),
    "vote": (lambda folder: soar.vote(None), "what is voted over is a list of attempts, not None"),
    "vote, items": (lambda folder: soar.vote([3]), r"each of what is voted over is a soar\.Attempt, not 3"),
    "vote, weight": (lambda folder: soar.vote([], weight="most"), "the weight of a vote is sum, .*, not 'most'"),
    "compare": (lambda folder: soar.compare(1, 2), "1 is no evaluation"),
    "load_tasks": (lambda folder: soar.load_tasks(""), "a path, not an empty text"),
    "find_task": (lambda folder: soar.find_task(""), "no task ''"),
    "overlap": (lambda folder: soar.overlap(ONE, ONE), "each side is a set of tasks, by their ids, not Task"),
    "drop_overlap": (lambda folder: soar.drop_overlap(None, None), "each side is a set of tasks"),
    "TaskSet": (lambda folder: soar.TaskSet(3), "made of several tasks, not 3"),
    "TaskSet, items": (lambda folder: soar.TaskSet([3]), r"each task of a set is a soar\.Task, not 3"),
    "Archive": (lambda folder: soar.Archive(3), "an archive is a path, not 3"),
    "iterate": (lambda folder: soar.iterate(None, run=folder), "one of tasks, not None"),
    "iterate, run": (lambda folder: soar.iterate([ONE], run=3), "run is a path, not 3"),
    "iterate, pool": (lambda folder: soar.iterate([ONE], run=folder, pool=3), "pool is a list of run folders, not 3"),
    "iterate, track": (lambda folder: soar.iterate([ONE], run=folder, track="wandb"), "track is a list of names"),
    "iterate, training": (lambda folder: soar.iterate([ONE], run=folder, training={"rank": 3}), "a TrainingConfig"),
    "search, run": (lambda folder: soar.search(ONE, MODEL, run=3), "run is a path, not 3"),
    "search, no run": (lambda folder: soar.search(ONE, MODEL, run=""), "run is a path, not an empty text"),
    "search, adapter": (lambda folder: soar.search(ONE, MODEL, adapter=3), "adapter is a path, not 3"),
    "submission": (lambda folder: soar.submission(3), "a run's folder, results, or a list, not 3"),
    "score": (lambda folder: soar.score_submission(3, {}), "a submission is a path, not 3"),
    "score, tasks": (lambda folder: soar.score_submission({}, "arc-agi-1/training"), r"see soar\.load_tasks, not 'arc"),
    "make_dataset": (lambda folder: make_dataset(object()), "a run's folder, results, or a list, not <object"),
    "make_dataset, items": (lambda folder: make_dataset([3]), "a run's folder or results of a search, not 3"),
    "make_dataset, rows": (lambda folder: make_dataset(folder, per_task="x"), "per_task is a number of rows, not 'x'"),
    "train": (lambda folder: train(None, "mini", folder), r"make_dataset; one on disk is read by .*, not None"),
    "train, rows": (lambda folder: train("rows", "mini", folder), "what is learnt from is"),
    "train, model": (lambda folder: train([], 3, folder), "named by a text, such as 'mini'"),
    "train, config": (lambda folder: train([], "mini", folder, {"rank": 3}), "a TrainingConfig"),
    "Adapter": (lambda folder: Adapter.load(3), "the folder of an adapter is a path, not 3"),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_what_a_call_cannot_take_is_said_in_a_line(name: str, tmp_path: Path) -> None:
    call, said = WRONG_CALLS[name]
    with pytest.raises(SoarError, match=said) as caught:
        call(tmp_path)
    assert "\n" not in str(caught.value)


GOOD = Completion("x", 3, "stop")
WRONG_REPLIES: dict[str, tuple[Reply, str]] = {
    "texts": (Reply(("a",), 3), "a completion that is 'a'"),
    "nothing": (Reply(None, 3), "completions that are None"),
    "dicts": (Reply([{"text": "a"}], 3), "a completion that is {'text': 'a'}"),
    "no text": (Reply((replace(GOOD, text=None),), 3), "whose text is None"),
    "no tokens": (Reply((replace(GOOD, tokens=None),), 3), "whose tokens are None"),
    "tokens below zero": (Reply((replace(GOOD, tokens=-1),), 3), "whose tokens are -1"),
    "another end": (Reply((replace(GOOD, finish_reason="eos"),), 3), "whose finish_reason is 'eos'"),
    "log-probability": (Reply((replace(GOOD, logprob="-1"),), 3), "whose logprob is '-1'"),
    "no number": (Reply((replace(GOOD, logprob=float("nan")),), 3), "whose logprob is nan"),
    "prompt": (Reply((GOOD,), None), "prompt_tokens that are None"),
    "cost": (Reply((GOOD,), 3, "$1"), "a cost that is '\\$1'"),
    "too many": (Reply((GOOD, GOOD), 3), "gave 2 completions where 1 were asked for"),
}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", WRONG_REPLIES)
def test_a_model_of_ones_own_may_answer_with_anything(name: str) -> None:
    reply, said = WRONG_REPLIES[name]
    with pytest.raises(ModelError, match=said):
        checked(reply, 1, "mine")


def test_numbers_of_numpy_are_numbers() -> None:
    reply = Reply((Completion("x\ud800", np.int64(3), "stop", np.float32(-1.5)),), np.int32(7), np.float64(0.5))
    assert checked(reply, 1, "mine") == Reply((Completion("x?", 3, "stop", -1.5),), 7, 0.5)
