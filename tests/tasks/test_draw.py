"""Pictures: the right size, the right colours, and well formed whatever the values hold."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from soar.tasks.draw.png import to_png
from soar.tasks.draw.rich import grid_to_rich, grid_to_svg, save, task_to_rich, task_to_svg
from soar.tasks.draw.svg import PALETTE, picture_of_grid, picture_of_task
from soar.tasks.sets import TaskSet
from soar.tasks.task import Example, Task

ANSWER = [[3, 4], [5, 6]]
GRIDS = Task("3x<&>", (Example([[0, 1, 2]], [[9]]),), (Example([[7], [8]], ANSWER),))
TEXTS = Task("t", (Example('"a" & <b>', 1), Example("\x00\n\ud800", {"k": [None]})), (Example("x" * 1000),))


def decode_png(data: bytes) -> npt.NDArray[np.uint8]:
    """The pixels (height, width, 3) of a PNG of unfiltered RGB rows, every checksum verified."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        body = data[place + 4 : place + 8 + length]
        (checksum,) = struct.unpack(">I", data[place + 8 + length : place + 12 + length])
        assert zlib.crc32(body) == checksum
        chunks[body[:4]] = body[4:]
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour) == (8, 2)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def printed(thing: object, width: int, colour: bool) -> str:
    stream = io.StringIO()
    system: Literal["truecolor"] | None = "truecolor" if colour else None
    Console(file=stream, width=width, force_terminal=colour, color_system=system).print(thing)
    return stream.getvalue()


@pytest.mark.parametrize("task", [GRIDS, TEXTS])
def test_svg_is_well_formed(task: Task) -> None:
    root = ElementTree.fromstring(task_to_svg(task, [[ANSWER], ["\x1b"]]).encode("utf-8", "strict"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == task.id
    assert {"train 1", "test 1", "input", "output", "prediction 2"} <= set(texts)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs"])), st.text(st.characters(blacklist_categories=["Cs"])))
def test_svg_is_well_formed_for_any_text(id: str, text: str) -> None:
    ElementTree.fromstring(task_to_svg(Task(id, (Example(text, 1),), (Example(text),))))


def test_svg_grid_holds_its_colours() -> None:
    svg = grid_to_svg([list(range(10))])
    assert all(colour in svg for colour in PALETTE)


def test_ticks_and_crosses_only_where_the_answer_is_known() -> None:
    marked = picture_of_task(GRIDS, [[ANSWER], [[[0]]]])
    plain = picture_of_task(GRIDS.without_test_outputs(), [[ANSWER], [[[0]]]])
    tick, cross = "#1A8F3C", "#D0312D"
    assert [getattr(item, "colour", "") for item in marked.items].count(tick) == 1
    assert [getattr(item, "colour", "") for item in marked.items].count(cross) == 1
    assert not {tick, cross} & {getattr(item, "colour", "") for item in plain.items}


def test_png_of_a_grid_has_the_right_size_and_colours() -> None:
    grid = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    pixels = decode_png(to_png(picture_of_grid(grid, cell=20), scale=2))
    assert pixels.shape == (2 * (2 * 20 + 1), 2 * (5 * 20 + 1), 3)
    for r, row in enumerate(grid):
        for c, cell in enumerate(row):
            assert "#" + bytes(pixels[40 * r + 20, 40 * c + 20]).hex().upper() == PALETTE[cell]


@pytest.mark.parametrize("task", [GRIDS, TEXTS])
def test_saved_pictures(task: Task, tmp_path: Path) -> None:
    task.save(tmp_path / "task.svg")
    save(task, tmp_path / "task.png", [[ANSWER]])
    assert ElementTree.parse(tmp_path / "task.svg").getroot().get("width")
    picture = picture_of_task(task, [[ANSWER]])
    pixels = decode_png((tmp_path / "task.png").read_bytes())
    assert pixels.shape == (2 * picture.height, 2 * picture.width, 3)
    assert (pixels[0] == 255).all() and (pixels[-1] == 255).all()  # nothing sticks out
    assert (pixels[:, 0] == 255).all() and (pixels[:, -1] == 255).all()


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        GRIDS.save(tmp_path / "task.jpg")
    assert not list(tmp_path.iterdir())


def test_terminal_shows_digits_without_colour_and_colour_with_it() -> None:
    assert printed(grid_to_rich([[1, 2], [3, 4]]), 40, colour=False).split("\n")[:2] == ["1 2 ", "3 4 "]
    assert "48;2;0;116;217" in printed(grid_to_rich([[1]]), 40, colour=True)
    assert "train 1" in printed(GRIDS, 80, colour=False)
    assert '"a" & <b>' in printed(TEXTS, 80, colour=False).replace('\\"', '"')


@pytest.mark.parametrize("colour", [True, False])
def test_large_grids_fit_the_terminal(colour: bool) -> None:
    large = [[c % 10 for c in range(30)] for _ in range(29)]
    task = Task("large", (Example(large, large),), (Example(large, large),))
    text = printed(task_to_rich(task, [[large], [large]]), 80, colour)
    if colour:
        assert text.count("▀") == 15 * 30 * 6
    else:
        assert text.count("012345678901234567890123456789") == 29 * 6


def test_notebook_pictures() -> None:
    assert "<svg" in GRIDS._repr_html_()
    html = TaskSet([GRIDS, TEXTS], "two")._repr_html_()
    assert html.count("<svg") == 2 and "two" in html
