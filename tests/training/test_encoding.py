"""Rows as ids, their order, and that packed rows do not see each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, LlamaForCausalLM
from trl import pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from soar.models.base import Prompt
from soar.models.mini import WEIGHTS
from soar.models.tokens import encode_prompt
from soar.training.encoding import encode, fingerprint, grouped_order, training_order
from tests.training.support import generated_rows


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(WEIGHTS)


def test_only_the_reply_counts_and_long_rows_are_left_out_whole(tokenizer: Any) -> None:
    rows = generated_rows(20)
    encoded, too_long = encode(rows, tokenizer, 2048)
    assert too_long == 0
    for row, ids in zip(rows, encoded, strict=True):
        prompt = encode_prompt(tokenizer, Prompt(tuple(row["prompt"]), row["prefill"]))
        assert ids["input_ids"][: len(prompt)] == prompt and set(ids["labels"][: len(prompt)]) == {-100}
        reply = ids["labels"][len(prompt) :]
        assert reply == ids["input_ids"][len(prompt) :] and len(ids["input_ids"]) == ids["length"]
        assert tokenizer.decode(reply) == row["completion"] + tokenizer.eos_token
    window = sorted(encoded["length"])[9]
    shorter, too_long = encode(rows, tokenizer, window)
    assert len(shorter) + too_long == 20 and too_long == sum(length > window for length in encoded["length"])
    assert max(shorter["length"]) == window


@settings(max_examples=50)
@given(
    st.lists(st.integers(1, 2048), min_size=1, max_size=700), st.integers(1, 3), st.integers(1, 8), st.integers(0, 9)
)
def test_every_row_is_seen_once_an_epoch_and_batches_are_of_like_length(
    lengths: list[int], epochs: int, micro_batch: int, seed: int
) -> None:
    order = training_order(lengths, epochs, micro_batch, seed)
    assert sorted(order) == sorted(list(range(len(lengths))) * epochs)
    assert order == training_order(lengths, epochs, micro_batch, seed)
    batches = [order[i : i + micro_batch] for i in range(0, len(order), micro_batch)]
    spread = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    assert spread <= sum(lengths) * epochs + 2048 * micro_batch * (len(batches) // 64 + 2)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.integers(1, 3), st.integers(1, 8), st.integers(0, 9))
def test_rows_of_one_prompt_stand_together(prompts: list[int], epochs: int, micro_batch: int, seed: int) -> None:
    order = grouped_order(prompts, epochs, micro_batch, seed)
    assert sorted(order) == sorted(list(range(len(prompts))) * epochs)
    assert order == grouped_order(prompts, epochs, micro_batch, seed)
    batches = [order[i : i + micro_batch] for i in range(0, len(order) - micro_batch + 1, micro_batch)]
    alike = sum(len({prompts[i] for i in batch}) == 1 for batch in batches)
    assert alike >= epochs * sum(prompts.count(one) // micro_batch for one in set(prompts))


def test_the_fingerprint_knows_what_is_trained_on_and_nothing_else() -> None:
    rows = generated_rows(4)
    assert fingerprint(rows) == fingerprint(rows.remove_columns("kind")) == fingerprint(generated_rows(4))
    other = Dataset.from_list([{**rows[0], "completion": "    return grid\n"}, *list(rows)[1:]])
    assert len({fingerprint(rows), fingerprint(other), fingerprint(rows.select([1, 0, 2, 3]))}) == 3


def test_packed_rows_do_not_see_each_other(tokenizer: Any) -> None:
    encoded, _ = encode(generated_rows(6), tokenizer, 2048)
    packed = pack_dataset(encoded.remove_columns("length"), 2048)
    assert len(packed) < len(encoded)
    network = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32).eval()
    alone = {}
    with torch.no_grad():
        for row in encoded:
            ids = row["input_ids"]
            alone[tuple(ids)] = network(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        collate = DataCollatorForLanguageModeling(pad_token_id=tokenizer.pad_token_id, padding_free=True)
        batch = collate(list(packed))
        together = network(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits[0]
    starts = (batch["position_ids"][0] == 0).nonzero()[:, 0].tolist()
    for start, end in zip(starts, [*starts[1:], batch["input_ids"].shape[1]], strict=True):
        expected = alone[tuple(batch["input_ids"][0, start:end].tolist())]
        torch.testing.assert_close(together[start:end], expected, atol=2e-3, rtol=1e-3)
