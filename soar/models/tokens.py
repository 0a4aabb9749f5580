"""Prompts and replies as token ids: one way for the search and for training.

`tokenizer` is any tokenizer of transformers, as `AutoTokenizer.from_pretrained` returns it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from soar.models.base import Prompt


def prompt_text(tokenizer: Any, prompt: Prompt) -> str:
    """Return what the model reads: the chat template filled in, or the contents joined where there is none."""
    if tokenizer.chat_template is None:
        return prompt.text
    messages = [dict(message) for message in prompt.messages]
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text + prompt.prefill


def encode_prompt(tokenizer: Any, prompt: Prompt) -> list[int]:
    """Return the token ids of a prompt, prefill included, that a reply is sampled after."""
    return [*_beginning(tokenizer), *_ids(tokenizer, prompt_text(tokenizer, prompt))]


def encode_reply(tokenizer: Any, prompt: Prompt, reply: str) -> tuple[list[int], list[int]]:
    """Return the ids of a prompt and of the reply to it, the token that ends a reply included.

    The prompt's ids are those of `encode_prompt`. The reply's are what follows them where prompt and reply are encoded
    together, or, where tokens would span the boundary, those of the reply alone.
    """
    text = prompt_text(tokenizer, prompt)
    before = [*_beginning(tokenizer), *_ids(tokenizer, text)]
    together = [*_beginning(tokenizer), *_ids(tokenizer, text + reply)]
    apart = together[: len(before)] != before
    after = _ids(tokenizer, reply) if apart else together[len(before) :]
    return before, [*after, end_token(tokenizer)]


def end_token(tokenizer: Any) -> int:
    """Return the id of the token that ends a reply: what the chat template writes after one, or the tokenizer's end."""
    if tokenizer.chat_template is not None:
        turns = [{"role": "user", "content": "question"}, {"role": "assistant", "content": "answer"}]
        _, _, tail = tokenizer.apply_chat_template(turns, tokenize=False).rpartition("answer")
        special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        for token in _ids(tokenizer, tail):
            if token in special:
                return token
    return int(tokenizer.eos_token_id)


def tokenizer_hash(tokenizer: Any) -> str:
    """Return a hash of how text becomes ids (vocabulary, special tokens, chat template), 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0])):
        digest.update(f"{number}\0{token}\0".encode("utf-8", "surrogatepass"))
    digest.update(f"{tokenizer.bos_token_id}\0{end_token(tokenizer)}\0{tokenizer.chat_template}".encode())
    return digest.hexdigest()


def _beginning(tokenizer: Any) -> list[int]:
    """A chat template writes the beginning itself; without one it is a token, where the tokenizer knows any."""
    plain = tokenizer.chat_template is None and tokenizer.bos_token_id is not None
    return [tokenizer.bos_token_id] if plain else []


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids
