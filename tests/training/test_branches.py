"""Replies that share a prompt's sequence get what they get alone: log-probabilities and gradients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from soar.models.mini import WEIGHTS
from soar.models.mini.decoder import Decoder
from soar.training.branches import (
    Group,
    lay_out,
    length_of,
    reply_logprobs,
    same_as_rows,
    takes_branches,
    token_logprobs,
)
from soar.training.config import TrainingConfig
from soar.training.job import train
from tests.training.support import generated_rows

VOCABULARY = 250


def groups(shortest_prompt: int = 1) -> st.SearchStrategy[list[Group]]:
    ids = st.integers(0, VOCABULARY - 1)
    prompt = st.lists(ids, min_size=shortest_prompt, max_size=40)
    replies = st.lists(st.lists(ids, min_size=1, max_size=20), min_size=1, max_size=5)
    return st.lists(st.builds(Group, prompt, replies), min_size=1, max_size=3)


def qwen(attention: str, **changes: Any) -> Any:
    """A small random network with grouped queries, normed queries, and an attention of this kind."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=256, initializer_range=0.3, **changes,
    )  # fmt: skip
    return Qwen3ForCausalLM._from_config(config, attn_implementation=attention).eval()


@pytest.fixture(scope="module")
def mini() -> Any:
    return LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32).eval()


@pytest.fixture(scope="module", params=["mini", "sdpa", "eager"])
def network(request: pytest.FixtureRequest, mini: Any) -> Any:
    return mini if request.param == "mini" else qwen(request.param)


def alone(some: list[Group]) -> list[Group]:
    return [Group(prompt, [reply]) for prompt, replies in some for reply in replies]


@given(groups(), st.sampled_from([1, 7, 64]))
@settings(max_examples=15, deadline=None)
def test_log_probabilities_are_those_of_rows(network: Any, some: list[Group], multiple: int) -> None:
    with torch.inference_mode():
        together = reply_logprobs(network, lay_out(some, 0, multiple))
        apart = torch.cat([reply_logprobs(network, lay_out([one], 0)) for one in alone(some)])
    lengths = torch.tensor([len(one.replies[0]) for one in alone(some)])
    assert ((together - apart).abs() / lengths).max() <= 1e-4


@given(groups())
@settings(max_examples=6, deadline=None)
def test_gradients_are_those_of_rows(network: Any, some: list[Group]) -> None:
    found = []
    for layout in (some, alone(some)):
        network.zero_grad()
        (-reply_logprobs(network, lay_out(layout, 0))).sum().backward()
        found.append(torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None]))
    network.zero_grad()
    assert (found[0] - found[1]).norm() <= 1e-4 * found[1].norm() and found[1].norm() > 0


@given(groups(2))
@settings(max_examples=8, deadline=None)
def test_they_are_what_the_embedded_model_says_of_them(mini: Any, some: list[Group]) -> None:
    config = json.loads((WEIGHTS / "config.json").read_text())
    decoder = Decoder(config, load_file(WEIGHTS / "model.safetensors"), [config["eos_token_id"]])
    with torch.inference_mode():
        batch = lay_out(some, 0)
        each = token_logprobs(mini, batch)
        for number, (prompt, (reply,)) in enumerate(alone(some)):
            said = decoder.logprobs([*prompt, *reply])[len(prompt) - 1 :]
            ours = each[(batch.branch[:, 1:] == number) & (batch.labels[:, 1:] != -100)]
            torch.testing.assert_close(ours, said, atol=1e-3, rtol=0)


def test_layout_counts_each_token_of_the_prompt_once() -> None:
    group = Group([5, 6, 7], [[1, 2], [3]])
    batch = lay_out([group], pad=9, multiple=8)
    assert batch.inputs["input_ids"].tolist() == [[5, 6, 7, 1, 2, 7, 3, 9]] and length_of(group) == 7
    assert batch.inputs["position_ids"].tolist() == [[0, 1, 2, 3, 4, 2, 3, 0]]
    assert batch.labels.tolist() == [[-100, -100, -100, 1, 2, -100, 3, -100]]
    seen = batch.inputs["attention_mask"][0, 0].int().tolist()
    assert seen[4] == [1, 1, 1, 1, 1, 0, 0, 0] and seen[6] == [1, 1, 0, 0, 0, 1, 1, 0]
    assert "attention_mask" not in lay_out(alone([group]), 9).inputs


def test_a_network_that_would_not_see_it_all_is_found_out() -> None:
    group = Group(list(range(20)), [[1, 2, 3], [4, 5]])
    assert same_as_rows(qwen("sdpa"), group)
    windowed = qwen("sdpa", use_sliding_window=True, sliding_window=4, max_window_layers=0)
    assert not takes_branches(windowed) and not same_as_rows(windowed, group)
    gpt = AutoModelForCausalLM.from_config(_bloom())
    assert not same_as_rows(gpt.eval(), group)  # its positions lie in the mask


def _bloom() -> Any:
    from transformers import BloomConfig

    return BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3)


def test_trained_so_it_learns_what_rows_teach(tmp_path: Path) -> None:
    few = generated_rows(4).to_list()
    replies = ["    return grid\n", "    return grid[::-1]\n", "    return grid.T\n", "    return grid[1:]\n"]
    rows = Dataset.from_list([one | {"completion": reply} for one in few for reply in replies])
    # One step of all rows: what either way does then differs by rounding alone.
    options = {"rank": 8, "learning_rate": 1e-3, "batch_size": 16, "micro_batch_size": 8, "precision": "fp32"}
    trained = [
        train(rows, "mini", tmp_path / str(shared), TrainingConfig.for_model("mini", share_prompts=shared, **options))
        for shared in (False, True)
    ]
    curves = [json.loads((one.path / "training.jsonl").read_text()) for one in trained]
    for figure in ("loss", "gradient_norm"):
        assert curves[0][figure] == pytest.approx(curves[1][figure], rel=1e-4) and curves[0][figure] > 0.1
    assert trained[0].figures["tokens"] == trained[1].figures["tokens"] and trained[0].name != trained[1].name
