from __future__ import annotations

import functools
import itertools
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import soar
from soar.archive.records import Evaluator, prompt_hash
from soar.cli.main import app
from soar.evolution.config import ConfigError
from soar.evolution.results import load_run
from soar.hindsight import DatasetError, make_dataset
from soar.hindsight.dataset import open_sources
from soar.hindsight.relabel import relabel, reorder, row_task
from soar.hindsight.selection import REFINEMENTS, SELECTIONS
from soar.hindsight.symmetry import Symmetry
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from soar.programs.program import Program
from soar.prompts.prompt_set import PromptError, load_prompt_set
from soar.sandbox import Sandbox
from soar.tasks.task import Example, Task

SIZES = {"samples": 96, "refinements": 96, "samples_per_request": 16, "workers": 2, "early_stop": 1000}


def mirrored(id: str, size: int) -> Task:
    """Grids mirrored; the first cell of the examples is 1, 2, 3, that of the test is 0."""
    rng = random.Random(id)
    grids = [[[rng.randrange(1, 10) for _ in range(size)] for _ in range(size)] for _ in range(4)]
    for first, grid in zip((1, 2, 3, 0), grids, strict=True):
        grid[0][0] = first
    pairs = [Example(grid, [row[::-1] for row in grid]) for grid in grids]
    return Task(id, tuple(pairs[:3]), tuple(pairs[3:]))


TASKS = {task.id: task for task in (mirrored("small", 3), mirrored("large", 5))}


def script(prompt: Prompt, place: int, rng: random.Random) -> str:
    """Programs that mirror where the first cell is above some number; they solve a part of the examples, or all."""
    if rng.random() < 0.1:
        return "I cannot find the rule."
    other = rng.choice(
        ["grid[::-1]", "grid[1:]", "[row[1:] for row in grid]", "grid[7]", "[[0, 0]]", "grid", "grid + grid"]
    )
    other = f"{other}[:{rng.randrange(1, 9)}]" if rng.random() < 0.5 else other
    spare = f"    x = {rng.randrange(9)}\n" if rng.random() < 0.3 else ""
    body = f"[row[::-1] for row in grid] if grid[0][0] > {rng.randrange(-1, 4)} else {other}"
    return f"```python\ndef transform(grid):\n{spare}    return {body}\n```\n"


@functools.cache
def sandbox() -> Sandbox:
    return Sandbox(workers=1)


@pytest.fixture(scope="module", autouse=True)
def sandbox_is_closed() -> Iterator[None]:
    yield
    sandbox().close()
    sandbox.cache_clear()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hindsight") / "run"
    soar.search(TASKS, ScriptedModel(script), run=folder, seed=1, selector="uniform", **SIZES | {"refinements": 224})
    return folder


@functools.cache
def given_outputs(source: str, id: str) -> list[Any]:
    """What a program gives when it is run anew: on the examples, then on the test input."""
    inputs = [example.input for example in (*TASKS[id].train, *TASKS[id].test)]
    (outcomes,) = sandbox().run([(source, inputs)])
    return [outcome.value for outcome in outcomes]


def prompts_of(row: dict[str, Any]) -> set[str]:
    """Every prompt that may stand in a sampling row: the task by the program's own outputs, in any order."""
    task, outputs = TASKS[row["task_id"]], given_outputs(row["program"], row["task_id"])
    examples = [Example(example.input, output) for example, output in zip(task.train, outputs, strict=False)]
    orders = itertools.permutations(examples)
    return {load_prompt_set("soar").render(Task("t", order, task.test)).text for order in orders}


