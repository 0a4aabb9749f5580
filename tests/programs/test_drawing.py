"""Attempts and predictions draw themselves, whatever is in them."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from soar.programs.voting import Prediction
from soar.sandbox.outcome import Outcome, ProgramError
from soar.tasks.draw.svg import PALETTE, RIGHT, WRONG
from tests.search_support import attempt

GRID = [[3, 4], [5, 6]]


def test_an_attempt_shows_its_outputs_ticked_and_its_errors() -> None:
    outcomes = (Outcome("ok", GRID), Outcome("ok", [[7]]), Outcome("error", None, ProgramError("ValueError", "<b>", 2)))
    html = replace(attempt("0/sample/-/0/1", 1 / 3, (GRID,), train=outcomes), solved=(True, False, False))._repr_html_()
    assert html.count(RIGHT) == html.count(WRONG) == 1 and all(PALETTE[cell] in html for cell in (3, 4, 5, 6, 7))
    assert "example 3: error: ValueError: &lt;b&gt;, line 2" in html and "33% of the examples right" in html


def test_without_a_program_it_says_why() -> None:
    none = replace(attempt("k", 0.0), program=None, parse_error="no code in the reply")
    assert "no program: no code in the reply" in none._repr_html_() and "<svg" not in none._repr_html_()


@given(st.text(), st.lists(st.text() | st.just(GRID), min_size=1, max_size=4).map(tuple))
def test_any_text_stays_text(source: str, values: tuple[str, ...]) -> None:
    prediction = Prediction(values, 3.0, 2, ("pass-through",))
    for html in (attempt(source, 0.5, values)._repr_html_(), prediction._repr_html_()):
        (svg,) = re.findall("<svg.*</svg>", html, re.DOTALL)
        ElementTree.fromstring(svg.encode("utf-8", "strict"))
        assert set(re.findall(r"<(/?\w+)", html.replace(svg, ""))) <= {
            "p",
            "/p",
            "b",
            "/b",
            "div",
            "/div",
            "pre",
            "/pre",
        }
