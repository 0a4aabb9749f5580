"""Pictures of tasks as PNG bytes, with nothing but numpy: no plotting library, no font file."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from soar.tasks.draw.svg import LETTER, LINES, PALETTE, TEXT, Cells, Label, Picture, Stroke

Canvas: TypeAlias = npt.NDArray[np.float64]


def to_png(picture: Picture, scale: int = 2) -> bytes:
    """The picture as a PNG of `scale` times its size in pixels, RGB, 8 bits a channel."""
    canvas = np.full((picture.height * scale, picture.width * scale, 3), 255.0)
    for item in picture.items:
        if isinstance(item, Cells):
            _paint_cells(canvas, item, scale)
        elif isinstance(item, Label):
            _paint_label(canvas, item, scale)
        else:
            for start, end in itertools.pairwise(item.points):
                _paint_line(canvas, start, end, item, scale)
    return _png(canvas.round().astype(np.uint8))


def _rgb(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _paint_cells(canvas: Canvas, item: Cells, scale: int) -> None:
    size, x, y = item.size * scale, int(item.x) * scale, int(item.y) * scale
    colours = np.array([_rgb(colour) for colour in PALETTE])
    image = colours[np.array(item.grid)].repeat(size, axis=0).repeat(size, axis=1)
    framed = np.full((image.shape[0] + scale, image.shape[1] + scale, 3), _rgb(LINES))
    framed[: image.shape[0], : image.shape[1]] = image
    for step in range(scale):
        framed[step::size, :] = framed[:, step::size] = _rgb(LINES)
    room = canvas[y : y + framed.shape[0], x : x + framed.shape[1]]
    room[:] = framed[: room.shape[0], : room.shape[1]]


def _paint_label(canvas: Canvas, item: Label, scale: int) -> None:
    dot = max(1, round(TEXT * 0.72 * scale / 5))
    top = round(item.y * scale) - 5 * dot
    for place, letter in enumerate(item.text):
        left = round((item.x + place * LETTER) * scale)
        for row, column in _dots(letter):
            y, x = top + row * dot, left + column * dot
            canvas[max(y, 0) : y + dot, max(x, 0) : x + dot] = _rgb(item.colour)


def _paint_line(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], stroke: Stroke, scale: int
) -> None:
    """A line with round ends and soft edges: each pixel is covered by its distance to the line."""
    a, b = np.array(start) * scale, np.array(end) * scale
    reach = stroke.width * scale / 2
    left, top = np.maximum(np.floor(np.minimum(a, b) - reach - 1), 0).astype(int)
    right, bottom = np.ceil(np.maximum(a, b) + reach + 1).astype(int)
    room = canvas[top:bottom, left:right]
    rows, columns = np.mgrid[top : top + room.shape[0], left : left + room.shape[1]]
    pixels = np.stack([columns + 0.5, rows + 0.5], axis=-1) - a
    along = np.clip(pixels @ (b - a) / ((b - a) @ (b - a)), 0, 1)[..., None]
    distance = np.linalg.norm(pixels - along * (b - a), axis=-1)
    cover = np.clip(reach + 0.5 - distance, 0, 1)[..., None]
    room[:] = room * (1 - cover) + np.array(_rgb(stroke.colour)) * cover


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """PNG (W3C, second edition): signature, header, one compressed stream of unfiltered rows, end."""

    def chunks() -> Iterator[bytes]:
        height, width, _ = pixels.shape
        rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
        yield b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        yield b"IDAT" + zlib.compress(rows.tobytes(), 9)
        yield b"IEND"

    body = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks())
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


# Letters of 3 x 5 dots: five rows of one octal digit each, from the top.
_LETTERS = (
    "A25755 B65656 C34443 D65556 E74647 F74644 G34553 H55755 I72227 J11152 K55655 L44447 M57755 N65555 "
    "O25552 P65644 Q25563 R65655 S34216 T72222 U55557 V55552 W55775 X55255 Y55222 Z71247 a03553 b44656 "
    "c03443 d11353 e02743 f12722 g03536 h44655 i20222 j10152 k44565 l22221 m07755 n06555 o02552 p06564 "
    "q03531 r03444 s03616 t27221 u05553 v05552 w05577 x05225 y05536 z07367 075557 126227 271747 371717 "
    "455711 574717 674757 771222 875757 975717 -00700 _00007 .00002 ,00024 :02020 ;02024 ?61202 !22202 "
    "'22000 \"55000 (12221 )42224 [64446 ]31113 {32623 }62326 +02720 *05250 /11244 \\44211 =07070 <12421 "
    ">42124 |22222 #57575 %51245 &25356 ~03600 ^25000 $36736 @25743"
)
_FONT = {entry[0]: entry[1:] for entry in _LETTERS.split()}
_BOX = "75557"  # for any other letter


def _dots(letter: str) -> list[tuple[int, int]]:
    """The (row, column) of every dot of a letter."""
    rows = "00000" if letter.isspace() else _FONT.get(letter, _BOX)
    return [(row, column) for row in range(5) for column in range(3) if int(rows[row]) >> (2 - column) & 1]