@given(
    st.sampled_from(SELECTIONS), st.sampled_from(REFINEMENTS), st.integers(1, 40), st.integers(0, 9), st.booleans(),
    st.sampled_from([None, 0.5, 1.0]),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_rows_of_any_selection_are_true_and_few(
    run: Path, selection: Any, refinement: Any, per_task: int, seed: int, test_time: bool, threshold: float | None
) -> None:
    chosen = {} if test_time else {"selection": selection, "refinement": refinement}
    options = {"per_task": per_task, "seed": seed, "threshold": threshold, "test_time": test_time, **chosen}
    dataset, report = make_dataset(run, **options)
    counts = Counter((row["task_id"], row["kind"]) for row in dataset)
    assert all(count <= per_task for count in counts.values())
    assert report.rows == Counter(row["kind"] for row in dataset) and len(dataset) > 0
    for row in dataset:
        source, outputs = row["program"], given_outputs(row["program"], row["task_id"])
        (prompt,) = row["prompt"]
        truth = [example.output for example in (*TASKS[row["task_id"]].train, *TASKS[row["task_id"]].test)]
        assert load_prompt_set("soar").parse(row["completion"], row["prefill"]) == source
        if row["kind"] == "sample":
            assert prompt["content"] in prompts_of(row) and row["parents"] == [] and row["bin"] is None
        else:
            assert outputs == truth and row["test_accuracy"] == 1.0 and not test_time
            assert [given_outputs(parent, row["task_id"]) == truth for parent in row["parents"]] == [False]
            right = sum(map(list.__eq__, given_outputs(row["parents"][0], row["task_id"])[:3], truth))
            assert row["parent_accuracy"] == right / 3
            assert row["bin"] == ("0%", "(0, 34%]", "(34%, 98%)", ">=98%")[right]
            assert prompt["content"].count(": right.") == right and row["parents"][0].strip() in prompt["content"]
    assert (
        len({(row["task_id"], row["program"]) for row in dataset if row["kind"] == "sample"}) == report.rows["sample"]
    )


def test_all_four_bins_are_served_alike(run: Path) -> None:
    _, report = make_dataset(run, per_task=8, threshold=1.0)
    assert report.bins == dict.fromkeys(("0%", "(0, 34%]", "(34%, 98%)", ">=98%"), 4)
    assert all(report.supply[name] > 4 for name in report.bins)


def test_solutions_at_other_inputs_are_right_and_new(run: Path) -> None:
    options: dict[str, Any] = {"selection": "correct-only", "per_task": 6}
    dataset, report = make_dataset(run, augment=4, **options)
    variants = [row for row in dataset if row["symmetry"] or row["found_at"] != row["task_id"]]
    assert [row for row in dataset if row not in variants] == make_dataset(run, **options)[0].to_list()
    assert len(variants) == report.variants
    assert report.variants + report.unfit == 4 * (report.rows["sample"] - report.variants)
    assert {row["found_at"] == row["task_id"] for row in variants} == {True, False}
    assert 20 < len({(row["program"], row["prompt"][0]["content"]) for row in variants}) == len(variants)
    for row in variants:
        task = TASKS[row["task_id"]]
        moved = Symmetry.parse(row["symmetry"]).task(task) if row["symmetry"] else task.without_test_outputs()
        inputs = [example.input for example in (*moved.train, *moved.test)]
        (outcomes,) = sandbox().run([(row["program"], inputs)])
        examples = [Example(given, one.value) for given, one in zip(inputs, outcomes, strict=True)]
        orders = itertools.permutations(examples[:3])
        prompts = {load_prompt_set("soar").render(Task("t", order, moved.test)).text for order in orders}
        assert row["prompt"][0]["content"] in prompts
        if not row["symmetry"]:
            hits = [
                one.value == example.output for one, example in zip(outcomes, (*task.train, *task.test), strict=True)
            ]
            assert (row["train_accuracy"], row["test_accuracy"]) == (sum(hits[:3]) / 3, float(hits[3]))
    assert make_dataset(run, augment=4, **options)[0].to_list() == dataset.to_list()


def test_solutions_of_hard_tasks_are_shown_at_more_inputs(tmp_path: Path) -> None:
    right, wrong = "def transform(grid):\n    return grid[::-1]", "def transform(grid):\n    return [[9]]"
    examples = [{"input": [[1], [2]], "output": [[2], [1]]}, {"input": [[3], [4]], "output": [[4], [3]]}]
    task = soar.Task.from_json("flip", {"train": examples[:1], "test": examples[1:]})
    made = {}
    for solving in (1, 2, 4):
        model = soar.ScriptedModel([*[right] * solving, *[wrong] * (4 - solving)])
        run = soar.search(task, model, samples=4, refinements=0, run=tmp_path / str(solving), progress=False)
        assert sum(one.solves_examples for one in run.attempts) == solving
        options: dict[str, Any] = {"selection": "correct-only", "augment": 6}
        _, even = make_dataset(tmp_path / str(solving), **options)
        _, report = make_dataset(tmp_path / str(solving), augment_by="difficulty", **options)
        assert even.variants + even.unfit == 6
        made[solving] = report.variants + report.unfit
        assert report.options["augment_by"] == "difficulty"
    assert made == {1: 9, 2: 6, 4: 0}  # 2 * 6 * (1 - share of samples that solve it)


def test_programs_that_solve_nothing_can_be_shown_at_changed_inputs(run: Path) -> None:
    options: dict[str, Any] = {"per_task": 8, "threshold": 1.0}
    dataset, report = make_dataset(run, move_inputs=True, **options)
    plain = make_dataset(run, **options)[0].to_list()
    moved = [row for row in dataset if row["symmetry"]]
    solved = [row for row in plain if row["test_accuracy"] == row["train_accuracy"] == 1]
    assert [row for row in dataset if row not in moved] == solved and 0 < len(solved) < len(plain)
    assert len(moved) == report.variants and len(moved) + report.unfit == len(plain) - len(solved)
    assert all(row["train_accuracy"] < 1 or row["test_accuracy"] < 1 for row in moved)
    assert {row["program"] for row in moved} <= {row["program"] for row in plain}
    for row in moved:
        changed = Symmetry.parse(row["symmetry"]).task(TASKS[row["task_id"]])
        inputs = [example.input for example in (*changed.train, *changed.test)]
        (outcomes,) = sandbox().run([(row["program"], inputs)])
        examples = [Example(given, one.value) for given, one in zip(inputs, outcomes, strict=True)]
        prompts = {
            load_prompt_set("soar").render(Task("t", order, changed.test)).text
            for order in itertools.permutations(examples[:3])
        }
        assert row["prompt"][0]["content"] in prompts


def with_answers(run: Path, target: Path, answer: Any) -> Path:
    """A copy of a run whose tasks have this answer, or none."""
    shutil.copytree(run, target)
    tasks = json.loads((target / "tasks.json").read_text())
    for task in tasks.values():
        for example in task["test"]:
            example.pop("output")
            example.update({} if answer is None else {"output": answer})
    (target / "tasks.json").write_text(json.dumps(tasks))
    return target


def test_at_test_time_no_test_output_is_read(run: Path, tmp_path: Path) -> None:
    hidden = with_answers(run, tmp_path / "hidden", None)
    wrong = with_answers(run, tmp_path / "wrong", [[5]])
    expected, report = make_dataset(run, test_time=True, per_task=12, augment=2)
    for other in (hidden, wrong):
        dataset, _ = make_dataset(other, test_time=True, per_task=12, augment=2)
        assert dataset.to_list() == expected.to_list() and dataset._fingerprint == expected._fingerprint
    assert set(expected["test_accuracy"]) == {None} and report.rows["sample"] - report.variants == 24
    assert report.variants > 0 and set(report.rows) == {"sample"}
    assert make_dataset(wrong, per_task=12)[0].to_list() != make_dataset(run, per_task=12)[0].to_list()


def test_correct_programs_of_test_time_solve_the_examples(run: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"test_time": True, "selection": "correct-only", "per_task": 12}
    dataset, report = make_dataset(run, **options)
    assert set(dataset["train_accuracy"]) == {1.0} and set(dataset["test_accuracy"]) == {None}
    assert 0 < report.rows["sample"] == len(dataset) <= 24
    wrong, _ = make_dataset(with_answers(run, tmp_path / "wrong", [[5]]), **options)
    assert wrong.to_list() == dataset.to_list()


def bloated(prompt: Prompt, place: int, rng: random.Random) -> str:
    """Right programs with up to three lines that change nothing."""
    lines = [f"    unused_{i} = len(grid) + {rng.randrange(9)}\n" for i in range(rng.randrange(4))]
    return f"```python\ndef transform(grid):\n{''.join(lines)}    return [row[::-1] for row in grid]\n```\n"


def test_simplified_rows_are_short_and_true_when_run_again(tmp_path: Path) -> None:
    results = soar.search(TASKS, ScriptedModel(bloated), run=tmp_path, progress=False, **SIZES)
    plain, _ = make_dataset(results, selection="correct-only", threshold=1.0, augment=2)
    dataset, report = make_dataset(results, selection="correct-only", threshold=1.0, augment=2, simplify=True)
    assert len(set(plain["program"])) > 3 and report.simplified > 3
    assert set(dataset["program"]) == {"def transform(grid):\n    return [row[::-1] for row in grid]\n"}
    assert report.characters_left < report.characters and "changed nothing" in str(report)
    with ExitStack() as stack:
        sources = open_sources(results, None, stack)
        for row in dataset:
            shown = row_task(sources, row, 0)
            for example in (*shown.train, *shown.test):
                assert [[*line[::-1]] for line in example.input] == example.output  # type: ignore[union-attr]


def test_without_answers_there_are_no_refinements(run: Path, tmp_path: Path) -> None:
    _, report = make_dataset(with_answers(run, tmp_path / "hidden", None))
    assert report.rows["refine"] == 0 and report.rows["sample"] > 0 and report.unknown_tests == 2


def test_prompts_are_those_of_the_search(run: Path) -> None:
    """Without shuffling, the prompts of rows have the hashes that the search recorded."""
    connection = sqlite3.connect(run / "archive.sqlite")
    recorded = dict(connection.execute("SELECT task_hash || key, prompt_hash FROM request"))
    prompts = load_prompt_set("soar")
    compared = Counter()
    with soar.Archive(run) as archive:
        for task in TASKS.values():
            attempts = {attempt.key: attempt for attempt in archive.attempts(Evaluator(task))}
            for key, attempt in attempts.items():
                parents = [attempts[parent] for parent in attempt.parents]
                if not parents and not (attempt.eligible and attempt.solves_examples):
                    continue
                shown = task if parents else relabel(task, attempt)
                prompt = prompts.render(*reorder(shown, parents, range(len(task.train))))
                assert prompt_hash(prompt) == recorded[task.content_hash + key.rpartition("/")[0]]
                compared[attempt.phase] += 1
    connection.close()
    assert compared["sample"] > 10 and compared["refine"] > 100


def test_minis_rows_have_the_tokens_of_its_search(tmp_path: Path) -> None:
    from soar.models.mini import MiniModel

    task = soar.find_task("007bbfb7")
    results = soar.search({task.id: task}, "mini", samples=8, refinements=8, run=tmp_path / "run")
    connection = sqlite3.connect(tmp_path / "run" / "archive.sqlite")
    recorded = dict(connection.execute("SELECT key, prompt_tokens FROM request"))
    connection.close()
    model, prompts = MiniModel(workers=1), load_prompt_set("mini")
    ids = [number for part in model._encode(prompts.render(task)) for number in part]
    for attempt in results[task.id].attempts:
        if attempt.parents:
            with soar.Archive(tmp_path / "run") as archive:
                prompt = prompts.render(task, [archive.find(Evaluator(task), key) for key in attempt.parents])
            searched = [number for part in model._encode(prompt) for number in part]
            row = Prompt(prompt.messages, prompt.prefill)  # what a row keeps of it
            assert model._encode(row)[0] + model._encode(row)[1] == searched
            assert len(searched) == recorded[attempt.key.rpartition("/")[0]]
    dataset, _ = make_dataset(tmp_path / "run")
    for row in dataset:
        if row["train_accuracy"] == 1.0 and row["kind"] == "sample":
            shown = model._encode(Prompt(tuple(row["prompt"]), row["prefill"]))[1]
            assert sorted([model.bos, *shown]) == sorted(ids)  # the same examples, in another order
    model.close()


def test_the_report_accounts_for_every_attempt(run: Path) -> None:
    dataset, report = make_dataset(run)
    stats = [result.stats for result in load_run(run).values()]
    assert report.completions == sum(one.completions for one in stats) == 640
    assert report.no_program == sum(one.parse_failures for one in stats)
    assert report.broken_rules == sum((Counter(one.broken_rules) for one in stats), Counter())
    assert report.eligible == sum(one.eligible for one in stats)
    assert {"invalid-output", "pass-through", "blank-output"} <= set(report.broken_rules)
    assert report.near_duplicates > 0 and report.same_outputs > 0 and report.right_parents > 0
    assert report.right_children > report.steps > report.step_duplicates > 0
    assert sum(report.rows_per_task.values()) == len(dataset) == sum(report.rows_per_model.values())
    assert sum(report.bins.values()) == report.rows["refine"] and report.tasks == 2
    assert json.loads(json.dumps(report.to_json()))["rows"] == dict(report.rows)
    text = str(report)
    assert f"{report.programs}" in text and "near-duplicates" in text and "parent (34%, 98%)" in text


def test_the_seed_decides_everything(run: Path) -> None:
    first, again, other = (make_dataset(run, seed=seed)[0] for seed in (0, 0, 1))
    assert first.to_list() == again.to_list() and first._fingerprint == again._fingerprint
    assert first.to_list() != other.to_list()


def test_runs_are_pooled_without_duplicates(run: Path, tmp_path: Path) -> None:
    alone, _ = make_dataset(run)
    twice, report = make_dataset([run, load_run(run)])
    assert twice.to_list() == alone.to_list() and report.completions == 1280
    soar.search(TASKS, ScriptedModel(script, name="other"), run=tmp_path / "b", seed=2, **SIZES)
    both, report = make_dataset([run, tmp_path / "b"], per_task=10)
    assert set(both["model"]) == {"scripted", "other"}
    assert max(Counter(row["task_id"] for row in both if row["kind"] == "sample").values()) == 10
    assert set(report.rows_per_model) == {"other, base, iteration 0", "scripted, base, iteration 0"}


def test_the_round_can_be_chosen(tmp_path: Path) -> None:
    folder, sizes = tmp_path / "run", SIZES | {"samples": 32, "refinements": 0}
    for iteration in (0, 1):
        soar.search(TASKS, ScriptedModel(script), run=folder, seed=iteration, iteration=iteration, **sizes)
    rounds = {chosen: set(make_dataset(folder, iteration=chosen)[0]["iteration"]) for chosen in (None, 0, 1, "all")}
    assert rounds == {None: {1}, 0: {0}, 1: {1}, "all": {0, 1}}
    with pytest.raises(ConfigError, match="no search of iteration 2"):
        make_dataset(folder, iteration=2)


def test_prompts_too_long_are_shortened_or_left_out(tmp_path: Path) -> None:
    (length,) = ScriptedModel(script).count_tokens([load_prompt_set("soar").render(TASKS["large"])])
    kept, cut = (tmp_path / name for name in ("kept", "cut"))
    model = ScriptedModel(script, context_length=2048 + length)  # the longest reply, and no more
    sizes = SIZES | {"refinements": 0}
    soar.search(TASKS, model, run=kept, seed=1, **sizes)
    soar.search(TASKS, model, run=cut, seed=1, drop_examples=True, **sizes)
    _, everything = make_dataset(kept)
    assert everything.too_long == 0 and everything.unmeasured == ["scripted"]
    dataset, report = make_dataset(kept, model=model)
    assert report.too_long > 0 == report.shortened and len(dataset) == everything.rows.total() - report.too_long
    assert all(model.count_tokens([Prompt(tuple(row["prompt"]), row["prefill"])])[0] <= length for row in dataset)
    shorter, report = make_dataset(cut, model=model)
    assert report.shortened > 0 == report.too_long and len(shorter) == everything.rows.total()
    assert all(model.count_tokens([Prompt(tuple(row["prompt"]), row["prefill"])])[0] <= length for row in shorter)


def test_what_cannot_be_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nearest: greedy"):
        make_dataset(run, selection="greed")  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="nearest: diverse"):
        make_dataset(run, refinement="divers")  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="greedy-diverse or correct-only"):
        make_dataset(run, test_time=True, selection="uniform")
    with pytest.raises(DatasetError, match=r"augment_by 'hard'.*even, difficulty"):
        make_dataset(run, augment=1, augment_by="hard")  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="augment is at least 0"):
        make_dataset(run, augment=-1)
    with pytest.raises(DatasetError, match="no run"):
        make_dataset([])
    with pytest.raises(ConfigError, match="is it the folder of a run"):
        make_dataset(tmp_path)


