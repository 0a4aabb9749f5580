"""Supervised finetuning, of LoRA matrices or of all weights, in a process of its own, whose memory ends with it."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from soar.core.errors import expect, expect_path
from soar.core.files import whole
from soar.core.hints import install
from soar.core.process import available_cores, start_child
from soar.models.adapter import Adapter, base_source
from soar.training.config import TrainingConfig, TrainingError
from soar.training.encoding import check_apart, check_drawn_by, check_rows, fingerprint
from soar.training.folder import CURVE, HELD_OUT, LOG, RETAIN, ROWS, begin, finished, name_of, tidy
from soar.training.methods import method_of
from soar.training.traces import read_traces
from soar.training.verdict import conclude

PACKAGES = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "matplotlib")
START = "import sys; sys.path[:] = {path!r}; from soar.training.child import run; run({folder!r}, {fd})"
UNTOUCHED = {"checkpoint_seconds"}  # options that change nothing about what comes out


def train(
    dataset: Any,
    model: str = "mini",
    output: str | Path = "adapter",
    config: TrainingConfig | None = None,
    *,
    continue_from: Adapter | str | Path | None = None,
    retain: Any = None,
    held_out: Any = None,
    progress: bool | None = None,
) -> Adapter:
    """Train a LoRA adapter for `model` on the rows of `dataset`, in a process of its own.

    Killed or interrupted, the same call goes on from its last checkpoint; once it has finished, it returns at once.
    What was learnt is then looked at: `checks.json` in the folder, see docs/training.md.

    Args:
        dataset: rows as `soar.hindsight.make_dataset` gives them (columns prompt, prefill, completion, prompt_set).
        model: its base: `mini`, `mini:FOLDER`, `hf:NAME_OR_FOLDER` or `vllm:NAME_OR_FOLDER`.
        output: folder of the adapter.
        config: None: `TrainingConfig.for_model(model)`.
        continue_from: an adapter to go on from; None: from the base model, as the paper does in every round.
        retain: rows of the base model's own replies to other tasks (`soar.hindsight.make_replies`), to which it should
            go on giving the probabilities that it gave; None: nothing holds on to them.
        held_out: rows of other tasks, measured before and after; None: nothing is.
        progress: show it; None: in a terminal or a notebook only.

    Raises:
        TrainingError: a package or column is missing, the folder holds something else, a task that is learnt from is
            to be retained or held out too, or the process failed.
        AdapterError: no adapter can be trained for this model, or `continue_from` holds none.
    """
    from soar.training.progress import watched

    events = train_iter(dataset, model, output, config, continue_from=continue_from, retain=retain, held_out=held_out)
    for event in watched(events, progress):
        last = event
    adapter: Adapter = last["adapter"]
    return adapter


def train_iter(
    dataset: Any,
    model: str,
    output: str | Path,
    config: TrainingConfig | None = None,
    *,
    continue_from: Adapter | str | Path | None = None,
    retain: Any = None,
    held_out: Any = None,
) -> Generator[dict[str, Any], None, None]:
    """Train as `train` does and yield what happens.

    First events are `{"stage": ...}`, then each optimizer step is one with step, steps, loss, learning_rate,
    gradient_norm, token_accuracy (None with Unsloth), tokens, seconds, tokens_per_second and left (seconds); the last
    is `{"adapter": ...}`. Closing the iterator ends the process; the same call goes on from its last checkpoint.
    """
    expect(model, str, "the model to train", "named by a text, such as 'mini' or 'hf:NAME'")
    expect(config, TrainingConfig | None, "config", "a TrainingConfig, see TrainingConfig.for_model")
    config = config or TrainingConfig.for_model(model)
    source = base_source(model)
    config.check_model(model)
    _check_packages(config)
    kind = method_of(config.method).consumes
    check_rows(dataset, kind)
    others = {name: one for name, one in ((RETAIN, retain), (HELD_OUT, held_out)) if one is not None}
    for name, one in others.items():
        check_rows(one)
        check_apart(dataset, one, name)
    start = None if continue_from is None else _adapter(continue_from)
    if start is not None and start.full != config.full:
        raise TrainingError(
            f"adapter {start.name} holds {'whole weights' if start.full else 'LoRA matrices'}: go on from it with "
            f"rank {'full' if start.full else 'of these'}, or train from the base model"
        )
    if config.replay is not None:
        read_traces(config.replay)
    if kind == "groups":
        check_drawn_by(dataset, model, None if start is None else start.name)
    options = config.model_dump(mode="json", exclude=UNTOUCHED)
    made_of = {
        "model": model, "rows": len(dataset), "dataset": fingerprint(dataset, kind), "options": options,
        "continue_from": start and start.name, **({} if retain is None else {"retain": fingerprint(retain)}),
    }  # fmt: skip
    folder = expect_path(output, "output").absolute()
    adapter = finished(folder, made_of)
    if adapter is None:
        folder.mkdir(parents=True, exist_ok=True)
        plan = {
            "made_of": made_of, "source": source, "config": config.model_dump(mode="json"),
            "continue_from": start and str(start.path.absolute()), "unsloth": _uses_unsloth(config),
            "datasets": [ROWS, *others],
        }  # fmt: skip
        begin(folder, plan, {ROWS: dataset, **others})
        result: dict[str, Any] = {}
        with _process(folder) as events:
            for event in events:
                if "figures" in event:
                    result = event
                else:
                    yield event
        conclude(folder, model, None if start is None else start.path)
        prompt_sets = tuple(sorted(set(dataset["prompt_set"])))
        adapter = Adapter(folder, name_of(made_of), model, prompt_sets, made_of=made_of, **result)
        _draw(folder, adapter)
        adapter.save()
    tidy(folder)
    yield {"adapter": adapter}


@contextmanager
def _process(folder: Path) -> Generator[Iterator[dict[str, Any]], None, None]:
    """Start the training process; it is gone at the end, however that comes about."""
    ours, theirs = socket.socketpair()
    code = START.format(path=sys.path, folder=str(folder), fd=theirs.fileno())
    with (folder / LOG).open("ab") as log, ours:
        child = start_child(code, theirs.fileno(), available_cores(), log)
        theirs.close()
        try:
            yield _events(ours, child, folder)
        finally:
            child.kill()
            child.wait()


def _events(connection: socket.socket, child: subprocess.Popen[bytes], folder: Path) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    with connection.makefile("r", encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if "error" in event:
                error = TrainingError(f"the training failed: {event['error']}")
                error.add_note(f"in the training process:\n{event['traceback']}")
                raise error
            yield event
    if "figures" not in event:
        raise TrainingError(
            f"the training process ended with status {child.wait()}: is there memory enough? What it said is in "
            f"{folder / LOG}; the same call goes on from its last checkpoint"
        )


def _check_packages(config: TrainingConfig) -> None:
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise TrainingError(f"training needs {package}: {install('train')}")
    wanted = {"unsloth": config.unsloth, "bitsandbytes": config.quantize}
    for package, asked in wanted.items():
        if asked and importlib.util.find_spec(package) is None:
            raise TrainingError(f"this training was asked to use {package}: pip install {package}")


def _uses_unsloth(config: TrainingConfig) -> bool:
    if config.full or config.unsloth is not None or importlib.util.find_spec("unsloth") is None:
        return bool(config.unsloth)
    import torch

    return torch.cuda.is_available()


def _adapter(given: Adapter | str | Path) -> Adapter:
    return given if isinstance(given, Adapter) else Adapter.load(given)


def _draw(folder: Path, adapter: Adapter) -> None:
    """Draw the loss curve into `loss.png` and `loss.svg`."""
    from matplotlib.figure import Figure

    lines = [json.loads(line) for line in (folder / CURVE).read_text(encoding="utf-8").splitlines()]
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([line["step"] for line in lines], [line["loss"] for line in lines], linewidth=1)
    rate = f"{adapter.figures['tokens_per_second']:,.0f} tokens/s"
    axes.set(xlabel="optimizer step", ylabel="loss on the reply, nats per token", title=f"{adapter.name}, {rate}")
    axes.set_ylim(bottom=0)
    for ending in ("png", "svg"):
        with whole(folder / f"loss.{ending}") as draft:
            figure.savefig(draft)
