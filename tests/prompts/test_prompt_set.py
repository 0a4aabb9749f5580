from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
from inspect import isfunction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.programs.parsing.replies import ParseFailure, parse_reply
from soar.programs.program import Attempt, Program
from soar.prompts import notation
from soar.prompts.prompt_set import FewShot, PromptError, load_prompt_set, without_largest
from soar.sandbox.outcome import Outcome, ProgramError
from soar.tasks.task import Example, Task
from tests.search_support import TASKS, attempt

CODE = "import numpy as np\n\ndef helper(grid):\n    return grid\n\ndef transform(grid):\n    return helper(grid)\n"
WORDS = Task("w", (Example("ab", "ba"), Example("cde", "edc")), (Example("xy", "yx"),))


def parent_of(task: Task, *outcomes: Outcome, test: Outcome) -> Attempt:
    made = attempt("0/sample/-/0/0", 0.5, train=outcomes)
    return dataclasses.replace(made, task_id=task.id, program=Program(CODE), test=(test,))


def parents() -> dict[str, tuple[Task, Attempt]]:
    task = TASKS["task0"]
    right, wrong = Outcome("ok", task.train[0].output), Outcome("ok", [[7, 7]])
    error = Outcome("error", None, ProgramError("IndexError", "out of range", 7))
    words = parent_of(WORDS, Outcome("ok", "ba"), Outcome("ok", 3), test=Outcome("ok", None))
    return {"soar": (task, parent_of(task, right, wrong, error, test=wrong)), "values": (WORDS, words)}


@pytest.mark.parametrize("name", ["soar", "values", "crossover", "golden", "grids", "mini"])
def test_a_refinement_prompt_begins_with_the_sampling_prompt(name: str) -> None:
    task, parent = parents()["values" if name == "values" else "soar"]
    prompts = load_prompt_set(name)
    sample, refine = prompts.render(task), prompts.render(task, [parent])
    start = sample.text.removesuffix(sample.prefill)
    assert sample.prefix == refine.prefix == len(start)
    assert refine.text.startswith(start)
    assert len(refine.text) > len(sample.text)
    assert parent.program is not None and parent.program.source.strip() in refine.text


@pytest.mark.parametrize("name", ["soar", "values", "crossover", "golden", "grids", "mini"])
def test_prompts_are_what_they_were(name: str) -> None:
    """A prompt that changes makes another model of every adapter: change the text in the folder golden only on purpose.

    To write it anew: delete the file, and run this test twice.
    """
    task, parent = parents()["values" if name == "values" else "soar"]
    prompts = load_prompt_set(name)
    parts = {"sample": prompts.render(task), "refine": prompts.render(task, [parent] * prompts.settings.parents)}
    text = "".join(
        f"===== {part}, {message['role']}\n{message['content']}\n" for part in parts for message in parts[part].messages
    )
    text += f"===== prefill\n{parts['sample'].prefill}\n"
    file = Path(__file__).parent / "golden" / f"{name}.txt"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        pytest.fail(f"{file} was not there and has been written: look at it, and run the test again")
    assert text == file.read_text()


def test_a_refinement_says_what_was_right_wrong_and_raised() -> None:
    task, parent = parents()["soar"]
    text = load_prompt_set("soar").render(task, [parent]).text
    assert "Example 1: right" in text
    assert "Example 2: wrong. It returned (1x2, expected 3x3):\n7 7\n" in text
    assert "Example 3: failed (error: IndexError: out of range, line 7)" in text
    assert "Test 1: unknown whether correct. It returned (1x2):\n7 7\n" in text


def test_values_are_shown_as_json() -> None:
    task, parent = parents()["values"]
    text = load_prompt_set("values").render(task, [parent]).text
    assert 'Example 1: "ab" -> "ba"\n' in text
    assert 'Example 2: wrong. It returned 3, expected "edc".' in text


@pytest.mark.parametrize("name", ["soar", "values", "crossover", "golden", "grids", "mini"])
def test_test_outputs_are_never_shown(name: str) -> None:
    task, parent = parents()["values" if name == "values" else "soar"]
    prompts = load_prompt_set(name)
    assert prompts.render(task, [parent]) == prompts.render(task.without_test_outputs(), [parent])


@pytest.mark.parametrize("name", ["soar", "values", "crossover", "golden", "grids"])
def test_a_solved_example_can_be_shown_before(name: str) -> None:
    task, _ = parents()["values" if name == "values" else "soar"]
    solved = FewShot(task, Program("def transform(x):\n    return solved(x)\n"))
    assert "return solved(x)" in load_prompt_set(name).render(task, few_shot=solved).text


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "sample.j2").write_text("{{ task.id }}?")
    (tmp_path / "refine.j2").write_text(" not {{ parents[0].program.source }}")
    (tmp_path / "system.j2").write_text("Be brief.")
    (tmp_path / "prefill.j2").write_text("```python\n")
    prompts = load_prompt_set(tmp_path)
    prompt = prompts.render(WORDS)
    assert [message["role"] for message in prompt.messages] == ["system", "user"]
    assert prompt.text == "Be brief.w?```python" and prompt.prefix == len("Be brief.w?")
    before = prompts.hash
    (tmp_path / "sample.j2").write_text("{{ task.id }}!!")
    assert load_prompt_set(tmp_path).hash != before


