"""What the checks of a training say: the model that will serve it is asked too, and what is amiss is named."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soar.core.files import whole, write_whole
from soar.core.process import available_cores
from soar.models.adapter import Adapter, base_source
from soar.models.spec import ModelSpec
from soar.models.worker import Worker
from soar.training.folder import CHECKS
from soar.training.samplers import SERVERS

LIMITS = {"fp32": 1e-3, "bf16": 0.25}  # nats a token that trainer and server may differ by

Logprobs = list[list[float]]


def conclude(folder: Path, model: str, start: Path | None) -> None:
    """Ask the server about the replies that the trainer looked at, and write what all of it says to `checks.json`.

    A folder that says it already is left as it is.

    Args:
        folder: of the training, with the adapter in it.
        model: the base, as `open_model` takes it; its server is asked where it runs in a process of ours.
        start: folder of the adapter that training went on from.
    """
    found = json.loads((folder / CHECKS).read_text(encoding="utf-8"))
    if "probes" not in found:
        return
    probes, trainer, precision = found.pop("probes"), found.pop("trainer"), found["precision"]
    kind, _ = ModelSpec.of(model)
    served = _ask(model, start, folder, probes) if kind in SERVERS else None
    ways = [one["wanted"] for one in probes]
    said = {
        "precision": precision,
        "replies": _replies(served or trainer, ways) | {"asked": "server" if served else "trainer"},
        "agreement": _agreement(served["after"], trainer["after"], precision) if served else None,
        "weights": _weights(found["weights"]),
        "held_out": found["held_out"],
    }
    write_whole(folder / CHECKS, json.dumps(said | {"warnings": warnings_of(said)}, indent=1))
    draw(said["weights"]["matrices"], folder)


def warnings_of(said: dict[str, Any]) -> list[str]:
    """Return what is amiss, a line each."""
    found = []
    agreement, held, replies = said["agreement"], said["held_out"], said["replies"]
    if agreement and agreement["token_max"] > agreement["limit"]:
        found.append(
            f"trainer and server differ by up to {agreement['token_max']:.2g} nats a token, more than "
            f"{agreement['limit']:g}: what was trained is not what answers"
        )
    if replies["right_way"] < 0.5:
        found.append(f"only {replies['right_way']:.0%} of the replies moved the way they should")
    if said["weights"]["rounded"] == 0:
        found.append("no weight changes once it is rounded to bf16: a server that computes in bf16 sees no training")
    if held and held["interval"][0] > 0:
        low, high = held["interval"]
        found.append(
            f"held-out replies became less likely: {held['change']:+.2f} nats [{low:+.2f}, {high:+.2f}] a reply; "
            "a lower rate, or rows to retain, hold on to them"
        )
    return found


def lines(said: dict[str, Any]) -> list[str]:
    """Return what the checks say, for the screen."""
    replies, agreement, weights, held = (said[name] for name in ("replies", "agreement", "weights", "held_out"))
    found = [
        f"replies learnt ({replies['count']}, the {replies['asked']} says): moved {replies['moved']:+.2f} nats the "
        f"right way on average, {replies['right_way']:.0%} of them that way",
        f"weights: moved by {weights['relative']:.2%} (most: {weights['most']}), {weights['rounded']:.0%} of entries "
        "change in bf16",
    ]
    if agreement:
        found.append(f"trainer and server agree within {agreement['token_max']:.2g} nats a token ({said['precision']})")
    if held:
        low, high = held["interval"]
        found.append(
            f"held out ({held['rows']} rows): loss {held['change']:+.2f} nats a reply [{low:+.2f}, {high:+.2f}]"
        )
    return found + [f"WARNING: {one}" for one in said["warnings"]]


def read(adapter: Adapter) -> dict[str, Any] | None:
    """Return what the checks of a training said; None where it is older than they are."""
    file = adapter.path / CHECKS
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def draw(matrices: dict[str, dict[str, float]], folder: Path) -> None:
    """Draw ‖ΔW‖/‖W‖ of each matrix, a row for each layer, into `weights.png` and `weights.svg`."""
    from matplotlib.figure import Figure

    places = [_place(name) for name in matrices]
    rows, columns = sorted({row for row, _ in places}), list(dict.fromkeys(column for _, column in places))
    cells = np.full((len(rows), len(columns)), np.nan)
    for (row, column), one in zip(places, matrices.values(), strict=True):
        cells[rows.index(row), columns.index(column)] = 100 * one["relative"]
    figure = Figure(figsize=(1.5 + 0.7 * len(columns), 1.5 + 0.25 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(cells, aspect="auto", cmap="viridis")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), ["" if row < 0 else str(row) for row in rows])
    axes.set(ylabel="layer", title="change of the weights, %")
    figure.colorbar(picture)
    for ending in ("png", "svg"):
        with whole(folder / f"weights.{ending}") as file:
            figure.savefig(file)


def _place(name: str) -> tuple[int, str]:
    """Layer (-1: none) and kind of a matrix."""
    number = re.search(r"\.(\d+)\.", name)
    return int(number[1]) if number else -1, name.rpartition(".")[2]


def _ask(model: str, start: Path | None, end: Path, probes: Sequence[dict[str, Any]]) -> dict[str, Logprobs]:
    """Return the log-probability of each token of each reply, by the process that serves the model."""
    target, source = SERVERS[ModelSpec.of(model).kind]
    arguments = {source: base_source(model), "adapter": None if start is None else str(start)}
    worker = Worker(target, arguments, available_cores())
    try:
        before = [worker.call("reply_logprobs", one["prompt"], one["reply"]) for one in probes]
        worker.call("load", str(end))
        after = [worker.call("reply_logprobs", one["prompt"], one["reply"]) for one in probes]
    finally:
        worker.close()
    return {"before": before, "after": after}


def _replies(asked: dict[str, Logprobs], ways: Sequence[int]) -> dict[str, Any]:
    before, after = (np.array([sum(each) for each in asked[when]]) for when in ("before", "after"))
    moved = (after - before) * np.array(ways)
    return {
        "count": len(ways), "before": float(before.mean()), "after": float(after.mean()), "moved": float(moved.mean()),
        "right_way": float((moved > 0).mean()),
    }  # fmt: skip


def _agreement(server: Logprobs, trainer: Logprobs, precision: str) -> dict[str, Any]:
    apart = [np.array(one) - np.array(other) for one, other in zip(server, trainer, strict=True)]
    each = np.abs(np.concatenate(apart))
    return {
        "tokens": len(each), "token_max": float(each.max()), "token_mean": float(each.mean()),
        "reply_max": max(float(abs(one.sum())) for one in apart), "limit": LIMITS[precision],
    }  # fmt: skip


def _weights(matrices: dict[str, dict[str, float]]) -> dict[str, Any]:
    relative = {name: one["relative"] for name, one in matrices.items()}
    return {
        "relative": float(np.mean(list(relative.values()))), "most": max(relative, key=relative.__getitem__),
        "rounded": float(np.mean([one["rounded"] for one in matrices.values()])), "matrices": matrices,
    }  # fmt: skip