def test_a_prompt_set_that_has_changed_is_refused(tmp_path: Path) -> None:
    prompts = tmp_path / "own"
    shutil.copytree(Path("prompts/soar"), prompts)
    sizes = SIZES | {"refinements": 0}
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "run", prompt_set=str(prompts), **sizes)
    dataset, _ = make_dataset(tmp_path / "run")
    assert {name.partition(":")[0] for name in dataset["prompt_set"]} == {"own"}
    (prompts / "sample.j2").write_text("Anything.")
    with pytest.raises(PromptError, match="has changed since"):
        make_dataset(tmp_path / "run")


def test_what_no_rule_guards_cannot_become_a_row(tmp_path: Path) -> None:
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "run", rules=(), **SIZES)
    dataset, report = make_dataset(tmp_path / "run")
    assert report.no_output > 0 and len(dataset) > 0


def test_relabelling_needs_an_output_for_every_input(run: Path) -> None:
    with soar.Archive(run) as archive:
        task = TASKS["small"]
        failed = next(one for one in archive.attempts(Evaluator(task)) if one.program and one.train[0].status != "ok")
        with pytest.raises(ValueError, match="without an output"):
            relabel(task, failed)


def test_a_dataset_can_be_saved_and_loaded(run: Path, tmp_path: Path) -> None:
    from datasets import load_from_disk

    dataset, _ = make_dataset(run)
    dataset.save_to_disk(tmp_path / "dataset")
    assert load_from_disk(tmp_path / "dataset").to_list() == dataset.to_list()
    assert len(dataset.map(lambda row: {"n": len(row["completion"])})) == len(dataset)
    assert Program(dataset[0]["program"]).hash == dataset[0]["program_hash"]
    assert np.isclose(dataset[0]["train_accuracy"], 1.0)


