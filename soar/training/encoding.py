"""Rows of a dataset as token ids, in the order in which they are trained on."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Hashable, Sequence
from typing import Any

from soar.core.errors import expect
from soar.models.adapter import base_source
from soar.models.base import Prompt
from soar.models.tokens import encode_reply
from soar.training.config import TrainingError

COLUMNS = ("prompt", "prefill", "completion", "prompt_set")
COLUMNS_OF: dict[str, tuple[str, ...]] = {
    "rows": COLUMNS,
    "pairs": ("prompt", "prefill", "chosen", "rejected", "prompt_set"),
    "groups": ("prompt", "prefill", "replies", "rewards", "temperature", "model", "adapter", "prompt_set"),
    "golden": ("task_id", "task_hash", "prompt", "prefill", "completion", "examples", "raw", "stop", "prompt_set"),
}
VISITS = "visits"  # of groups that a teacher has drawn: their numbers in the order of training
MAKERS = {
    "rows": "soar.hindsight.make_dataset",
    "pairs": "soar.hindsight.make_pairs",
    "groups": "soar.hindsight.make_groups",
    "golden": "soar.hindsight.make_golden",
}
GROUPED = 64  # micro-batches whose rows are sorted by length together


def check_rows(dataset: Any, kind: str = "rows") -> None:
    """Raise TrainingError unless `dataset` has rows with the columns that training on this kind reads."""
    maker = MAKERS[kind]
    wanted = f"a datasets.Dataset of {maker}; one on disk is read by datasets.load_from_disk"
    if not hasattr(dataset, "column_names"):
        expect(dataset, (), "what is learnt from", wanted)
    missing = [column for column in COLUMNS_OF[kind] if column not in dataset.column_names]
    if missing:
        raise TrainingError(f"the dataset has no column {', '.join(missing)}: make it with {maker}")
    if not len(dataset):
        raise TrainingError("the dataset has no rows: nothing can be learned from it")


def check_apart(learnt: Any, other: Any, name: str) -> None:
    """Raise TrainingError where rows of `other` are of tasks that are learnt from, as far as both name theirs."""
    if "task_hash" not in learnt.column_names or "task_hash" not in other.column_names:
        return
    both = set(learnt["task_hash"]) & set(other["task_hash"])
    if both:
        names = sorted(
            {row["task_id"] for row in other.select_columns(["task_id", "task_hash"]) if row["task_hash"] in both}
        )
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise TrainingError(f"{name} rows are of tasks that are learnt from ({shown}): take others")


def check_drawn_by(groups: Any, model: str, adapter: str | None) -> None:
    """Raise TrainingError unless all groups were drawn by this model with this adapter (None: without any)."""
    drawn = set(zip(groups["model"], groups["adapter"], strict=True))
    if any(base_source(one) != base_source(model) or name != adapter for one, name in drawn):
        by = ", ".join(sorted(f"{one} with {name or 'no adapter'}" for one, name in drawn))
        raise TrainingError(
            f"groups are learnt by what drew them ({by}); this training starts from {model} with "
            f"{adapter or 'no adapter'}: search with that, or give continue_from"
        )


def fingerprint(dataset: Any, kind: str = "rows") -> str:
    """Return a hash of the columns that training reads, in the order of rows, 16 hexadecimal digits."""
    digest, columns = hashlib.blake2b(digest_size=8), COLUMNS_OF[kind]
    columns += (VISITS,) if kind == "groups" and VISITS in dataset.column_names else ()
    for row in dataset.select_columns(list(columns)):
        digest.update(json.dumps([row[column] for column in columns], sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def encode(dataset: Any, tokenizer: Any, window: int, keep: Sequence[str] = ()) -> tuple[Any, int]:
    """Return rows as `token_ids` gives them, with the columns `keep`, and how many were longer than `window`: those are
    left out."""
    ids = token_ids(dataset, tokenizer, keep)
    fitting = [i for i, length in enumerate(ids["length"]) if length <= window]
    if not fitting:
        raise TrainingError(f"every row is longer than {window} tokens: nothing is left to train on")
    return ids.select(fitting), len(ids) - len(fitting)


def token_ids(dataset: Any, tokenizer: Any, keep: Sequence[str] = ()) -> Any:
    """Return rows as `input_ids`, `labels` (-100 on the prompt) and `length`.

    The ids of the prompt are those that a search sends, see `soar.models.tokens`.
    """

    def to_ids(row: dict[str, Any]) -> dict[str, Any]:
        prompt = Prompt(tuple(row["prompt"]), row["prefill"])
        before, after = encode_reply(tokenizer, prompt, row["completion"])
        return {"input_ids": before + after, "labels": [-100] * len(before) + after, "length": len(before) + len(after)}

    gone = [name for name in dataset.column_names if name not in keep]
    return dataset.map(to_ids, remove_columns=gone, load_from_cache_file=False)


def training_order(lengths: Sequence[int], epochs: int, micro_batch: int, seed: int) -> list[int]:
    """Return the indices of rows for all epochs; each run of `micro_batch` has rows of similar length.

    Rows are shuffled in each epoch, sorted by length within groups of 64 micro-batches, and the micro-batches of a
    group shuffled. Only the last micro-batch may be short.
    """
    rng = random.Random(seed)
    shuffled = [index for _ in range(epochs) for index in rng.sample(range(len(lengths)), len(lengths))]
    whole = len(shuffled) - len(shuffled) % micro_batch
    order: list[int] = []
    for start in range(0, whole, GROUPED * micro_batch):
        group = sorted(shuffled[start : min(start + GROUPED * micro_batch, whole)], key=lambda i: (lengths[i], i))
        batches = [group[i : i + micro_batch] for i in range(0, len(group), micro_batch)]
        rng.shuffle(batches)
        order += [index for batch in batches for index in batch]
    return order + shuffled[whole:]


def grouped_order(prompts: Sequence[Hashable], epochs: int, micro_batch: int, seed: int) -> list[int]:
    """Return the indices of rows for all epochs; rows of one prompt stand together, in micro-batches of their own.

    Prompts come in a new order in each epoch, and so do the rows of each. What is left over when a prompt's rows are
    cut into runs of `micro_batch` fills others up.
    """
    rng = random.Random(seed)
    rows: dict[Hashable, list[int]] = {}
    for index, prompt in enumerate(prompts):
        rows.setdefault(prompt, []).append(index)
    order: list[int] = []
    left: list[int] = []
    for _ in range(epochs):
        batches: list[list[int]] = []
        for prompt in rng.sample(list(rows), len(rows)):
            some = rng.sample(rows[prompt], len(rows[prompt]))
            whole = len(some) - len(some) % micro_batch
            batches += [some[i : i + micro_batch] for i in range(0, whole, micro_batch)]
            left += some[whole:]
        while len(left) >= micro_batch:
            batches.append(left[:micro_batch])
            left = left[micro_batch:]
        rng.shuffle(batches)
        order += [index for batch in batches for index in batch]
    return order + left
