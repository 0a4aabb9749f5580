"""Edits and rewrites are carried out whole, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.programs.edits import MAX_REPLY, edited, rewritten
from soar.programs.parsing.replies import ParseFailure

SOURCE = "import math\n# EVOLVE-BLOCK-START\ndef f(x):\n    y = 1\n    return x\n# EVOLVE-BLOCK-END\nz = 1\n"


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def reason(made: str | ParseFailure) -> str:
    assert isinstance(made, ParseFailure), made
    return made.reason


def test_blocks_are_carried_out_one_after_another() -> None:
    made = edited(SOURCE, f"First:\n{block('    y = 1', '    y = 2')}then\n{block('    y = 2  ', '    y = 3')}")
    assert made == SOURCE.replace("y = 1\n", "y = 3\n")
    removed = edited(SOURCE, "<<<<<<< SEARCH\n    y = 1\n=======\n>>>>>>> REPLACE")
    assert removed == SOURCE.replace("    y = 1\n", "")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("no block", "no SEARCH/REPLACE block"),
        (block("    y = 9", "    y = 2"), "is not in the program"),
        (block("y = 1", "y = 2"), "is not in the program"),  # not the whole line
        (block("z = 1", "z = 2"), "outside EVOLVE-BLOCK"),
        (block("import math", ""), "outside EVOLVE-BLOCK"),
        (block("# EVOLVE-BLOCK-END", ""), "outside EVOLVE-BLOCK"),
        (block("    y = 1", "# EVOLVE-BLOCK-END\n    y = 1"), "a mark"),
        (block("    y = 1", "    y = ("), "no Python"),
        (block("    y = 1", "    y = 1"), "as it was"),
        (block("    y = 1", "    y = 2") + block("nowhere", "x"), "block 2"),
        (block("", "x"), "empty"),
        ("<<<<<<< SEARCH\n    y = 1\n=======\n    y = 2", "no end"),
        ("=======\n", "wrong order"),
        ("<<<<<<< SEARCH\n<<<<<<< SEARCH\n", "wrong order"),
        ("x" * (MAX_REPLY + 1), "too long"),
    ],
)
def test_what_cannot_be_carried_out_says_why(reply: str, why: str) -> None:
    assert why in reason(edited(SOURCE, reply))


def test_a_text_that_is_there_twice_is_not_guessed_at() -> None:
    assert "2 times" in reason(edited("a = 1\nb = 2\na = 1\n", block("a = 1", "a = 3")))


def test_a_rewrite_is_one_block_and_leaves_what_must_stay() -> None:
    changed = SOURCE.replace("y = 1\n", "y = 5\n")
    assert rewritten(SOURCE, f"Here:\n```python\n{changed}```\nDone.") == changed
    assert "2 fenced blocks" in reason(rewritten(SOURCE, f"```python\n{changed}```\n```\nx = 1\n```\n"))
    assert "0 fenced blocks" in reason(rewritten(SOURCE, changed))
    assert "a mark" in reason(rewritten(SOURCE, f"```\n{changed.replace('z = 1', 'z = 2')}```\n"))
    assert "a mark" in reason(rewritten(SOURCE, "```python\ndef f(x):\n    return 2\n```\n"))


@given(st.text(alphabet="<>=SEARCHREPLACE \ny1", max_size=200))
def test_no_reply_breaks_the_reader(reply: str) -> None:
    for made in (edited(SOURCE, reply), rewritten(SOURCE, reply)):
        assert isinstance(made, ParseFailure) or "EVOLVE-BLOCK-START" in made
