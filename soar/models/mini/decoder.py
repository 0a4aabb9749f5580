"""Sampling from a small Llama on a CPU: one stored prompt, attended by all rows.

The prompt's keys and values are computed once and stored once; each row keeps only those of its own reply, and nothing
is copied from step to step. The text a request gives depends on nothing but the request: its rows are the whole batch.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
Cache = list[tuple[Tensor, Tensor]]  # per layer: keys and values, [kv_heads, length, head_dim]


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one block; query, key and value share one matrix, gate and up another."""

    input_norm: Tensor
    qkv: Tensor
    out: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Drawn:
    """One reply: token ids without the end token, whether the model ended it, its log-probability at temperature 1."""

    ids: list[int]
    stopped: bool
    logprob: float


class Decoder:
    """A Llama (RMSNorm, rotary positions, gated MLP, grouped queries) for inference in float32.

    Args:
        config: the model's `config.json`.
        state: its weights under Hugging Face's names.
        cached_prefixes: how many shared prompt beginnings are kept, latest used last.
    """

    def __init__(self, config: dict[str, Any], state: State, cached_prefixes: int = 6) -> None:
        self.heads: int = config["num_attention_heads"]
        self.kv_heads: int = config["num_key_value_heads"]
        self.head_dim: int = config.get("head_dim") or config["hidden_size"] // self.heads
        self.eps: float = config["rms_norm_eps"]
        self.eos: int = config["eos_token_id"]
        state = {name: weight.float() for name, weight in state.items()}
        self.embedding = state["model.embed_tokens.weight"]
        self.head = self.embedding if config["tie_word_embeddings"] else state["lm_head.weight"]
        self.norm = state["model.norm.weight"]
        self.layers = [_layer(state, f"model.layers.{i}.") for i in range(config["num_hidden_layers"])]
        theta = config["rope_parameters"]["rope_theta"]
        frequencies = 1.0 / theta ** (torch.arange(0, self.head_dim, 2).float() / self.head_dim)
        angles = torch.outer(torch.arange(config["max_position_embeddings"]).float(), frequencies).repeat(1, 2)
        self.cos, self.sin = angles.cos(), angles.sin()
        self.prefixes: OrderedDict[tuple[int, ...], Cache] = OrderedDict()
        self.cached_prefixes = cached_prefixes

    @torch.inference_mode()
    def sample(
        self, prefix: list[int], rest: list[int], n: int, seed: int, temperature: float, min_p: float, max_tokens: int
    ) -> list[Drawn]:
        """Draw `n` replies to the prompt `prefix + rest`, whose first part is remembered for later requests."""
        cache, hidden = self._prefill(rest, self._prefix_cache(prefix))
        rows = Rows(self, cache, n, max_tokens)
        generator = torch.Generator().manual_seed(seed)
        logits = F.linear(hidden[-1:], self.head).expand(n, -1)
        for _ in range(max_tokens):
            tokens = rows.accept(*_draw(logits, temperature, min_p, generator))
            if not len(tokens):
                break
            logits = rows.step(tokens)
        return rows.finished()

    @torch.inference_mode()
    def logprobs(self, ids: list[int]) -> Tensor:
        """Return the log-probability of each token of `ids` after the first, shape [len(ids) - 1]."""
        _, hidden = self._prefill(ids, [])
        every = F.linear(hidden[:-1], self.head).log_softmax(-1)
        return every.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]

    def _prefix_cache(self, prefix: list[int]) -> Cache:
        key = tuple(prefix)
        if key in self.prefixes:
            self.prefixes.move_to_end(key)
        elif prefix:
            self.prefixes[key] = self._prefill(prefix, [])[0]
            if len(self.prefixes) > self.cached_prefixes:
                self.prefixes.popitem(last=False)
        return self.prefixes.get(key, [])

    def _prefill(self, ids: list[int], past: Cache) -> tuple[Cache, Tensor]:
        """Return keys and values of past and `ids` together, and the last hidden states of `ids`, [length, hidden]."""
        start = past[0][0].shape[1] if past else 0
        x = self.embedding[torch.tensor(ids)]
        mask = torch.ones(len(ids), start + len(ids), dtype=torch.bool).tril(start) if start else None
        cache: Cache = []
        for i, layer in enumerate(self.layers):
            q, k, v = self._qkv(layer, x, start)
            q, k, v = q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1)
            if past:
                k, v = torch.cat([past[i][0], k], 1), torch.cat([past[i][1], v], 1)
            cache.append((k.contiguous(), v.contiguous()))
            attended = F.scaled_dot_product_attention(
                q[None],
                k[None],
                v[None],
                attn_mask=mask,
                is_causal=mask is None,
                enable_gqa=self.heads != self.kv_heads,
            )[0]
            x = self._finish(layer, x, attended.transpose(0, 1))
        return cache, F.rms_norm(x, self.norm.shape, self.norm, self.eps)

    def _qkv(self, layer: Layer, x: Tensor, start: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return rotated queries and keys, and values, each [length, heads, head_dim], for positions from `start`."""
        normed = F.rms_norm(x, layer.input_norm.shape, layer.input_norm, self.eps)
        qkv = F.linear(normed, layer.qkv).view(len(x), -1, self.head_dim)
        q, k, v = qkv.split([self.heads, self.kv_heads, self.kv_heads], 1)
        positions = slice(start, start + len(x)) if isinstance(start, int) else start
        cos, sin = self.cos[positions, None], self.sin[positions, None]
        return _rotate(q, cos, sin), _rotate(k, cos, sin), v

    def _finish(self, layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
        x = x + F.linear(attended.reshape(len(x), -1), layer.out)
        gate, up = F.linear(F.rms_norm(x, layer.mlp_norm.shape, layer.mlp_norm, self.eps), layer.gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, layer.down)


class Rows:
    """The replies of one request while they grow; a row that has ended leaves the batch."""

    def __init__(self, decoder: Decoder, prompt: Cache, n: int, max_tokens: int) -> None:
        self.decoder, self.prompt = decoder, [(k.transpose(1, 2), v) for k, v in prompt]
        self.length = prompt[0][0].shape[1]
        shape = (len(prompt), n, decoder.kv_heads, max_tokens, decoder.head_dim)
        self.keys, self.values = torch.empty(shape), torch.empty(shape)
        self.ids: list[list[int]] = [[] for _ in range(n)]
        self.logprob, self.stopped = [0.0] * n, [False] * n
        self.live = list(range(n))
        self.steps = 0

    def accept(self, tokens: Tensor, logprobs: Tensor) -> Tensor:
        """Append a token to each live row, drop the rows that ended; return the tokens of those still live."""
        for row, token, logprob in zip(self.live, tokens.tolist(), logprobs.tolist(), strict=True):
            self.logprob[row] += logprob
            if token == self.decoder.eos:
                self.stopped[row] = True
            else:
                self.ids[row].append(token)
        going = [i for i, row in enumerate(self.live) if not self.stopped[row]]
        if len(going) < len(self.live):
            self.live = [self.live[i] for i in going]
            kept = torch.tensor(going, dtype=torch.long)
            # Only what was written so far moves, once per ended row.
            used = self.steps
            self.keys, self.values = (_keep(self.keys, kept, used), _keep(self.values, kept, used))
            tokens = tokens[kept]
        return tokens

    def step(self, tokens: Tensor) -> Tensor:
        """Feed one token per live row; return the next logits, [live, vocabulary]."""
        decoder, t = self.decoder, self.steps
        x = decoder.embedding[tokens]
        position = torch.full((len(tokens),), self.length + t)
        for i, layer in enumerate(decoder.layers):
            q, k, v = decoder._qkv(layer, x, position)
            self.keys[i, :, :, t], self.values[i, :, :, t] = k, v
            x = decoder._finish(layer, x, self._attend(q, i, t + 1))
        self.steps += 1
        return F.linear(F.rms_norm(x, decoder.norm.shape, decoder.norm, decoder.eps), decoder.head)

    def _attend(self, q: Tensor, i: int, written: int) -> Tensor:
        """Attention of one query per row to the shared prompt and the row's own reply, [live, heads, head_dim]."""
        d, rows = self.decoder, len(q)
        group = d.heads // d.kv_heads
        prompt_keys, prompt_values = self.prompt[i]
        grouped = q.view(rows, d.kv_heads, group, d.head_dim) * d.head_dim**-0.5
        shared = grouped.transpose(0, 1).reshape(d.kv_heads, rows * group, d.head_dim)
        to_prompt = (shared @ prompt_keys).view(d.kv_heads, rows, group, -1).transpose(0, 1)
        to_own = grouped @ self.keys[i, :, :, :written].transpose(2, 3)
        weights = torch.cat([to_prompt, to_own], -1).softmax(-1)
        on_prompt, on_own = weights[..., : self.length], weights[..., self.length :]
        out = on_prompt.transpose(0, 1).reshape(d.kv_heads, rows * group, -1) @ prompt_values
        out = out.view(d.kv_heads, rows, group, d.head_dim).transpose(0, 1)
        return (out + on_own @ self.values[i, :, :, :written]).reshape(rows, d.heads, d.head_dim)

    def finished(self) -> list[Drawn]:
        """Return all replies, in the order of their rows."""
        return [Drawn(*row) for row in zip(self.ids, self.stopped, self.logprob, strict=True)]


def _draw(logits: Tensor, temperature: float, min_p: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a token per row; return tokens and their log-probabilities at temperature 1 before any filter."""
    logprobs = logits.log_softmax(-1)
    if temperature == 0:
        tokens = logits.argmax(-1)
    else:
        probabilities = (logits / temperature).softmax(-1)
        likely = probabilities >= min_p * probabilities.amax(-1, keepdim=True)
        tokens = torch.multinomial(probabilities * likely, 1, generator=generator)[:, 0]
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0]


def _keep(buffer: Tensor, rows: Tensor, used: int) -> Tensor:
    kept = torch.empty((buffer.shape[0], len(rows), *buffer.shape[2:]))
    kept[:, :, :, :used] = buffer[:, rows, :, :used]
    return kept


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def _layer(state: State, prefix: str) -> Layer:
    def weight(name: str) -> Tensor:
        return state[f"{prefix}{name}.weight"]

    return Layer(
        input_norm=weight("input_layernorm"),
        qkv=torch.cat([weight(f"self_attn.{part}_proj") for part in "qkv"]),
        out=weight("self_attn.o_proj"),
        mlp_norm=weight("post_attention_layernorm"),
        gate_up=torch.cat([weight("mlp.gate_proj"), weight("mlp.up_proj")]),
        down=weight("mlp.down_proj"),
    )
