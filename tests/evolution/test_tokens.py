"""Ids and log-probabilities of a reply's tokens, kept where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import soar
from soar.evolution.config import ConfigError
from soar.models.mini import MiniModel
from tests.search_support import TASKS, script

SIZES = {"samples": 8, "refinements": 4, "workers": 1}


def test_tokens_are_kept_where_they_are_asked_for(mini: MiniModel, tmp_path: Path) -> None:
    bare = soar.search("3c9b0459", mini, run=tmp_path / "bare", **SIZES)
    kept = soar.search("3c9b0459", mini, run=tmp_path / "kept", keep_tokens=True, **SIZES)
    assert [one.reply for one in kept.attempts] == [one.reply for one in bare.attempts]
    assert all(one.token_ids is None is one.token_logprobs for one in bare.attempts)
    for one in kept.attempts:
        assert one.token_ids is not None and one.token_logprobs is not None
        assert len(one.token_ids) == len(one.token_logprobs) == one.tokens
        assert sum(one.token_logprobs) == pytest.approx(one.logprob, abs=1e-3)
        assert mini.tokenizer.decode(list(one.token_ids), skip_special_tokens=True).strip() == one.reply.strip()
    soar.load_run(tmp_path / "kept").export(tmp_path / "all.jsonl")
    assert '"token_ids": [' in (tmp_path / "all.jsonl").read_text()


def test_a_model_that_gives_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="keep_tokens: scripted gives no log-probabilities"):
        soar.search(TASKS, soar.ScriptedModel(script), keep_tokens=True)