def command(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["dataset", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_the_command_shows_the_report_and_some_rows(run: Path) -> None:
    text = command(run, "--per-task", 8)
    dataset, report = make_dataset(run, per_task=8)
    assert "rows for sampling" in text and f"Row 0, task {dataset[0]['task_id']}, relabelled" in text
    assert "refined from a parent with" in text and f"at most 8 a task, {report.rows['sample'] / 2:.1f}" in text
    assert "rows for refinement" not in command(run, "--test-time")


def test_the_command_shows_a_row_and_draws_its_task(run: Path, tmp_path: Path) -> None:
    dataset, _ = make_dataset(run, seed=3)
    number = dataset["train_accuracy"].index(0.0)
    text = command(run, "--row", number, "--seed", 3, "--picture", tmp_path / "row.svg")
    row = dataset[number]
    lines = [line.strip() for line in text.splitlines()]
    assert all(line.strip() in lines for line in row["completion"].splitlines())
    assert "prompt, user" in text and row["program_hash"] in text and "<svg" in (tmp_path / "row.svg").read_text()


def test_the_picture_of_a_row_is_the_task_in_its_prompt(run: Path) -> None:
    dataset, _ = make_dataset(run, seed=5, per_task=20, augment=1)
    assert len(set(dataset["symmetry"])) > 5
    with ExitStack() as stack:
        sources = open_sources(run, None, stack)
        for row in dataset:
            (prompt,) = row["prompt"]
            shown = load_prompt_set("soar").render(row_task(sources, row, seed=5)).text
            assert prompt["content"].startswith(shown)


def test_the_command_writes_what_was_made(run: Path, tmp_path: Path) -> None:
    from datasets import Dataset, load_from_disk

    text = command(run, "--save", tmp_path / "rows", "--parquet", tmp_path / "rows.parquet", "--selection", "uniform")
    expected, _ = make_dataset(run, selection="uniform")
    assert load_from_disk(tmp_path / "rows").to_list() == expected.to_list()
    assert Dataset.from_parquet(str(tmp_path / "rows.parquet")).to_list() == expected.to_list()
    assert f"{len(expected)} rows in" in text


def test_the_command_refuses_what_cannot_be(run: Path, tmp_path: Path) -> None:
    mistakes = {"no row 9999": ("--row", 9999), "with --row": ("--picture", "x.svg"), "or 'all'": ("--iteration", "x")}
    for message, options in mistakes.items():
        with pytest.raises(DatasetError, match=message):
            command(run, *options)
