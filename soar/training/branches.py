"""One prompt, many replies, one sequence: `[prompt | reply 1 | reply 2 ...]`, no reply seeing another.

The prompt goes through the network once. Each reply stands behind the prompt's last token, which is repeated for it, so
that the logits of a position always predict the token behind it, and positions go on from the prompt's. What comes out
is what comes out of one row for each reply, up to rounding: see `same_as_rows`. Runs in the training process.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, NamedTuple

import torch
from torch import Tensor

IGNORED = -100  # label of what counts in no loss
EXACT = {torch.float32: 1e-3, torch.bfloat16: 0.25}  # nats a token that rounding may explain


class Group(NamedTuple):
    """Token ids of a prompt and of replies to it, each with the token that ends it."""

    prompt: list[int]
    replies: list[list[int]]


class Batch(NamedTuple):
    """Groups as tensors.

    Attributes:
        inputs: what the network takes: input_ids and position_ids [groups, length]; attention_mask [groups, 1, length,
            length], boolean, where a group has several replies (without, a causal model needs none).
        labels: [groups, length]; -100 except on the replies.
        branch: [groups, length]; number of the reply within all groups, -1 elsewhere.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    branch: Tensor


def lay_out(groups: Sequence[Group], pad: int, multiple: int = 1) -> Batch:
    """Return groups as a batch, padded on the right with `pad` to a multiple of `multiple` tokens."""
    length = max(length_of(group) for group in groups)
    length += -length % multiple
    shape = (len(groups), length)
    ids, positions = torch.full(shape, pad), torch.zeros(shape, dtype=torch.long)
    labels, branch = torch.full(shape, IGNORED), torch.full(shape, -1)
    number = 0
    for row, (prompt, replies) in enumerate(groups):
        end = shared = len(prompt) - 1
        ids[row, :shared], positions[row, :shared] = torch.tensor(prompt[:-1], dtype=torch.long), torch.arange(shared)
        for reply in replies:
            start, end = end, end + 1 + len(reply)
            ids[row, start:end] = torch.tensor([prompt[-1], *reply])
            positions[row, start:end] = torch.arange(shared, shared + end - start)
            labels[row, start + 1 : end], branch[row, start:end] = ids[row, start + 1 : end], number
            number += 1
    inputs = {"input_ids": ids, "position_ids": positions}
    if any(len(group.replies) > 1 for group in groups):
        inputs["attention_mask"] = _mask(groups, branch)
    return Batch(inputs, labels, branch)


def group_rows(rows: Sequence[dict[str, Any]]) -> list[Group]:
    """Return encoded rows (`input_ids`, and `labels` that are -100 on the prompt) as groups, one for each prompt."""
    replies: dict[tuple[int, ...], list[list[int]]] = {}
    for row in rows:
        start = prompt_length(row["labels"])
        replies.setdefault(tuple(row["input_ids"][:start]), []).append(row["input_ids"][start:])
    return [Group(list(prompt), some) for prompt, some in replies.items()]


def prompt_length(labels: Sequence[int]) -> int:
    """Return how many labels come before the reply."""
    return next(place for place, label in enumerate(labels) if label != IGNORED)


def length_of(group: Group) -> int:
    """Return the tokens of a group's sequence."""
    return len(group.prompt) - 1 + sum(1 + len(reply) for reply in group.replies)


def _mask(groups: Sequence[Group], branch: Tensor) -> Tensor:
    """What each position sees: itself and what precedes it, of the prompt and of its own reply."""
    places = torch.arange(branch.shape[1])
    shared = places[None] < torch.tensor([len(group.prompt) - 1 for group in groups])[:, None]
    same = branch[:, :, None] == branch[:, None, :]
    return ((shared[:, None, :] | same) & (places[:, None] >= places[None]))[:, None]


def token_logprobs(network: Any, batch: Batch, temperature: float = 1.0) -> Tensor:
    """Return the log-probability of the token behind each position, [groups, length - 1]; 0 outside the replies."""
    device = network.device
    inputs = {name: one.to(device) for name, one in batch.inputs.items()}
    if "attention_mask" in inputs and network.config._attn_implementation == "eager":
        inputs["attention_mask"] = _additive(inputs["attention_mask"], network.dtype)
    first = int((batch.labels != IGNORED).int().argmax(1).min()) - 1  # logits before are of no use
    logits = network(**inputs, use_cache=False, logits_to_keep=batch.labels.shape[1] - first).logits
    targets = batch.labels[:, first + 1 :].to(device)
    chosen = (logits[:, :-1].float() / temperature).log_softmax(-1).gather(2, targets.clamp(min=0)[..., None])[..., 0]
    return torch.nn.functional.pad(chosen.masked_fill(targets == IGNORED, 0.0), (first, 0))


def reply_logprobs(network: Any, batch: Batch) -> Tensor:
    """Return the log-probability of each reply, summed over its tokens, [replies]."""
    each, branch = token_logprobs(network, batch), batch.branch[:, 1:].to(network.device)
    sums = torch.zeros(int(branch.max()) + 1, device=network.device)
    return sums.index_add(0, branch.clamp(min=0).flatten(), each.flatten())


def takes_branches(network: Any) -> bool:
    """Tell whether the network takes positions, and its attention a mask of one's own over all that came before."""
    config = network.config.get_text_config()
    bare = network.get_base_model() if hasattr(network, "get_base_model") else network
    if "position_ids" not in signature(bare.forward).parameters:
        return False
    windowed = getattr(config, "sliding_window", None) is not None and getattr(config, "use_sliding_window", True)
    return config._attn_implementation in ("sdpa", "eager") and not windowed


def same_as_rows(network: Any, group: Group) -> bool:
    """Tell whether the network gives replies in one sequence the log-probabilities that it gives them row by row."""
    if not takes_branches(network):
        return False
    with torch.inference_mode():
        together = reply_logprobs(network, lay_out([group], pad=0))
        apart = reply_logprobs(network, lay_out([Group(group.prompt, [reply]) for reply in group.replies], pad=0))
    lengths = torch.tensor([len(reply) for reply in group.replies], device=network.device)
    return bool(((together - apart).abs() / lengths).max() <= EXACT.get(network.dtype, EXACT[torch.bfloat16]))


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A boolean mask as what attention that only adds takes."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)
