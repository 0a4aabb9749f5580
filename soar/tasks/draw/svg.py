"""Pictures of tasks: what lies where, and the same as SVG text (`soar.tasks.draw.png` paints it in pixels)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypeAlias

from soar.tasks.draw.drawn import Task
from soar.tasks.values import Grid, Value, is_grid

PALETTE = (  # ARC's own colours, 0 to 9
    "#000000", "#0074D9", "#FF4136", "#2ECC40", "#FFDC00",
    "#AAAAAA", "#F012BE", "#FF851B", "#7FDBFF", "#870C25",
)  # fmt: skip
# The same for eyes that see few colours: with any of the three kinds of colour blindness (by Machado et al. 2009) two
# colours are never nearer than a CIELAB distance of 28 (ARC's: 8).
SAFE_PALETTE = (
    "#000000", "#004FD6", "#B83805", "#12A75B", "#FFFF3C",
    "#A5DFB8", "#B76CB7", "#E99112", "#62F4FF", "#563824",
)  # fmt: skip
PAPER, INK, FAINT, LINES, RIGHT, WRONG = "#FFFFFF", "#222222", "#8A8F98", "#555555", "#1A8F3C", "#D0312D"

TEXT = 13  # font size in pixels
LETTER = 0.62 * TEXT  # the width of a monospaced letter
MARGIN, GAP, ARROW = 16, 18, 26
LINE_LENGTH, MAX_LINES = 34, 8  # how much of a value that is no grid is shown


@dataclass(frozen=True, slots=True)
class Cells:
    """A grid with its top left corner at (x, y); `size` pixels a cell."""

    x: float
    y: float
    size: int
    grid: Grid


@dataclass(frozen=True, slots=True)
class Label:
    """A line of monospaced text; (x, y) is the left end of its base line."""

    x: float
    y: float
    text: str
    colour: str = INK


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through some points."""

    points: tuple[tuple[float, float], ...]
    colour: str = FAINT
    width: float = 2.0


@dataclass(slots=True)
class Picture:
    """Things drawn on white paper, `width` x `height` pixels."""

    width: int = 0
    height: int = 0
    items: list[Cells | Label | Stroke] = field(default_factory=list)


Size: TypeAlias = tuple[float, float]


def picture_of_grid(grid: Grid, cell: int = 20) -> Picture:
    """A grid alone, edge to edge."""
    width, height = _size(grid, cell)
    return Picture(int(width), int(height), [Cells(0, 0, cell, grid)])


def picture_of_task(task: Task, predictions: Sequence[Sequence[Value]] | None = None) -> Picture:
    """One row per example, input -> output; beside each test the predictions, ticked or crossed where the
    answer is known. `predictions[k][i]` is the k-th answer to test input i."""
    answers = list(predictions or ())
    rows: list[list[Value]] = [[example.input, example.output] for example in task.train]
    rows += [
        [example.input, example.output, *(answer[index] for answer in answers)]
        for index, example in enumerate(task.test)
    ]
    cell = _cell_size([value for row in rows for value in row])
    heads = ["input", "output", *(f"prediction {k}" for k in range(1, len(answers) + 1))]
    parts = (("train", task.train), ("test", task.test))
    names = [f"{part} {k}" for part, examples in parts for k in range(1, len(examples) + 1)]
    widths = [
        max(len(head) * LETTER, *(_size(row[column], cell)[0] for row in rows if column < len(row)))
        for column, head in enumerate(heads)
    ]
    steps = [width + 2 * GAP + (ARROW if column == 0 else 0) for column, width in enumerate(widths)]
    *lefts, right = itertools.accumulate(steps, initial=MARGIN + max(map(len, names)) * LETTER + GAP)
    picture = Picture(int(max(right - 2 * GAP, MARGIN + len(task.id) * LETTER) + MARGIN))
    title = Label(MARGIN, MARGIN + TEXT, task.id)
    picture.items += [title, *_centred_labels(heads, lefts, widths, y=MARGIN + 2.8 * TEXT)]
    top = MARGIN + 2.8 * TEXT + 10
    for name, row in zip(names, rows, strict=True):
        height = max(_size(value, cell)[1] for value in row)
        picture.items.append(Label(MARGIN, top + height / 2 + 0.35 * TEXT, name, FAINT))
        for column, value in enumerate(row):
            width, tall = _size(value, cell)
            left, upper = lefts[column] + (widths[column] - width) / 2, top + (height - tall) / 2
            picture.items += _value(value, left, upper, cell)
            if column >= 2 and row[1] is not None:
                picture.items.append(_mark(task.right(value, row[1]), left + width + 4, upper + tall))
        picture.items += _arrow(lefts[1] - GAP - ARROW, top + height / 2)
        top += height + GAP
    picture.height = int(top - GAP + MARGIN)
    return picture


