"""What is looked at after every training, and what holds on to the base model meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from peft import PeftModel
from transformers import LlamaForCausalLM

from soar.models.adapter import Adapter
from soar.models.mini import WEIGHTS
from soar.training.checks import interval
from soar.training.config import TrainingConfig, TrainingError
from soar.training.job import train
from soar.training.likelihood import reply_losses
from soar.training.progress import summary
from soar.training.verdict import warnings_of
from soar.training.weights import Weights
from tests.training.support import generated_rows

REPLY = "    return np.full((3, 7), 5)\n"
OPTIONS: dict[str, Any] = {
    "rank": 8, "learning_rate": 5e-3, "epochs": 3, "batch_size": 8, "micro_batch_size": 4, "precision": "fp32",
}  # fmt: skip


def named(rows: Dataset, name: str) -> Dataset:
    return rows.map(lambda row, place: {"task_hash": f"{name}{place}", "task_id": f"{name} {place}"}, with_indices=True)


@pytest.fixture(scope="module")
def learnt() -> Dataset:
    return named(generated_rows(16).map(lambda row: {"completion": REPLY}), "learnt")


@pytest.fixture(scope="module")
def others() -> Dataset:
    return named(generated_rows(40, seed=1), "other")


@pytest.fixture(scope="module")
def trained(learnt: Dataset, others: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Adapter]:
    """One reply learnt too well, with and without something that holds on to the rest."""
    folder, config = tmp_path_factory.mktemp("checks"), TrainingConfig.for_model("mini", **OPTIONS)
    held_out, retain = others.select(range(20)), others.select(range(20, 40))
    return {
        "free": train(learnt, "mini", folder / "free", config, held_out=held_out),
        "held": train(learnt, "mini", folder / "held", config, held_out=held_out, retain=retain),
    }


def checks(adapter: Adapter) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((adapter.path / "checks.json").read_text())
    return found


def test_what_was_learnt_moved_and_the_server_says_so(trained: dict[str, Adapter], learnt: Dataset) -> None:
    for adapter in trained.values():
        replies, agreement = checks(adapter)["replies"], checks(adapter)["agreement"]
        assert replies["asked"] == "server" and replies["count"] == 16 and replies["right_way"] == 1.0
        assert agreement["token_max"] <= agreement["limit"] == 1e-3 and agreement["tokens"] > 100
    losses = [reply_losses(learnt, adapter=one) for one in (None, trained["free"])]
    before, after = (-sum(some) / 16 for some in losses)  # type: ignore[arg-type]
    replies = checks(trained["free"])["replies"]
    assert replies["before"] == pytest.approx(before, abs=1e-2) and replies["after"] == pytest.approx(after, abs=1e-2)
    assert replies["moved"] == pytest.approx(after - before, abs=2e-2)


def test_what_is_held_on_to_is_forgotten_less(trained: dict[str, Adapter]) -> None:
    free, held = checks(trained["free"]), checks(trained["held"])
    assert free["held_out"]["interval"][0] > 0 and free["held_out"]["tasks"] == 20
    assert held["held_out"]["change"] < 0.6 * free["held_out"]["change"]
    assert any("held-out replies became less likely" in one for one in free["warnings"])
    assert "WARNING: held-out replies" in summary(trained["free"])
    curve = [json.loads(line) for line in (trained["held"].path / "training.jsonl").read_text().splitlines()]
    assert curve[0]["retain"] == pytest.approx(0, abs=1e-5) and max(line["retain"] for line in curve) > 0.01
    assert trained["held"].name != trained["free"].name and "retain" in trained["held"].made_of


def test_weights_moved_by_what_the_adapter_adds(trained: dict[str, Adapter]) -> None:
    network = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    before = {name: one.clone() for name, one in network.named_parameters()}
    after = PeftModel.from_pretrained(network, trained["free"].path).merge_and_unload()
    matrices = checks(trained["free"])["weights"]["matrices"]
    assert len(matrices) == 6 * 7
    for name, said in matrices.items():
        was, now = before[f"{name}.weight"], after.get_parameter(f"{name}.weight")
        assert said["relative"] == pytest.approx(float((now - was).norm() / was.norm()), rel=1e-3)
        assert said["rounded"] == pytest.approx(float((now.bfloat16() != was.bfloat16()).float().mean()), abs=1e-3)
    assert {"weights.png", "weights.svg"} <= {one.name for one in trained["free"].path.iterdir()}


def test_a_step_too_small_for_bf16_is_told() -> None:
    network = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    look = Weights(network)
    with torch.no_grad():
        for one in network.parameters():
            one.mul_(1 + 1e-6)
    moved = look.moved(network)["model.layers.0.mlp.up_proj"]
    assert moved["relative"] == pytest.approx(1e-6, rel=0.1) and moved["rounded"] == 0
    said = {"agreement": None, "held_out": None, "replies": {"right_way": 1.0}, "weights": moved}
    assert warnings_of(said) == [
        "no weight changes once it is rounded to bf16: a server that computes in bf16 sees no training"
    ]


@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("abcd")), min_size=1, max_size=30), st.integers(0, 3))
def test_the_interval_lies_within_what_tasks_did(changes: list[tuple[float, str]], seed: int) -> None:
    values, tasks = [one for one, _ in changes], [task for _, task in changes]
    low, high = interval(values, tasks, seed)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert (low, high) == interval(values, tasks, seed)


def test_tasks_that_are_learnt_from_are_not_retained_or_measured(learnt: Dataset, tmp_path: Path) -> None:
    for name in ("retain", "held_out"):
        with pytest.raises(TrainingError, match=r"rows are of tasks that are learnt from \(learnt 0, learnt 1"):
            train(learnt, "mini", tmp_path / name, **{name: learnt.select(range(2))})  # type: ignore[arg-type]
        with pytest.raises(TrainingError, match="no column completion"):
            train(learnt, "mini", tmp_path / name, **{name: learnt.remove_columns("completion")})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
