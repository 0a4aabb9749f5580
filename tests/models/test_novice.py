"""`mini:novice`: weights that know programs of one step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from signature import grids_signature

import soar
from soar.models import open_model
from soar.models.adapter import base_source
from soar.models.base import Sampling
from soar.models.mini import WEIGHTS, MiniModel
from soar.models.spec import NOVICE
from soar.programs.parsing.replies import parse_reply
from soar.prompts.prompt_set import load_prompt_set

FLIPPED = soar.Task(
    "flipped",
    tuple(soar.Example(grid, [row[::-1] for row in grid]) for grid in ([[1, 2, 0], [3, 4, 4]], [[5, 0, 6], [7, 1, 1]])),
    (soar.Example([[8, 8, 1], [0, 2, 9]]),),
)


@pytest.fixture(scope="module")
def novice() -> Iterator[MiniModel]:
    model = open_model("mini:novice")
    assert isinstance(model, MiniModel)
    yield model
    model.close()


def test_it_is_shipped_and_small_and_knows_the_functions_of_today() -> None:
    assert sum(file.stat().st_size for file in NOVICE.iterdir()) < 6_000_000
    assert (NOVICE / "grids_signature.txt").read_text().strip() == grids_signature()
    assert (NOVICE / "tokenizer.json").read_bytes() == (WEIGHTS / "tokenizer.json").read_bytes()
    assert base_source("mini:novice") == str(NOVICE) != base_source("mini")
    assert base_source("mini:./novice") == "./novice"


def test_it_has_a_name_of_its_own(novice: MiniModel) -> None:
    assert (novice.name, novice.prompt_set) == ("mini:novice", "mini")


def test_it_writes_programs_of_one_step(novice: MiniModel) -> None:
    prompt = load_prompt_set("mini").render(FLIPPED)
    reply = asyncio.run(novice.complete(prompt, 32, Sampling(temperature=1.0, max_tokens=64), seed=0))
    sources = [parse_reply(one.text, prompt.prefill, raw=True) for one in reply.completions]
    programs = [one for one in sources if isinstance(one, str) and "def transform" in one]
    assert len(programs) > 24
    assert sum("    x = " in one for one in programs) < 4
