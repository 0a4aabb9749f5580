"""Seconds of processor time, forward and backward, of one batch: ours beside TRL's trainers, network and ids the same.

With `mini`, LoRA matrices of rank 32, one thread, fp32. DPO: 8 pairs, with the reference's forward, which TRL computes
in every step and we once in a training. GRPO: 32 replies to one prompt; sampling is not counted.
Repeat: `python experiments/benchmarks/trainers.py`
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "pretraining"))

from corpus import to_task
from datasets import Dataset
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer

from soar.models.mini import WEIGHTS
from soar.models.tokens import encode_reply
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.gym.generator import generate
from soar.training.branches import IGNORED, Group, lay_out, reply_logprobs, token_logprobs
from soar.training.config import TrainingConfig
from soar.training.network import load_network
from soar.training.policy_gradient import policy_loss
from soar.training.preference import preference_loss

PAIRS, REPLIES, TIMES = 8, 32, 4
RESULT = Path(__file__).parent / "results" / "trainers.json"
COMMON: dict[str, Any] = {
    "bf16": False, "use_cpu": True, "gradient_checkpointing": False, "report_to": "none",
    "remove_unused_columns": False,
}  # fmt: skip


class Preferences(DPOTrainer):  # type: ignore[misc]
    """TRL's trainer on ids that are ready."""

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        return dataset


def groups_of(count: int, replies: int, tokenizer: Any) -> list[Group]:
    """Prompts of generated tasks, with the programs of several as replies."""
    rng, prompts = random.Random(0), load_prompt_set("mini")
    made = [generate(rng, max_side=12, max_cells_total=700, refinement=False) for _ in range(count + replies)]
    found = []
    for number in range(count):
        prompt = prompts.render(to_task(made[number])[0])
        each = [encode_reply(tokenizer, prompt, one.body) for one in made[number : number + replies]]
        found.append(Group(each[0][0], [reply for _, reply in each]))
    return found


def fresh() -> Any:
    """A network of its own for each trainer: TRL patches what it is given."""
    return load_network(str(WEIGHTS), TrainingConfig.for_model("mini", precision="fp32"), False, None, 4096).train()


def seconds(step: Callable[[], torch.Tensor]) -> float:
    """Processor seconds of a step, forward and backward; the first is not counted."""
    step().backward()
    started = time.process_time()
    for _ in range(TIMES):
        step().backward()
    return (time.process_time() - started) / TIMES


def dpo(tokenizer: Any, folder: str) -> tuple[float, float, int]:
    """Ours, TRL's, and the tokens of prompts."""
    groups = groups_of(PAIRS, 2, tokenizer)
    network, lengths = fresh(), torch.tensor([len(one.replies[0]) for one in groups])
    batch = lay_out(groups, 0)

    def ours() -> torch.Tensor:
        with torch.no_grad():
            reference = reply_logprobs(network, batch).view(-1, 2)
        return preference_loss(reply_logprobs(network, batch).view(-1, 2), reference, lengths, 0.1, 1.0)[0].mean()

    rows = [{"prompt_ids": one.prompt, "chosen_ids": one.replies[0], "rejected_ids": one.replies[1]} for one in groups]
    config = DPOConfig(folder, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 1.0], max_length=None, **COMMON)
    other = fresh()
    trainer = Preferences(other, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    inputs = dict(trainer.data_collator(rows))
    return seconds(ours), seconds(lambda: trainer.compute_loss(other, dict(inputs))), _tokens(groups)


def grpo(tokenizer: Any, folder: str) -> tuple[float, float, int]:
    """Ours, TRL's, and the tokens of the prompt."""
    (group,) = groups_of(1, REPLIES, tokenizer)
    network, batch = fresh(), lay_out([group], 0)
    counted, scores = batch.labels[:, 1:] != IGNORED, torch.linspace(-1, 1, REPLIES)
    advantages = torch.cat([scores, torch.zeros(1)])[batch.branch[:, 1:]]

    def ours() -> torch.Tensor:
        now = token_logprobs(network, batch)
        return policy_loss(now, now.detach(), advantages)[counted].sum() / counted.sum()

    config = GRPOConfig(
        folder, loss_type="bnpo", beta=0.0, scale_rewards="none", num_generations=REPLIES,
        per_device_train_batch_size=REPLIES, **COMMON,
    )  # fmt: skip
    other = fresh()
    trainer = GRPOTrainer(
        other, reward_funcs=lambda completions, **kwargs: [0.0] * len(completions), args=config,
        train_dataset=Dataset.from_list([{"prompt": "x"}]), processing_class=tokenizer,
    )  # fmt: skip
    trainer.current_gradient_accumulation_steps = 1
    longest = max(map(len, group.replies))
    prompts = torch.tensor([group.prompt] * REPLIES)
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in group.replies])
    inputs = {
        "prompt_ids": prompts, "prompt_mask": torch.ones_like(prompts), "completion_mask": mask, "advantages": scores,
        "completion_ids": torch.tensor([one + [0] * (longest - len(one)) for one in group.replies]),
        "num_items_in_batch": mask.sum(),
    }  # fmt: skip
    return seconds(ours), seconds(lambda: trainer._compute_loss(other, inputs)), _tokens([group])


def _tokens(groups: list[Group]) -> int:
    return sum(len(one.prompt) for one in groups)


def main() -> None:
    """Measure both and write the figures."""
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in (("dpo", dpo), ("grpo", grpo)):
            ours, theirs, tokens = measure(tokenizer, folder)
            found[name] = {"ours": ours, "TRL": theirs, "ratio": theirs / ours, "prompt tokens": tokens}
            print(name, found[name], flush=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