def picture_of_values(values: Sequence[tuple[str, Value, bool | None]]) -> Picture:
    """Values side by side, each under its title; ticked or crossed where it is known to be right or wrong."""
    cell = _cell_size([value for _, value, _ in values])
    sizes = [_size(value, cell) for _, value, _ in values]
    widths = [max(width, len(title) * LETTER) for (title, _, _), (width, _) in zip(values, sizes, strict=True)]
    *lefts, right = itertools.accumulate((width + 2 * GAP for width in widths), initial=MARGIN)
    top = MARGIN + TEXT + 10
    picture = Picture(
        int(max(right - GAP, 2 * MARGIN)), int(top + max((tall for _, tall in sizes), default=0) + MARGIN)
    )
    picture.items += _centred_labels([title for title, _, _ in values], lefts, widths, y=MARGIN + TEXT)
    for (_, value, known), (width, tall), left, room in zip(values, sizes, lefts, widths, strict=True):
        start = left + (room - width) / 2
        picture.items += _value(value, start, top, cell)
        if known is not None:
            picture.items.append(_mark(known, start + width + 4, top + tall))
    return picture


def lines_of(value: Value) -> list[str]:
    """A value that is no grid as a few short lines of JSON (so "1" and 1 differ); ? for None, the unknown."""
    if value is None:
        return ["?"]
    text = _printable(json.dumps(value, ensure_ascii=False))
    lines = [text[start : start + LINE_LENGTH] for start in range(0, len(text), LINE_LENGTH)]
    return lines if len(lines) <= MAX_LINES else [*lines[: MAX_LINES - 1], f"... {len(text)} characters"]


def _printable(text: str) -> str:
    """Without control characters: XML refuses them even escaped, and a terminal would obey them."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _cell_size(values: Sequence[Value]) -> int:
    side = max((max(len(value), len(value[0])) for value in values if is_grid(value)), default=1)
    return max(7, min(22, 230 // side))


def _size(value: Value, cell: int) -> Size:
    if is_grid(value):
        return len(value[0]) * cell + 1, len(value) * cell + 1
    lines = lines_of(value)
    return max(map(len, lines)) * LETTER, len(lines) * 1.4 * TEXT


def _value(value: Value, x: float, y: float, cell: int) -> list[Cells | Label]:
    if is_grid(value):
        return [Cells(x, y, cell, value)]
    return [Label(x, y + (1.4 * k + 1) * TEXT, line) for k, line in enumerate(lines_of(value))]


def _centred_labels(texts: list[str], lefts: list[float], widths: list[float], y: float) -> list[Label]:
    places = zip(texts, lefts, widths, strict=True)
    return [Label(left + (width - len(text) * LETTER) / 2, y, text, FAINT) for text, left, width in places]


def _arrow(x: float, y: float) -> list[Stroke]:
    tip = x + ARROW
    return [Stroke(((x, y), (tip, y))), Stroke(((tip - 7, y - 6), (tip, y), (tip - 7, y + 6)))]


def _mark(right: bool, x: float, bottom: float) -> Stroke:
    """A tick or a cross, 12 pixels wide, right of the lower end of a prediction."""
    y = bottom - 12
    if right:
        return Stroke(((x, y + 7), (x + 4, y + 11), (x + 12, y)), RIGHT, 3)
    return Stroke(((x, y), (x + 11, y + 11), (x + 5.5, y + 5.5), (x + 11, y), (x, y + 11)), WRONG, 3)


def to_svg(picture: Picture) -> str:
    """The picture as a well-formed SVG document."""
    w, h = picture.width, picture.height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}">',
        f'<rect width="{w}" height="{h}" rx="6" fill="{PAPER}"/>',
    ]
    for item in picture.items:
        if isinstance(item, Cells):
            parts.append(_svg_cells(item))
        elif isinstance(item, Label):
            parts.append(_svg_label(item))
        else:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in item.points)
            style = f'fill="none" stroke="{item.colour}" stroke-width="{item.width}" stroke-linecap="round"'
            parts.append(f'<polyline points="{points}" {style} stroke-linejoin="round"/>')
    return "\n".join([*parts, "</svg>"])


def _svg_label(item: Label) -> str:
    text = escape(_printable(item.text))
    place = f'x="{item.x:.1f}" y="{item.y:.1f}" textLength="{len(item.text) * LETTER:.1f}"'
    font = f'font-family="monospace" font-size="{TEXT}" fill="{item.colour}"'
    return f'<text {place} lengthAdjust="spacingAndGlyphs" {font} xml:space="preserve">{text}</text>'


def _svg_cells(item: Cells) -> str:
    """One path per colour and one for the lines, so that a large grid stays a small file."""
    size, rows, columns = item.size, len(item.grid), len(item.grid[0])
    paths: dict[int, list[str]] = {}
    for r, row in enumerate(item.grid):
        start = 0
        for colour, run in itertools.groupby(row):
            length = len(list(run))
            shape = f"M{start * size} {r * size}h{length * size}v{size}h{-length * size}z"
            paths.setdefault(colour, []).append(shape)
            start += length
    fills = [f'<path fill="{PALETTE[colour]}" d="{"".join(runs)}"/>' for colour, runs in paths.items()]
    lines = "".join(f"M0 {r * size}h{columns * size}" for r in range(rows + 1))
    lines += "".join(f"M{c * size} 0v{rows * size}" for c in range(columns + 1))
    edges = f'<path d="{lines}" fill="none" stroke="{LINES}" stroke-width="1"/>'
    # Half a pixel further, one-pixel lines lie on whole pixels and stay sharp.
    return f'<g transform="translate({int(item.x) + 0.5} {int(item.y) + 0.5})">{"".join(fills)}{edges}</g>'
