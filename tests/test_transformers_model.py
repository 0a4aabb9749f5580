from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from soar.models import ModelError, Sampling, open_model
from soar.models.mini import WEIGHTS, MiniModel
from soar.models.transformers import TransformersModel
from tests.test_mini import PROMPT


@pytest.fixture(scope="module")
def hf() -> Iterator[TransformersModel]:
    """The shipped weights through transformers."""
    model = open_model(f"hf:{WEIGHTS}")
    assert isinstance(model, TransformersModel)
    yield model
    model.close()


def test_greedy_reply_and_log_probability_are_those_of_mini(hf: TransformersModel, mini: MiniModel) -> None:
    sampling = Sampling(temperature=0.0, max_tokens=32)
    through_hf = asyncio.run(hf.complete(PROMPT, 2, sampling, 0))
    through_mini = asyncio.run(mini.complete(PROMPT, 2, sampling, 0))
    assert through_hf.prompt_tokens == through_mini.prompt_tokens
    for a, b in zip(through_hf.completions, through_mini.completions, strict=True):
        assert (a.text, a.tokens, a.finish_reason) == (b.text, b.tokens, b.finish_reason)
        assert a.logprob == pytest.approx(b.logprob, abs=1e-2)


def test_the_seed_decides(hf: TransformersModel) -> None:
    sampling = Sampling(max_tokens=24)
    first, again, other = (asyncio.run(hf.complete(PROMPT, 4, sampling, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_counts_tokens(hf: TransformersModel, mini: MiniModel) -> None:
    assert hf.count_tokens([PROMPT]) == mini.count_tokens([PROMPT])


def test_a_folder_without_a_model_is_an_error(tmp_path: object) -> None:
    with pytest.raises(ModelError):
        open_model(f"hf:{tmp_path}")
