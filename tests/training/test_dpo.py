"""Preference training: its loss by hand and beside TRL's, its stages, what it refuses."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer
from typer.testing import CliRunner

from soar.cli.main import app
from soar.models.adapter import Adapter
from soar.models.mini import WEIGHTS
from soar.training.branches import Group, reply_logprobs
from soar.training.config import TrainingConfig, TrainingError
from soar.training.job import train
from soar.training.methods.base import Policy
from soar.training.preference import Pairs, encode_pairs, preference_loss
from soar.training.stages import train_stages
from tests.training.support import generated_rows

OPTIONS: dict[str, Any] = {
    "method": "dpo", "rank": 8, "learning_rate": 2e-3, "batch_size": 4, "micro_batch_size": 2, "epochs": 2,
    "precision": "fp32",
}  # fmt: skip
CONFIG = TrainingConfig.for_model("mini", **OPTIONS)
WEIGHTS_FILE = "adapter_model.safetensors"
KILLED = """
import sys
from datasets import load_from_disk
from soar import TrainingConfig, train
config = TrainingConfig.for_model("mini", checkpoint_seconds=0, **{options})
train(load_from_disk(sys.argv[1]), "mini", sys.argv[2], config)
"""


def pairs(count: int, seed: int = 0) -> Dataset:
    """Pairs at generated tasks: the program that made a task, and that of the next one."""
    rows = generated_rows(count + 1, seed).to_list()
    return Dataset.from_list([
        {
            "task_id": f"{seed}/{i}", "task_hash": f"{seed}/{i}", "prompt": row["prompt"], "prefill": row["prefill"],
            "chosen": row["completion"], "rejected": other["completion"] + "    # or not\n",
            "prompt_set": row["prompt_set"], "solve_rate": 0.5,
        }
        for i, (row, other) in enumerate(itertools.pairwise(rows))
    ])  # fmt: skip


@given(
    st.lists(st.tuples(*[st.floats(-30, -0.1)] * 4, st.integers(1, 20)), min_size=1, max_size=5), st.floats(0.01, 2),
    st.floats(0, 2),
)  # fmt: skip
def test_the_loss_is_that_of_the_papers(some: list[tuple[Any, ...]], beta: float, sft_weight: float) -> None:
    values = torch.tensor(some, dtype=torch.float64)
    each, margins = preference_loss(values[:, :2], values[:, 2:4], values[:, 4], beta, sft_weight)
    for (chosen, rejected, was_chosen, was_rejected, length), loss, margin in zip(some, each, margins, strict=True):
        by_hand = beta * ((chosen - was_chosen) - (rejected - was_rejected))
        assert float(margin) == pytest.approx(by_hand)
        wanted = math.log1p(math.exp(-by_hand)) - sft_weight * chosen / length
        assert float(loss) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


class Oracle(DPOTrainer):  # type: ignore[misc]
    """TRL's trainer on ids that are ready."""

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        return dataset