def test_bad_sets_are_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="nearest: soar"):
        load_prompt_set("saor")
    with pytest.raises(PromptError, match=r"sample\.j2 is missing"):
        load_prompt_set(tmp_path)
    (tmp_path / "sample.j2").write_text("{% if %}")
    (tmp_path / "refine.j2").write_text("")
    with pytest.raises(PromptError, match=tmp_path.name):
        load_prompt_set(tmp_path)
    (tmp_path / "sample.j2").write_text("x")
    (tmp_path / "set.toml").write_text("rw = true")
    with pytest.raises(PromptError, match="rw"):
        load_prompt_set(tmp_path)


REPLIES = {
    "fenced": f"Sure.\n```python\n{CODE}```\nThat is it.",
    "no language": f"```\n{CODE}```",
    "tildes": f"~~~py\n{CODE}~~~",
    "unclosed": f"Here:\n```python\n{CODE}",
    "bare": CODE,
    "prose around": f"The rule mirrors the grid (I think).\n\n{CODE}\nThis works because rows are reversed.",
    "thinking": f"<think>maybe\n```python\ndef transform(g): return 1\n```\n</think>\n```python\n{CODE}```",
    "thought, tag in the prompt": f"def transform(x): no\n</think>\n```python\n{CODE}```",
    "last block counts": f"```python\ndef transform(grid):\n    return 1\n```\nBetter:\n```python\n{CODE}```",
    "other block after": f"```python\n{CODE}```\nFor example:\n```python\nprint(transform([[1]]))\n```",
    "output block before": f"```\n[[1, 2]]\n```\n```python\n{CODE}```",
    "windows": f"```python\n{CODE}```".replace("\n", "\r\n"),
    "in a list": "1. So:\n\n   ```python\n" + "".join(f"   {line}\n" for line in CODE.splitlines()) + "   ```\n",
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_the_program_is_found(reply: str) -> None:
    source = parse_reply(reply)
    assert isinstance(source, str)
    assert [line for line in source.splitlines() if line.strip()] == [line for line in CODE.splitlines() if line]


def test_source_with_syntax_errors_is_still_a_program() -> None:
    assert parse_reply("```python\ndef transform(grid):\n    return [[\n```") == "def transform(grid):\n    return [[\n"


@pytest.mark.parametrize(
    "reply", ["", "  \n", "I do not know.", "```python\nprint(1)\n```", "<think>def transform(x): 1"]
)
def test_a_reply_without_a_program_is_a_failure(reply: str) -> None:
    assert isinstance(parse_reply(reply), ParseFailure)


def test_the_prefill_begins_the_program() -> None:
    assert (
        parse_reply("    return grid\n```", "```python\ndef transform(grid):\n")
        == "def transform(grid):\n    return grid\n"
    )
    raw = parse_reply("    return grid", "def transform(grid):\n", raw=True)
    assert raw == "def transform(grid):\n    return grid"
    assert isinstance(parse_reply("  ", "def transform(grid):\n", raw=True), ParseFailure)


def test_golden_begins_the_reply_and_shows_grids_both_ways() -> None:
    prompts, task = load_prompt_set("golden"), Task("t", (Example([[1, 2, 3]], [[4]]),), (Example([[5]]),))
    prompt = prompts.render(task)
    assert prompt.prefill.endswith('list[list[int]]:\n    """\n    Observations:\n    1.')
    assert "Example 1, input, 1 rows by 3 columns:\n1 2 3\n" in prompt.text
    assert "Example 1, input, transposed:\n1\n2\n3\n" in prompt.text
    reply = (
        ' It grows.\n\n    Procedure:\n    1. Double it.\n    """\n    return [row + row for row in grid]\n```\nDone.'
    )
    source = prompts.parse(reply, prompt.prefill)
    assert isinstance(source, str) and source.startswith("def transform(grid") and source.endswith("in grid]\n")
    compile(source, "reply", "exec")


def test_grids_lists_every_function_of_the_library() -> None:
    from soar import grids

    text = load_prompt_set("grids").render(TASKS["task0"]).text
    functions = [name for name, value in vars(grids).items() if isfunction(value) and not name.startswith("_")]
    assert len(functions) > 100 and all(f"\n{name}(" in text for name in functions)
    assert "\nflood(grid, y, x, color)\n" in text and "\ncount(grid, color) -> int\n" in text


def test_the_hash_of_a_set_knows_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample.j2").write_text("{{ grids_library() }}")
    (tmp_path / "refine.j2").write_text("")
    before = load_prompt_set(tmp_path).hash
    monkeypatch.setattr("soar.prompts.prompt_set.grids_library", lambda: "another library")
    (tmp_path / "refine.j2").touch()
    assert load_prompt_set(tmp_path).hash != before


def test_the_hash_of_a_set_knows_the_code_behind_its_functions(tmp_path: Path) -> None:
    (tmp_path / "sample.j2").write_text("{{ task.train[0].input | mini_grid }}")
    (tmp_path / "refine.j2").write_text("")
    code = "from soar.prompts import notation\n{change}\nfrom soar.prompts.prompt_set import load_prompt_set\n"
    code += f"print(load_prompt_set({str(tmp_path)!r}).hash)"
    source = Path(notation.__file__).read_text()
    hashes = []
    for changed in (source, source + "\n# a comment\n", source.replace("SHOWN_MISTAKES = 2", "SHOWN_MISTAKES = 3")):
        (tmp_path / "notation.py").write_text(changed)
        swap = f"import inspect, linecache; notation.__file__ = {str(tmp_path / 'notation.py')!r}"
        swap += "; inspect.getsource = lambda one: open(one.__file__).read() if hasattr(one, '__file__') else 'pass'"
        command = [sys.executable, "-c", code.format(change=swap)]
        hashes.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_largest_examples_are_dropped_from_task_and_parents() -> None:
    small, large, middle = (Example([[1] * n], [[2]]) for n in (1, 9, 5))
    task = Task("t", (small, large, middle), (Example([[3]]),))
    made = dataclasses.replace(
        attempt("a", 0.0), train=tuple(Outcome("ok", [[n]]) for n in (1, 9, 5)), solved=(True, False, True)
    )
    shorter, (parent,) = without_largest(task, [made], 1)
    assert parent.solved == (True, True)
    assert shorter.train == (small, middle) and [one.value for one in parent.train] == [[[1]], [[5]]]
    assert without_largest(task, [made], 2)[0].train == (small,)
    assert without_largest(task, [made], 0) == (task, (made,))


def test_a_reply_that_begins_anew_is_taken_alone() -> None:
    prefill = '```python\ndef transform(grid):\n    """\n    Observations:\n    1.'
    assert parse_reply(f"Let me see.\n```python\n{CODE}```", prefill) == CODE
    again = f' Rows\n    """\n    return grid\n```\nBetter:\n```python\n{CODE}```'
    assert parse_reply(again, prefill) == CODE


PROSE = st.text(st.characters(exclude_characters="`~<>", exclude_categories=["C"]), max_size=60).filter(
    lambda text: "def " not in text
)
FENCES = st.sampled_from(["```python", "```py", "```", "~~~", "````python"])


@given(PROSE, PROSE, FENCES, st.booleans(), st.sampled_from(["", "think", "thinking"]), st.sampled_from(["\n", "\r\n"]))
def test_a_program_is_found_whatever_stands_around_it(
    before: str, after: str, fence: str, closed: bool, thinking: str, newline: str
) -> None:
    mark = fence.rstrip("pyhton")
    thought = f"<{thinking}>{before}\n```python\ndef transform(x): wrong\n```\n</{thinking}>\n" if thinking else ""
    end = f"{mark}\n{after}" if closed else ""
    reply = f"{thought}{before}\n{fence}\n{CODE}{end}".replace("\n", newline)
    assert parse_reply(reply) == CODE


@given(st.text(st.sampled_from("`~\n dctef<>/hink()transform:=#\"'"), max_size=200))
def test_any_reply_is_read_without_a_mishap(reply: str) -> None:
    assert isinstance(parse_reply("def transform(" + reply), str | ParseFailure)


LINES = st.sampled_from(
    ["```python", "```", "~~~", "````", "    ```", "def transform(grid):", "    return grid", '    """', "    1. It",
     "<think>", "</think>", "x <th</think>ink>", "The rule:", "", "x = 1", "  def transform(grid):", "\r", "\x0c", "é▷"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(LINES, st.text(max_size=8)), max_size=14).map("\n".join)
SETS = ["soar", "values", "crossover", "golden", "grids", "mini"]


@pytest.mark.parametrize("name", SETS)
@given(TEXTS)
def test_a_program_that_was_read_from_a_reply_can_be_written_as_one(name: str, text: str) -> None:
    prompts = load_prompt_set(name)
    prefill = prompts.render(parents()["values" if name == "values" else "soar"][0]).prefill
    for begun in {prefill, ""}:
        source = prompts.parse(text, begun)
        if isinstance(source, str) and is_python(source):  # what is learnt from has run
            assert prompts.parse(prompts.reply(source, begun), begun) == source


def is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def test_a_reply_goes_on_where_the_prefill_ends() -> None:
    golden, mini = load_prompt_set("golden"), load_prompt_set("mini")
    prefill = golden.render(TASKS["task0"]).prefill
    rest = ' It grows.\n    """\n    return grid\n```\n'
    source = golden.parse(rest, prefill)
    assert isinstance(source, str) and golden.reply(source, prefill) == rest
    assert golden.reply(CODE, prefill) == f"\n```python\n{CODE}```\n"
    prefill = mini.render(TASKS["task0"]).prefill
    assert mini.reply(prefill + "    return rot90(grid)\n", prefill) == "    return rot90(grid)\n"
    with pytest.raises(PromptError, match="no reply can be read"):
        mini.reply(CODE, prefill)
