"""Replies of many shapes, kept in the folder replies: a program that mirrors rows is found wherever there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.programs.parsing.code import MAX_CODE
from soar.programs.parsing.replies import ENTRY_POINT, ParseFailure, parse_reply, tidied, write_reply
from soar.prompts.prompt_set import load_prompt_set
from soar.sandbox import Sandbox

INPUTS, MIRRORED = [[[1, 2], [3, 4]], [[5, 6]]], [[[2, 1], [4, 3]], [[6, 5]]]
PROGRAM = "def transform(grid):\n    return [row[::-1] for row in grid]\n"


def corpus() -> dict[str, tuple[str, str]]:
    """By name: "right", "broken" (the program cannot run) or "none" (there is none), and the reply."""
    text = (Path(__file__).parent / "replies" / "replies.txt").read_bytes().decode()
    parts = [part.partition("\n") for part in text.split("=====8<===== ")[1:]]
    heads = [(head.partition(": "), reply.removesuffix("\n")) for head, _, reply in parts]
    return {name: (wanted, reply) for (wanted, _, name), reply in heads}


CORPUS = corpus()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as opened:
        yield opened


def test_the_corpus_is_large_and_most_of_its_replies_hold_a_program() -> None:
    assert Counter(wanted for wanted, _ in CORPUS.values()) == {"right": 91, "none": 5, "broken": 2}


@pytest.mark.parametrize("name", CORPUS)
def test_text_around_the_function_does_not_decide_whether_it_counts(name: str, sandbox: Sandbox) -> None:
    wanted, reply = CORPUS[name]
    source = parse_reply(reply)
    if isinstance(source, ParseFailure):
        found = "none"
    else:
        [outcomes] = sandbox.run([(source, INPUTS)], ENTRY_POINT)
        found = "right" if [one.value for one in outcomes] == MIRRORED else "broken"
        assert parse_reply(write_reply(source)) == source == tidied(source)
    assert found == wanted, source


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def test_what_runs_stays_as_it_was_written() -> None:
    code = "# how\nimport sys\n\nsys.setrecursionlimit(9999)\nN = 3  # three\nROWS = []\nROWS.append(N)\n\n"
    code += "def transform(grid):\n    return ROWS and grid\n"
    assert parse_reply(fenced(code)) == code
    code = (
        "import random\nrandom.seed(0)\nD = {(0, 1): 'a'}\nD[1, 0] = 'b'\n\n\ndef transform(g):\n    return D and g\n"
    )
    assert parse_reply(fenced(code)) == code


def test_what_cannot_run_without_a_task_goes_with_the_remark_above_it() -> None:
    demo = (
        "\n\n# Try it:\nfor pair in pairs:\n    print(transform(pair))\nassert x\nplt.show()\nout = transform(grid)\n"
    )
    assert parse_reply(fenced("import matplotlib.pyplot as plt\n" + PROGRAM + demo)) == PROGRAM
    assert parse_reply(fenced("a = 1; print(a); b = 2\n" + PROGRAM)) == "a = 1; b = 2\n" + PROGRAM


def test_added_lines_say_so() -> None:
    source = parse_reply(fenced('"""Mirror."""\nimport math\n\ndef solve(g: List[Dict]):\n    return np.fliplr(g)'))
    assert source == (
        '"""Mirror."""\nimport math\nfrom typing import Dict  # added\nfrom typing import List  # added\n'
        "import numpy as np  # added\n\ndef solve(g: List[Dict]):\n    return np.fliplr(g)\n\n\n"
        "transform = solve  # added\n"
    )


def test_only_one_unmistakable_function_takes_the_place() -> None:
    two = "def left(g):\n    return g\n\ndef right(g):\n    return g\n"
    assert isinstance(parse_reply(fenced(two)), ParseFailure)
    assert parse_reply(fenced(two.replace("right", "solve"))).endswith("transform = solve  # added\n")  # type: ignore[union-attr]
    assert isinstance(parse_reply(fenced("def helper(g):\n    return g") + "\n```python\ndef transform(g"), str)
    assert "transform =" not in str(
        parse_reply(fenced("def helper(g):\n    return g") + "\n```python\ndef transform(g")
    )


def test_a_helper_comes_from_the_nearest_block_before() -> None:
    helpers = [fenced(f"def flip(row):\n    return {n}") for n in (1, 2)]
    main = fenced("def transform(grid):\n    return [flip(row) for row in grid]")
    source = parse_reply("\n".join([*helpers, main, fenced("def flip(row):\n    return 3")]))
    assert isinstance(source, str) and "return 2" in source and "return 1" not in source and "return 3" not in source


def test_nothing_in_a_reply_is_run(tmp_path: Path) -> None:
    touch = f"open({str(tmp_path / 'touched')!r}, 'w')"
    parse_reply(fenced(f"import os\n{touch}\nX = {touch}\n@{touch}\ndef f(a={touch}): pass\n{PROGRAM}"))
    assert not list(tmp_path.iterdir())


HOSTILE = {
    "parentheses": "(" * 10**5,
    "deep parentheses": "x = " + "(" * 199 + ")" * 199,
    "minus signs": "x = " + "-" * 40000 + "1",
    "attributes": "x = a" + ".b" * 20000,
    "a long sum": "x = " + "+".join("1" * 20000),
    "lambdas": "x = " + "lambda:" * 5000 + "1",
    "elif without end": "if a: pass\n" + "elif a: pass\n" * 3000,
    "null bytes": "a\0b = 1",
    "half a character": "x = '\ud800'",
    "a huge int": "x = " + "9" * 40000,
    "statements": "a = 1\n" * 8000,
    "functions": "def f(x): return g(x)\n" * 900,
    "a chain of calls": "\n".join(f"def f{i}(): return f{i + 1}()" for i in range(900)),
    "deep blocks": "".join(" " * i + "if x:\n" for i in range(99)) + " " * 99 + "pass",
    "docstrings and fences": '"""\n```\n' * 3000,
    "fences": "```\n" * 20000,
    "open fences": "```python\n'''\n" * 4000,
    "tags": "<pre" * 9000 + "<pre>" * 9000,
    "backticks": "`def " * 20000,
    "a session": ">>> \n" * 9000,
    "quotes": "> \n" * 30000,
    "objects": '{"a":' * 20000 + "}" * 20000,
    "prose like code": "x(\n" * 9000,
    "a million characters": "x = 1\n" * 170000,
    "line ends": "\r" * 50000 + "\x0c" * 50000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_replies_are_read_without_a_mishap(name: str) -> None:
    text = HOSTILE[name]
    for reply in (text, fenced(text), fenced(PROGRAM + "\n" + text), PROGRAM + "\n" + text):
        assert isinstance(parse_reply(reply), str | ParseFailure)
    assert parse_reply(fenced(text) + "\nSo:\n" + fenced(PROGRAM)) == PROGRAM or name in (
        *("fences", "docstrings and fences", "open fences"),
    )


def test_a_program_beyond_the_bound_is_taken_as_it_stands() -> None:
    code = PROGRAM + "\nprint(transform(x))\n" + "# " * MAX_CODE
    assert parse_reply(fenced(code)) == code + "\n"
    assert parse_reply(write_reply(code + "\n")) == code + "\n"


PARTS = sorted({line for _, reply in CORPUS.values() for line in reply.split("\n")})


@given(
    st.lists(st.one_of(st.sampled_from(PARTS), st.sampled_from([reply for _, reply in CORPUS.values()])), max_size=9)
)
def test_whatever_is_read_is_read_again_from_its_own_reply(parts: list[str]) -> None:
    source = parse_reply("\n".join(parts))
    if isinstance(source, str):
        assert parse_reply(write_reply(source)) == source


def test_an_older_program_that_would_be_tidied_now_can_still_be_learnt() -> None:
    prompts, old = load_prompt_set("soar"), PROGRAM + "\nprint(transform([[1]]))\n"
    assert prompts.parse(prompts.reply(old)) == PROGRAM