def curve(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def gradients(network: Any) -> torch.Tensor:
    found = [one.grad.flatten() for name, one in network.named_parameters() if ".default." in name]
    network.zero_grad()
    return torch.cat(found)


@pytest.mark.parametrize(("sft_weight", "size"), [(1.0, 1), (0.0, 3)])
def test_loss_and_gradient_are_those_of_trl(tmp_path: Path, sft_weight: float, size: int) -> None:
    policy = Policy(str(WEIGHTS), CONFIG, False, None)
    groups, _ = encode_pairs(pairs(size, seed=size), policy.tokenizer, policy.window)
    ours = Pairs(policy.network, groups, policy.pad)
    reference = ours.logprobs(policy.network, CONFIG)
    columns = [
        {"prompt_ids": one.prompt, "chosen_ids": one.replies[0], "rejected_ids": one.replies[1]} for one in groups
    ]
    arguments = DPOConfig(
        str(tmp_path), loss_type=["sigmoid", "sft"], loss_weights=[1.0, sft_weight], beta=0.1, bf16=False, use_cpu=True,
        gradient_checkpointing=False, max_length=None, report_to="none", remove_unused_columns=False,
        per_device_train_batch_size=size,
    )  # fmt: skip
    oracle = Oracle(policy.network, args=arguments, train_dataset=Dataset.from_list(columns),
                    processing_class=policy.tokenizer)  # fmt: skip
    torch.manual_seed(1)  # away from the start, which TRL has kept as an adapter named ref
    for name, one in policy.network.named_parameters():
        if "lora_B.default" in name:
            torch.nn.init.normal_(one, std=0.02)
    theirs = oracle.compute_loss(policy.network, dict(oracle.data_collator(columns)))
    theirs.backward()
    wanted = gradients(policy.network)
    logprobs = reply_logprobs(policy.network, ours.batch(range(size))).view(-1, 2)
    lengths = torch.tensor([len(one.replies[0]) for one in groups])
    loss = preference_loss(logprobs, reference, lengths, 0.1, sft_weight)[0].mean()
    loss.backward()
    found = gradients(policy.network)
    assert ours.together and float(loss) == pytest.approx(float(theirs), rel=1e-5)
    assert (found - wanted).norm() <= 1e-4 * wanted.norm() and wanted.norm() > 0.01


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both schedules in one folder."""
    folder = tmp_path_factory.mktemp("staged")
    for schedule in ("rps", "eps"):
        train_stages([pairs(8), pairs(8, seed=1)], "mini", folder, CONFIG, schedule=schedule)
    return folder


def test_schedules_share_their_first_stage_and_differ_in_the_second(staged: Path) -> None:
    assert {one.name for one in staged.iterdir()} == {"stage-1", "rps-stage-2", "eps-stage-2"}
    first, rps, eps = (Adapter.load(staged / name) for name in ("stage-1", "rps-stage-2", "eps-stage-2"))
    assert rps.made_of["continue_from"] == eps.made_of["continue_from"] == first.name
    rates = [max(line["learning_rate"] for line in curve(one.path)) for one in (rps, eps)]
    assert rates[0] == pytest.approx(0.1 * rates[1])
    moved = [json.loads((one.path / "checks.json").read_text())["weights"]["relative"] for one in (rps, eps)]
    assert 0 < moved[0] < 0.5 * moved[1]
    for one in (first, rps, eps):
        assert {path.name for path in one.path.iterdir() if path.is_dir()} == set()  # no copy of a reference
        assert one.figures["method"] == "dpo" and one.name.startswith("dpo-") and one.figures["prompts_shared"]


def test_the_better_reply_becomes_likelier_than_the_other(staged: Path) -> None:
    for name in ("stage-1", "eps-stage-2"):
        lines = curve(staged / name)
        assert lines[0]["margin"] == pytest.approx(0, abs=1e-3)  # the reference is the stage's own start
        assert lines[-1]["margin"] > lines[0]["margin"]
        replies = json.loads((staged / name / "checks.json").read_text())["replies"]
        assert replies["right_way"] > 0.6 and replies["moved"] > 0.1


def test_killed_it_ends_in_the_same_weights(staged: Path, tmp_path: Path) -> None:
    pairs(8).save_to_disk(tmp_path / "pairs")
    script = [sys.executable, "-c", KILLED.format(options=OPTIONS), tmp_path / "pairs", tmp_path / "killed"]
    first = subprocess.Popen(script)
    marks, deadline = tmp_path / "killed" / "checkpoints", time.monotonic() + 200
    while time.monotonic() < deadline and not list(marks.glob("checkpoint-*/complete")):
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert list(marks.glob("checkpoint-*/complete")) and not (tmp_path / "killed" / "soar.json").exists()
    subprocess.run(script, check=True, env=dict(os.environ))
    assert (tmp_path / "killed" / WEIGHTS_FILE).read_bytes() == (staged / "stage-1" / WEIGHTS_FILE).read_bytes()


def test_the_command_trains_stages(staged: Path, tmp_path: Path) -> None:
    """In the folder of a training that is done, with the same options: it is returned at once."""
    for number, name in enumerate(("easy", "hard")):
        pairs(8, seed=number).save_to_disk(tmp_path / name)
    flags = [part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    command = ["train", str(tmp_path / "easy"), str(tmp_path / "hard"), "--output", str(staged), *flags]
    done = CliRunner().invoke(app, [*command, "--schedule", "eps"])
    assert done.exit_code == 0 and done.output.count("8 pairs; 4 steps") == 2 and "eps-stage-2" in done.output
    assert done.output.count("trainer and server agree within") == 2
    with pytest.raises(TrainingError, match="say with --schedule rps or eps"):
        raise CliRunner().invoke(app, command).exception  # type: ignore[misc]


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    easy, hard = pairs(3), pairs(3, seed=1)
    both = Dataset.from_list([*hard.to_list(), easy[1]])
    with pytest.raises(TrainingError, match=r"stage 2 rows are of tasks that are learnt from \(0/1\)"):
        train_stages([easy, both], "mini", tmp_path, CONFIG, schedule="rps")
    with pytest.raises(TrainingError, match="give easy and hard signals"):
        train_stages([easy], "mini", tmp_path, CONFIG, schedule="rps")
    with pytest.raises(TrainingError, match="schedule is one of rps, eps"):
        train_stages([easy, hard], "mini", tmp_path, CONFIG, schedule="rp")  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=r"no column chosen, rejected: make it with soar.hindsight.make_pairs"):
        train(generated_rows(2), "mini", tmp_path, CONFIG)
    with pytest.raises(TrainingError, match="beta belong to method dpo, this one is sft"):
        TrainingConfig.for_model("mini", beta=0.5)
    with pytest.raises(TrainingError, match="packing belong to method sft, this one is dpo"):
        TrainingConfig.for_model("mini", method="dpo", packing=True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(TrainingError, match="ends beyond 8 tokens"):
        train(easy, "mini", tmp_path, CONFIG.model_copy(update={"max_tokens": 8}))


def test_pairs_are_left_out_whole_by_their_longer_reply() -> None:
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    some = pairs(6)
    all_of_them, none = encode_pairs(some, tokenizer, 2048)
    lengths = sorted(len(one.prompt) + max(map(len, one.replies)) for one in all_of_them)
    kept, left_out = encode_pairs(some, tokenizer, lengths[2])
    assert none == 0 and len(kept) + left_out == 6 and left_out == sum(one > lengths[2] for one in lengths)
    assert all(isinstance(one, Group) and len(one.replies) == 2 for one in kept)
