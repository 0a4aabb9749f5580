from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from soar.models.mini.decoder import Decoder


def llama(kv_heads: int, tied: bool) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=kv_heads, max_position_embeddings=256, eos_token_id=2, tie_word_embeddings=tied,
        initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def prompt(length: int) -> list[int]:
    return torch.randint(3, 97, (length,), generator=torch.Generator().manual_seed(length)).tolist()


@pytest.mark.parametrize(("kv_heads", "tied"), [(4, False), (2, True), (1, False)])
def test_agrees_with_transformers(kv_heads: int, tied: bool) -> None:
    model = llama(kv_heads, tied)
    decoder = Decoder(model.config.to_dict(), model.state_dict(), [2])
    ids = prompt(60)
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    expected = expected.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    torch.testing.assert_close(decoder.logprobs(ids), expected, atol=1e-4, rtol=1e-4)
    greedy = model.generate(torch.tensor([ids]), max_new_tokens=24, do_sample=False, pad_token_id=0)[0, 60:].tolist()
    drawn = decoder.sample(ids[:40], ids[40:], n=3, seed=0, temperature=0.0, min_p=0.0, max_tokens=24)
    for reply in drawn:
        assert reply.ids + [2] * reply.stopped == greedy


def test_log_probability_of_a_reply_is_the_sum_over_its_tokens() -> None:
    model = llama(2, False)
    decoder = Decoder(model.config.to_dict(), model.state_dict(), [2])
    for reply in decoder.sample(prompt(20), prompt(10), n=8, seed=1, temperature=1.0, min_p=0.0, max_tokens=16):
        whole = prompt(20) + prompt(10) + reply.ids + [2] * reply.stopped
        assert reply.logprob == pytest.approx(decoder.logprobs(whole)[29:].sum().item(), abs=1e-3)


def test_same_seed_same_replies_whatever_came_before() -> None:
    model = llama(4, False)
    fresh = Decoder(model.config.to_dict(), model.state_dict(), [2])
    used = Decoder(model.config.to_dict(), model.state_dict(), [2], cached_prefixes=1)
    for length in (12, 13, 14):
        used.sample(prompt(length), prompt(5), n=2, seed=length, temperature=1.0, min_p=0.05, max_tokens=8)
    request = dict(prefix=prompt(12), rest=prompt(7), n=5, seed=3, temperature=1.0, min_p=0.05, max_tokens=20)
    assert fresh.sample(**request) == used.sample(**request) == used.sample(**request)
    assert fresh.sample(**request) != fresh.sample(**request | {"seed": 4})


def test_min_p_leaves_only_the_likely() -> None:
    model = llama(4, False)
    decoder = Decoder(model.config.to_dict(), model.state_dict(), [2])
    request = dict(prefix=[], rest=prompt(9), n=16, seed=0, temperature=1.0, max_tokens=6)
    greedy = decoder.sample(**request | {"temperature": 0.0}, min_p=0.0)
    assert [reply.ids for reply in decoder.sample(**request, min_p=1.0)] == [reply.ids for reply in greedy]
    assert len({tuple(reply.ids) for reply in decoder.sample(**request, min_p=0.0)}) > 1
