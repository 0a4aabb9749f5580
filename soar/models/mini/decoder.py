"""Sampling from a small Llama on a CPU: one stored prompt, attended by all rows.

The prompt's keys and values are computed once and stored once; each row keeps only those of its own reply, and nothing
is copied from step to step. The text a request gives depends on nothing but the request: its rows are the whole batch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from soar.models.mini.drawn import Drawn

State = dict[str, Tensor]
Cache = list[tuple[Tensor, Tensor]]  # per layer: keys and values, [kv_heads, length, head_dim]
Turn = tuple[Tensor, Tensor]  # of rotary positions


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one block; query, key and value share one matrix, gate and up another.

    The weights of both norms are multiplied into the matrices behind them, the attention's scale into the queries'.
    """

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor


class Decoder:
    """A Llama (RMSNorm, rotary positions, gated MLP, grouped queries) for inference in float32.

    Args:
        config: the model's `config.json`.
        state: its weights under Hugging Face's names.
        ends: tokens that end a reply.
        cached_prefixes: how many shared prompt beginnings are kept, latest used last.
    """

    def __init__(self, config: dict[str, Any], state: State, ends: Collection[int], cached_prefixes: int = 6) -> None:
        self.heads: int = config["num_attention_heads"]
        self.kv_heads: int = config["num_key_value_heads"]
        self.head_dim: int = config.get("head_dim") or config["hidden_size"] // self.heads
        self.eps: float = config["rms_norm_eps"]
        self.ends = frozenset(ends)
        state = {name: weight.float() for name, weight in state.items()}
        self.embedding = state["model.embed_tokens.weight"]
        head = self.embedding if config["tie_word_embeddings"] else state["lm_head.weight"]
        self.head = head * state["model.norm.weight"]
        scale = self.head_dim**-0.5
        self.layers = [_layer(state, f"model.layers.{i}.", scale) for i in range(config["num_hidden_layers"])]
        theta = config["rope_parameters"]["rope_theta"]
        frequencies = 1.0 / theta ** (torch.arange(0, self.head_dim, 2).float() / self.head_dim)
        angles = torch.outer(torch.arange(config["max_position_embeddings"]).float(), frequencies)[:, None]
        self.cos, self.sin = angles.cos().repeat(1, 1, 2), torch.cat([-angles.sin(), angles.sin()], -1)
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

    @torch.inference_mode()
    def next_logprobs(self, ids: list[int]) -> Tensor:
        """Return the log-probability of each token that may follow `ids`, shape [vocabulary]; all but the last are
        remembered for later requests."""
        _, hidden = self._prefill(ids[-1:], self._prefix_cache(ids[:-1]))
        return F.linear(hidden[-1], self.head).log_softmax(-1)

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
        turn = self._turn(start, start + len(ids))
        x = self.embedding[torch.tensor(ids)]
        mask = torch.ones(len(ids), start + len(ids), dtype=torch.bool).tril(start) if start else None
        cache: Cache = []
        for i, layer in enumerate(self.layers):
            q, k, v = self._qkv(layer, x, turn)
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
                scale=1.0,
                enable_gqa=self.heads != self.kv_heads,
            )[0]
            x = self._finish(layer, x, attended.transpose(0, 1))
        return cache, self._normed(x)

    def _turn(self, start: int, end: int) -> Turn:
        """Cosines and signed sines of the positions from `start` to before `end`, each [length, 1, head_dim]."""
        return self.cos[start:end], self.sin[start:end]

    def _qkv(self, layer: Layer, x: Tensor, turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
        """Return turned and scaled queries, turned keys, and values, each [length, heads, head_dim]."""
        qkv = F.linear(self._normed(x), layer.qkv).view(len(x), -1, self.head_dim)
        qk, v = qkv[:, : -self.kv_heads], qkv[:, -self.kv_heads :]
        cos, sin = turn
        first, second = qk.chunk(2, -1)
        qk = torch.addcmul(qk * cos, torch.cat([second, first], -1), sin)
        return qk[:, : self.heads], qk[:, self.heads :], v

    def _finish(self, layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
        x = x + F.linear(attended.reshape(len(x), -1), layer.out)
        gate, up = F.linear(self._normed(x), layer.gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, layer.down)

    def _normed(self, x: Tensor) -> Tensor:
        """Root-mean-square norm without its weights."""
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)


class Rows:
    """The replies of one request while they grow; a row that has ended leaves the batch."""

    def __init__(self, decoder: Decoder, prompt: Cache, n: int, max_tokens: int) -> None:
        self.decoder, self.prompt = decoder, [(k.transpose(1, 2), v) for k, v in prompt]
        self.length = prompt[0][0].shape[1]
        shape = (len(prompt), n, decoder.kv_heads, max_tokens, decoder.head_dim)
        self.keys, self.values = torch.empty(shape), torch.empty(shape)
        self.ids: list[list[int]] = [[] for _ in range(n)]
        self.logprobs: list[list[float]] = [[] for _ in range(n)]
        self.end: list[int | None] = [None] * n
        self.live = list(range(n))
        self.steps = 0

    def accept(self, tokens: Tensor, logprobs: Tensor) -> Tensor:
        """Append a token to each live row, drop the rows that ended; return the tokens of those still live."""
        for row, token, logprob in zip(self.live, tokens.tolist(), logprobs.tolist(), strict=True):
            self.logprobs[row].append(logprob)
            if token in self.decoder.ends:
                self.end[row] = token
            else:
                self.ids[row].append(token)
        going = [i for i, row in enumerate(self.live) if self.end[row] is None]
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
        turn = decoder._turn(self.length + t, self.length + t + 1)
        for i, layer in enumerate(decoder.layers):
            q, k, v = decoder._qkv(layer, x, turn)
            self.keys[i, :, :, t], self.values[i, :, :, t] = k, v
            x = decoder._finish(layer, x, self._attend(q, i, t + 1))
        self.steps += 1
        return F.linear(decoder._normed(x), decoder.head)

    def _attend(self, q: Tensor, i: int, written: int) -> Tensor:
        """Attention of one query per row to the shared prompt and the row's own reply, [live, heads, head_dim]."""
        d, rows = self.decoder, len(q)
        group = d.heads // d.kv_heads
        prompt_keys, prompt_values = self.prompt[i]
        grouped = q.reshape(rows, d.kv_heads, group, d.head_dim)
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
        return [Drawn(*row) for row in zip(self.ids, self.end, self.logprobs, strict=True)]


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


def _layer(state: State, prefix: str, scale: float) -> Layer:
    def weight(name: str) -> Tensor:
        return state[f"{prefix}{name}.weight"]

    q, k, v = (weight(f"self_attn.{part}_proj") for part in "qkv")
    return Layer(
        qkv=torch.cat([scale * q, k, v]) * weight("input_layernorm"),
        out=weight("self_attn.o_proj"),
        gate_up=torch.cat([weight("mlp.gate_proj"), weight("mlp.up_proj")]) * weight("post_attention_layernorm"),
        down=weight("mlp.down_proj"),
    )
