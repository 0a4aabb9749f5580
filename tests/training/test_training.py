"""Training with the embedded model, through the command, the function, a kill, and back into both kinds of models."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

import soar
from soar.models import ModelError, Prompt, Sampling, open_model
from soar.models.adapter import Adapter, AdapterError
from soar.models.mini import WEIGHTS, MiniModel
from soar.prompts.prompt_set import load_prompt_set
from soar.training.config import TrainingConfig, TrainingError
from soar.training.job import train, train_iter
from soar.training.likelihood import reply_losses
from soar.training.progress import summary, watched
from tests.training.support import generated_rows

OPTIONS = {"rank": 8, "learning_rate": 3e-3, "epochs": 4, "batch_size": 8, "micro_batch_size": 4}
CONFIG = TrainingConfig.for_model("mini", **OPTIONS)
REPLY = "    return np.full((3, 7), 5)\n"
COMMAND = [sys.executable, "-m", "soar", "train"]
FLAGS = [part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", str(value))]
KILLED = """
import sys
from datasets import load_from_disk
from soar import TrainingConfig, train
config = TrainingConfig.for_model("mini", checkpoint_seconds=0, **{options})
train(load_from_disk(sys.argv[1]), "mini", sys.argv[2], config)
"""


@pytest.fixture(scope="module")
def rows() -> Dataset:
    """Rows that all have one reply, which is quickly learned."""
    return generated_rows(16).map(lambda row: {"completion": REPLY})


@pytest.fixture(scope="module")
def folder(rows: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows as a folder, and an adapter trained on them by the command."""
    folder = tmp_path_factory.mktemp("training")
    rows.save_to_disk(folder / "rows")
    done = subprocess.run(
        [*COMMAND, folder / "rows", "--output", folder / "adapter", *FLAGS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "16 rows; 8 steps, loss" in done.stdout
    return folder


def test_the_loss_falls_and_the_folder_tells_all(folder: Path, rows: Dataset) -> None:
    adapter = Adapter.load(folder / "adapter")
    assert adapter.figures["last_loss"] < 0.7 * adapter.figures["first_loss"]
    assert adapter.base_model == "mini" and adapter.prompt_set == rows[0]["prompt_set"]
    curve = [json.loads(line) for line in (adapter.path / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in curve] == list(range(1, 9))
    assert adapter.figures["peak_memory_mb"] > 100 and adapter.figures["tokens_per_second"] > 0
    left = {path.name for path in adapter.path.iterdir()}
    assert left == {
        "adapter_config.json", "adapter_model.safetensors", "soar.json", "training.jsonl", "loss.png", "loss.svg",
        "checks.json", "weights.png", "weights.svg",
    }  # fmt: skip


def test_a_finished_training_returns_at_once_and_another_is_refused(folder: Path, rows: Dataset) -> None:
    weights = folder / "adapter" / "adapter_model.safetensors"
    before = weights.stat().st_mtime_ns
    adapter = train(rows, "mini", folder / "adapter", CONFIG)
    assert adapter == Adapter.load(folder / "adapter") and weights.stat().st_mtime_ns == before
    with pytest.raises(TrainingError, match=r"learning_rate was 0.003 and is now 0.1"):
        train(rows, "mini", folder / "adapter", CONFIG.model_copy(update={"learning_rate": 0.1}))
    with pytest.raises(TrainingError, match="dataset was"):
        train(rows.select(range(15, -1, -1)), "mini", folder / "adapter", CONFIG)


def test_mini_and_transformers_answer_with_it_alike(folder: Path, rows: Dataset, mini: MiniModel) -> None:
    answers_alike(folder / "adapter", rows, mini)


def answers_alike(adapter: Path, rows: Dataset, mini: MiniModel) -> None:
    """Check that both kinds of models give the same reply with it, another one than without."""
    prompt, sampling = Prompt(tuple(rows[0]["prompt"]), rows[0]["prefill"]), Sampling(temperature=0.0, max_tokens=40)
    plain = asyncio.run(mini.complete(prompt, 1, sampling, 0)).completions[0]
    replies = []
    for model in (mini, open_model(f"hf:{WEIGHTS}")):
        model.load_adapter(str(adapter))
        assert model.adapter == Adapter.load(adapter).name
        replies.append(asyncio.run(model.complete(prompt, 1, sampling, 0)).completions[0])
        if model is not mini:
            model.close()
    mini.load_adapter(None)
    assert mini.adapter is None
    assert asyncio.run(mini.complete(prompt, 1, sampling, 0)).completions[0] == plain
    assert replies[0].text == replies[1].text != plain.text
    assert replies[0].logprob == pytest.approx(replies[1].logprob, abs=1e-2)


def test_the_loss_of_a_reply_is_what_the_model_says_when_it_gives_it(
    folder: Path, rows: Dataset, mini: MiniModel
) -> None:
    replied, said = [], []
    for row in rows.select(range(6)):  # of several lengths, so that batches are padded
        prompt = Prompt(tuple(row["prompt"]), row["prefill"])
        completion = asyncio.run(mini.complete(prompt, 1, Sampling(temperature=0.0, max_tokens=200), 0)).completions[0]
        assert completion.finish_reason == "stop" and completion.logprob is not None
        replied.append(row | {"completion": completion.text})
        said.append(-completion.logprob)
    assert reply_losses(Dataset.from_list(replied)) == pytest.approx(said, abs=1e-3)
    before, after = reply_losses(rows), reply_losses(rows, adapter=folder / "adapter")
    assert all(a < b for a, b in zip(after, before, strict=True))


def test_a_row_that_outgrows_the_window_has_no_loss(rows: Dataset) -> None:
    long = rows[0] | {"completion": "    return x\n" * 2000}
    losses = reply_losses(Dataset.from_list([long, rows[0]]))
    assert losses[0] is None and losses[1] is not None and losses[1] > 0
    with pytest.raises(TrainingError, match="no column completion"):
        reply_losses(rows.remove_columns("completion"))


@pytest.mark.slow
def test_killed_and_started_again_it_ends_in_the_same_weights(folder: Path) -> None:
    script = [sys.executable, "-c", KILLED.format(options=OPTIONS), folder / "rows", folder / "killed"]
    first = subprocess.Popen(script)
    marks = folder / "killed" / "checkpoints"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(marks.glob("checkpoint-*/complete")):
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert list(marks.glob("checkpoint-*/complete")) and not (folder / "killed" / "soar.json").exists()
    subprocess.run(script, check=True)
    killed, whole = Adapter.load(folder / "killed"), Adapter.load(folder / "adapter")
    assert killed.name == whole.name
    weights = "adapter_model.safetensors"
    assert (killed.path / weights).read_bytes() == (whole.path / weights).read_bytes()
    losses = [
        [json.loads(line)["loss"] for line in (one.path / "training.jsonl").read_text().splitlines()]
        for one in (killed, whole)
    ]
    assert losses[0] == losses[1] and len(losses[0]) == 8


@pytest.mark.slow
def test_whole_weights_are_learnt_served_and_gone_on_from(folder: Path, rows: Dataset, mini: MiniModel) -> None:
    config = TrainingConfig.for_model("mini", **OPTIONS | {"rank": "full", "learning_rate": 1e-3})
    with closing(train_iter(rows, "mini", folder / "full", config)) as events:
        assert any(event.get("step") == 3 for event in events)  # ended in the middle
    adapter = train(rows, "mini", folder / "full", config)
    assert adapter.full and not Adapter.load(folder / "adapter").full
    assert adapter.figures["last_loss"] < 0.7 * adapter.figures["first_loss"] and adapter.figures["steps"] == 8
    answers_alike(adapter.path, rows, mini)
    losses = [reply_losses(rows.select(range(2)), adapter=one) for one in (None, adapter)]
    assert all(after < before for before, after in zip(*losses, strict=True))
    more = config.model_copy(update={"epochs": 1})
    assert train(rows, "mini", folder / "more", more, continue_from=adapter).figures["first_loss"] < 1.0
    for start, settings in ((adapter, CONFIG), (folder / "adapter", config)):
        with pytest.raises(TrainingError, match=r"holds (whole weights|LoRA matrices)"):
            train(rows, "mini", folder / "mixed", settings, continue_from=start)


@pytest.mark.parametrize("changes", [{"alpha": 8}, {"target_modules": "all-linear"}, {"quantize": True}])
def test_options_of_matrices_say_nothing_without_any(changes: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="rank 'full'"):
        TrainingConfig.for_model("mini", rank="full", **changes)


def test_whole_weights_for_vllm_are_refused_before_anything_is_done(rows: Dataset, tmp_path: Path) -> None:
    config = TrainingConfig.of({"rank": "full"})
    with pytest.raises(TrainingError, match="loads LoRA matrices, not whole weights"):
        train(rows, "vllm:somewhere", tmp_path, config)
    with pytest.raises(TrainingError, match="loads LoRA matrices, not whole weights"):
        soar.iterate(soar.load_tasks("arc-agi-1/training")[:1], "vllm:somewhere", run=tmp_path / "run", training=config)
    assert not list(tmp_path.iterdir())


def test_closing_ends_the_process(rows: Dataset, tmp_path: Path) -> None:
    events = train_iter(rows, "mini", tmp_path, CONFIG)
    assert "stage" in next(events)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    events.close()
    assert len(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()) == len(children) - 1


def test_it_goes_on_from_an_adapter(folder: Path, rows: Dataset, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 1, "learning_rate": 1e-4})
    adapter = train(rows, "mini", tmp_path / "next", config, continue_from=folder / "adapter")
    before = Adapter.load(folder / "adapter")
    assert adapter.made_of["continue_from"] == before.name != adapter.name
    assert adapter.figures["first_loss"] < 0.8 * before.figures["first_loss"]


def test_another_prompt_set_tokenizer_or_model_is_refused(folder: Path, tmp_path: Path) -> None:
    adapter = Adapter.load(folder / "adapter")
    adapter.check("mini", [load_prompt_set("mini").label])
    with pytest.raises(AdapterError, match=r"trained on prompts of mini:\w+, this search uses grids:\w+"):
        adapter.check("mini", [load_prompt_set("grids").label])
    with pytest.raises(AdapterError, match="trained on model mini, this search uses hf:other"):
        adapter.check("hf:other", [])
    record = json.loads((adapter.path / "soar.json").read_text()) | {"tokenizer": "0123456789abcdef"}
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).write_bytes((adapter.path / name).read_bytes())
    (tmp_path / "soar.json").write_text(json.dumps(record))
    model = MiniModel(workers=1)
    with pytest.raises(ModelError, match="trained with tokenizer 0123456789abcdef, this model's is"):
        model.load_adapter(str(tmp_path))
    model.close()
    with pytest.raises(AdapterError, match="holds no finished adapter"):
        Adapter.load(folder)


def test_what_cannot_be_trained_is_refused(rows: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no column completion"):
        train(rows.remove_columns("completion"), "mini", tmp_path)
    with pytest.raises(AdapterError, match="openai:gpt"):
        train(rows, "openai:gpt", tmp_path)
    with pytest.raises(TrainingError, match="unknown option 'learning_rat'; nearest: learning_rate"):
        TrainingConfig.for_model("mini", learning_rat=1.0)
    with pytest.raises(TrainingError, match="every row is longer than 8 tokens"):
        train(rows, "mini", tmp_path / "long", CONFIG.model_copy(update={"max_tokens": 8}))
    assert TrainingConfig().rank == TrainingConfig.for_model("hf:x").rank == 256


def test_progress_is_told_in_tenths(folder: Path, rows: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in (folder / "adapter" / "training.jsonl").read_text().splitlines()]
    events = [{"stage": "loading the model"}, *({**line, "left": 61.0} for line in lines)]
    assert list(watched(iter(events), True)) == events
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "soar: loading the model" and len(told) == 9
    assert re.fullmatch(r"soar: step 1/8, loss \d+\.\d{3}, [\d,]+ tokens/s, about 1:01 left", told[1])
    assert "adapter sft-" in summary(Adapter.load(folder / "adapter"))


@pytest.mark.skipif(importlib.util.find_spec("unsloth") is None, reason="Unsloth is not installed")
def test_unsloth_learns_the_same(folder: Path, rows: Dataset, tmp_path: Path) -> None:
    figures = Adapter.load(folder / "adapter").figures
    adapter = train(rows, "mini", tmp_path, CONFIG.model_copy(update={"unsloth": True}))
    assert adapter.figures["unsloth"] and not figures["unsloth"]
    for loss in ("first_loss", "last_loss"):
        assert adapter.figures[loss] == pytest.approx(figures[loss], rel=0.1)


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
def test_a_quantized_base_learns_too(rows: Dataset, tmp_path: Path) -> None:
    adapter = train(rows, "mini", tmp_path, CONFIG.model_copy(update={"quantize": True}))
    assert adapter.figures["last_loss"] < 0.7 * adapter.figures["first_loss"]
