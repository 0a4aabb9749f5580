from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from vocabulary import build_tokenizer

import soar.grids
from soar.models.mini import WEIGHTS
from soar.prompts.notation import CELLS
from soar.tasks.gym.generator import HEADER

SHIPPED = Tokenizer.from_file(str(WEIGHTS / "tokenizer.json"))
SPECIAL = ("<|pad|>", "<|bos|>", "<|eos|>")


def ids(text: str) -> list[int]:
    return SHIPPED.encode(text, add_special_tokens=False).ids


@given(st.text().filter(lambda text: not any(token in text for token in SPECIAL)))
def test_any_text_survives(text: str) -> None:
    assert SHIPPED.decode(ids(text), skip_special_tokens=False) == text


@given(
    st.lists(st.sampled_from([*CELLS, "grid", "n_objects", "objects", " ", "\n", "12", "↓1", "↓12", "x, y", "é", "Ġ"]))
)
def test_words_side_by_side_survive(words: list[str]) -> None:
    assert SHIPPED.decode(ids("".join(words)), skip_special_tokens=False) == "".join(words)


def test_one_token_per_cell_apart_from_digits_of_code() -> None:
    cells = [ids(cell) for cell in CELLS]
    assert all(len(cell) == 1 for cell in cells)
    assert not {cell[0] for cell in cells} & {ids(digit)[0] for digit in "0123456789"}


@pytest.mark.parametrize("name", [name for name in soar.grids.__all__ if name != "np"])
def test_one_token_per_name(name: str) -> None:
    assert len(ids(name)) == 1


def test_the_header_is_one_token() -> None:
    assert len(ids(HEADER)) == 1


def test_a_fresh_tokenizer_is_lossless_too() -> None:
    fresh = build_tokenizer(HEADER, soar.grids.__all__)
    text = HEADER + "    return flip_h(crop(grid))  # é\n"
    assert fresh.decode(fresh.encode(text, add_special_tokens=False)) == text
