from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from soar.models import ModelError, Sampling, open_model
from soar.models.mini import WEIGHTS, MiniModel
from soar.models.transformers import TransformersModel
from tests.models.test_mini import PROMPT


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


def test_the_models_own_filters_are_off(mini: MiniModel, tmp_path: Path) -> None:
    """A generation_config.json, such as instruct models have, changes nothing about how tokens are drawn."""
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    file = tmp_path / "weights" / "generation_config.json"
    config = json.loads(file.read_text()) | {"do_sample": True, "top_k": 1, "top_p": 0.1, "repetition_penalty": 3.0}
    file.write_text(json.dumps(config))
    model = open_model(f"hf:{tmp_path / 'weights'}")
    replies = {text.text for text in asyncio.run(model.complete(PROMPT, 16, Sampling(max_tokens=24), 0)).completions}
    greedy = asyncio.run(model.complete(PROMPT, 1, Sampling(temperature=0.0, max_tokens=24), 0))
    model.close()
    assert len(replies) > 1
    expected = asyncio.run(mini.complete(PROMPT, 1, Sampling(temperature=0.0, max_tokens=24), 0))
    assert greedy.completions[0].text == expected.completions[0].text


def test_prompts_are_those_that_the_weights_were_made_for(hf: TransformersModel) -> None:
    assert hf.prompt_set == "mini"
