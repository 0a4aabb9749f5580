"""The pretraining of `mini`, in miniature: killed or stopped, it goes on and ends as if left alone."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from corpus import WINDOW
from safetensors.torch import load_file
from signature import grids_signature
from transformers import AutoTokenizer, LlamaForCausalLM

from soar.core.process import computes_bf16
from soar.models.mini import WEIGHTS, MiniModel
from soar.training.config import TrainingConfig
from soar.training.network import uses_bf16

ROOT = Path(__file__).parents[2]
MINIATURE = ("--size", "tiny", "--steps", "10", "--batch-tokens", "4096", "--every", "3", "--evaluate-every", "0")


def start(out: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "experiments/pretraining/pretrain_mini.py", "--out", str(out), *MINIATURE, *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    return printed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    finish(start(out))
    return out


@pytest.mark.slow
def test_killed_and_stopped_it_ends_with_the_same_curve_and_weights(undisturbed: Path, tmp_path: Path) -> None:
    killed = start(tmp_path)
    while not (tmp_path / "checkpoint.pt").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert not (tmp_path / "model").exists()
    assert "stopped after" in finish(start(tmp_path, "--minutes", "0"))
    finish(start(tmp_path))
    rows, expected = (
        [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        for out in (tmp_path, undisturbed)
    )
    assert [(row["step"], row["loss"]) for row in rows] == [(row["step"], row["loss"]) for row in expected]
    weights, right = (load_file(out / "model/model.safetensors") for out in (tmp_path, undisturbed))
    assert all(weight.equal(right[name]) for name, weight in weights.items())


def test_what_trains_is_what_the_hardware_is_fast_at(undisturbed: Path) -> None:
    settings = json.loads((undisturbed / "settings.json").read_text())
    expected = ("muon", 3e-3) if computes_bf16() else ("adamw", 2e-3)
    assert (settings["optimizer"], settings["matrix_lr"]) == expected
    assert uses_bf16(TrainingConfig()) == computes_bf16()


def test_the_finished_model_is_one_that_soar_opens(undisturbed: Path) -> None:
    folder = undisturbed / "model"
    assert (folder / "grids_signature.txt").read_text().strip() == grids_signature()
    assert len(AutoTokenizer.from_pretrained(folder)) == len(AutoTokenizer.from_pretrained(WEIGHTS))
    assert LlamaForCausalLM.from_pretrained(folder).config.max_position_embeddings == WINDOW
    model = MiniModel(folder, workers=1)
    assert model.capabilities.context_length == WINDOW == 4096
    model.close()


def test_other_settings_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(ROOT / "experiments")
    training = importlib.import_module("mini_training")
    for _ in range(2):
        training.remember(tmp_path, {"seed": 0, "size": training.Size.tiny})
    with pytest.raises(typer.BadParameter, match="seed was 0, not 1"):
        training.remember(tmp_path, {"seed": 1, "size": "tiny"})


def test_it_begins_with_given_weights_and_widens_their_window(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(ROOT / "experiments")
    training = importlib.import_module("mini_training")
    tokenizer = training.training_tokenizer(tmp_path, WEIGHTS)
    assert tokenizer.get_vocab() == AutoTokenizer.from_pretrained(WEIGHTS).get_vocab()
    model = training.initial_model(tokenizer, training.Size.small, WEIGHTS)
    assert (model.config.max_position_embeddings, model.config.num_hidden_layers) == (4096, 6)
    training.save_model(tmp_path / "model", model, tokenizer)
    saved, shipped = (load_file(folder / "model.safetensors") for folder in (tmp_path / "model", WEIGHTS))
    assert all(weight.equal(shipped[name]) for name, weight in saved.items())
