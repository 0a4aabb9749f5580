from __future__ import annotations

import hashlib
import random
from collections import Counter

import numpy as np
import pytest
from corpus import BATCHES, LENGTHS, PROGRAM_WEIGHT, STAGES, WINDOW, Corpus, encode, stage_of, to_task
from single_step import SINGLE_STEP
from transformers import AutoTokenizer

from soar.models.mini import WEIGHTS, MiniModel
from soar.prompts.notation import PARENT
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.gym.generator import HEADER, GeneratedTask, generate
from soar.tasks.gym.single import shown_families

TOKENIZER = AutoTokenizer.from_pretrained(WEIGHTS)


def draw(seed: int, refinement: bool) -> GeneratedTask:
    return generate(random.Random(seed), max_side=9, max_cells_total=300, refinement=refinement)


def test_training_text_is_the_prompt_of_the_search_and_the_right_program(mini: MiniModel) -> None:
    for seed in range(12):
        generated = draw(seed, refinement=seed % 2 == 1)
        prompt = load_prompt_set("mini").render(*to_task(generated))
        prefix, rest = mini._encode(prompt)
        row = encode(generated, TOKENIZER)
        assert row.ids[: len(prefix) + len(rest)] == prefix + rest
        assert TOKENIZER.decode(row.ids[len(prefix) + len(rest) :]) == generated.body + TOKENIZER.eos_token


def test_a_refinement_prompt_begins_with_the_sampling_prompt(mini: MiniModel) -> None:
    for seed in range(6):
        task, parents = to_task(draw(seed, refinement=True))
        sampling, refinement = (load_prompt_set("mini").render(task, shown) for shown in ((), parents))
        assert mini._encode(sampling)[0] == mini._encode(refinement)[0]
        assert len(mini._encode(refinement)[1]) > len(mini._encode(sampling)[1])


def test_only_the_right_program_weighs_fully() -> None:
    for seed in range(12):
        generated = draw(seed, refinement=seed % 2 == 1)
        row = encode(generated, TOKENIZER)
        learned = [token for token, weight in zip(row.ids, row.weights, strict=True) if weight == PROGRAM_WEIGHT]
        assert TOKENIZER.decode(learned) == generated.body + TOKENIZER.eos_token


def test_the_parent_that_is_shown_is_the_broken_one() -> None:
    generated = draw(1, refinement=True)
    task, (parent,) = to_task(generated)
    assert parent.program is not None and parent.program.source == HEADER + str(generated.parent_body)
    assert parent.train_accuracy < 1
    assert len(parent.train) == len(task.train) and len(parent.test) == len(task.test)


def test_a_pool_depends_on_its_number_only() -> None:
    third = Corpus(TOKENIZER, seed=3, batch_tokens=4096, steps=1000).pool(2)
    again = next(iter(Corpus(TOKENIZER, seed=3, batch_tokens=4096, steps=1000, start=2)))
    assert len(third) == BATCHES
    for (ids, weights), (same_ids, same_weights) in zip(third, again, strict=True):
        assert np.array_equal(ids, same_ids) and np.array_equal(weights, same_weights)


def test_the_corpus_of_mini_is_what_it_was_before_there_was_another() -> None:
    ids, _ = Corpus(TOKENIZER, seed=0, batch_tokens=4096, steps=8400).pool(0)[0]
    assert hashlib.blake2b(np.ascontiguousarray(ids).tobytes(), digest_size=8).hexdigest() == "3324c63fa4a3fd79"


@pytest.mark.slow  # the sets of the gym are made first
def test_single_steps_come_without_refinements_and_as_often_from_each_family() -> None:
    corpus = Corpus(TOKENIZER, seed=3, batch_tokens=4096, steps=1000, source=SINGLE_STEP)
    for ids, _ in corpus.pool(0):
        text = TOKENIZER.decode(ids.flatten())
        assert PARENT not in text and "    x = " not in text
    rng = random.Random(0)
    drawn = Counter(SINGLE_STEP.draw(rng, SINGLE_STEP.stages[0]).family for _ in range(2000))
    assert drawn.keys() <= {one.name for one in shown_families()}
    assert len(drawn) > 0.95 * len(shown_families()) and max(drawn.values()) < 45


def test_batches_are_full_and_hold_whole_texts() -> None:
    corpus = Corpus(TOKENIZER, seed=3, batch_tokens=4096, steps=8 * BATCHES)
    early, late = corpus.pool(0), corpus.pool(7)
    for ids, weights in (*early, *late):
        rows, length = ids.shape
        assert weights.shape == ids.shape and length in LENGTHS and rows == 4096 // length
        assert (ids[:, 0] == TOKENIZER.bos_token_id).all()
        assert ((ids == TOKENIZER.eos_token_id).sum(1) == 1).all()
        assert ((weights == PROGRAM_WEIGHT).sum(1) > 1).all()
    longest_early, longest_late = (max(ids.shape[1] for ids, _ in pool) for pool in (early, late))
    assert longest_early < longest_late <= WINDOW


def test_grids_grow_in_stages() -> None:
    assert [stage_of(share) for share in (0.0, 0.4, 0.7, 0.9, 1.5)] == [*STAGES, STAGES[-1]]


def test_a_batch_must_hold_the_longest_text() -> None:
    with pytest.raises(ValueError, match="4096"):
        Corpus(TOKENIZER, seed=0, batch_tokens=2048, steps=10)
