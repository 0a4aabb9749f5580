"""Policy gradients on groups: the loss by hand and beside TRL's, what teaches nothing, what is refused."""

from __future__ import annotations

import json
import math
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from soar.curriculum import Stage, Stages
from soar.hindsight import order_groups
from soar.models.adapter import Adapter
from soar.models.base import Prompt
from soar.models.mini import WEIGHTS
from soar.models.tokens import encode_prompt, encode_reply
from soar.training.branches import IGNORED, Group, lay_out, token_logprobs
from soar.training.config import TrainingConfig, TrainingError
from soar.training.job import train, train_iter
from soar.training.methods.base import Policy
from soar.training.policy_gradient import encode_groups, policy_loss
from soar.training.progress import summary
from tests.training.support import generated_rows

CONFIG = TrainingConfig.for_model(
    "mini", method="grpo", rank=8, learning_rate=2e-3, batch_size=16, micro_batch_size=8, epochs=3, precision="fp32"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(WEIGHTS)


def groups(tokenizer: Any, rewards: list[list[float]], temperature: float = 1.3) -> Dataset:
    """A group for each list of rewards: the programs of several tasks as replies to one of them."""
    rows = generated_rows(8 + len(rewards)).to_list()
    found = []
    for number, some in enumerate(rewards):
        prompt = Prompt(tuple(rows[number]["prompt"]), rows[number]["prefill"])
        replies = [encode_reply(tokenizer, prompt, rows[number + i]["completion"])[1] for i in range(len(some))]
        found.append({
            "task_id": str(number), "task_hash": str(number), "prompt": rows[number]["prompt"],
            "prefill": rows[number]["prefill"], "replies": replies, "rewards": some, "temperature": temperature,
            "model": "mini", "adapter": None, "prompt_set": rows[number]["prompt_set"],
        })  # fmt: skip
    return Dataset.from_list(found)


@given(st.floats(-6, -0.01), st.floats(-6, -0.01), st.floats(-1, 1), st.floats(0, 0.1))
def test_the_loss_of_a_token_by_hand(now: float, drawn: float, advantage: float, penalty: float) -> None:
    values = [torch.tensor([one], dtype=torch.float64) for one in (now, drawn, advantage)]
    ratio, moved = math.exp(now - drawn), math.exp(now) - math.exp(drawn)
    stops = moved > 0.2 if advantage > 0 else moved < -0.2 and advantage < 0
    wanted = (0 if stops else -advantage * ratio) + penalty * math.log(ratio) ** 2
    assert float(policy_loss(*values, penalty=penalty)) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_a_group_of_equal_rewards_teaches_nothing(tokenizer: Any, tmp_path: Path) -> None:
    kept, counts = encode_groups(groups(tokenizer, [[0.0] * 4, [1.0, 0.0, 0.5, 0.5], [1.0] * 4]), tokenizer, 4096, 8)
    assert counts == {"groups": 3, "groups_equal": 2, "rows_too_long": 0}
    assert [one.advantages for one in kept] == [[0.5, -0.5]]  # nor does a reply with the mean reward
    with pytest.raises(TrainingError, match="none of 2 groups has replies of different rewards"):
        train(groups(tokenizer, [[0.0] * 4, [1.0] * 4]), "mini", tmp_path / "nothing", CONFIG)
    assert not (tmp_path / "nothing" / "soar.json").exists()


@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=2, max_size=8), min_size=1, max_size=3))
@settings(max_examples=20, deadline=None)
def test_advantages_of_a_group_sum_to_nothing(rewards: list[list[float]]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    if all(len(set(one)) == 1 for one in rewards):
        return
    kept, _ = encode_groups(groups(tokenizer, rewards), tokenizer, 4096, 3)
    assert all(len(one.group.replies) == len(one.advantages) <= 3 for one in kept)
    assert sum(sum(one.advantages) for one in kept) == pytest.approx(0, abs=1e-9)


class Oracle(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer, asked for nothing but its loss."""


def test_loss_and_gradient_are_those_of_trl(tokenizer: Any, tmp_path: Path) -> None:
    """Off policy too: with clips out of the way and our penalty left out, both are -A·ρ over all tokens."""
    policy = Policy(str(WEIGHTS), CONFIG, False, None)
    (part,), _ = encode_groups(groups(tokenizer, [[1.0, 0.0, 0.25, 0.0]]), tokenizer, 4096, 8)
    arguments = GRPOConfig(
        str(tmp_path), loss_type="bnpo", beta=0.0, scale_rewards="none", temperature=part.temperature, epsilon=1e6,
        num_generations=4, per_device_train_batch_size=4, bf16=False, use_cpu=True, gradient_checkpointing=False,
        report_to="none",
    )  # fmt: skip
    oracle = Oracle(
        policy.network, reward_funcs=lambda completions, **kwargs: [0.0] * len(completions), args=arguments,
        train_dataset=Dataset.from_list([{"prompt": "x"}]), processing_class=tokenizer,
    )  # fmt: skip
    batch = lay_out([part.group], policy.pad)
    counted = batch.labels[:, 1:] != IGNORED
    drawn = token_logprobs(policy.network, batch, part.temperature).detach()
    torch.manual_seed(1)
    for name, one in policy.network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(one, std=0.005)
    now = token_logprobs(policy.network, batch, part.temperature)
    assert float((now - drawn)[counted].abs().max()) > 0.01
    advantages = torch.tensor([*part.advantages, 0.0])[batch.branch[:, 1:]]
    ours = policy_loss(now, drawn, advantages, penalty=0.0)[counted].sum() / counted.sum()
    ours.backward()
    found = gradients(policy.network)
    oracle.current_gradient_accumulation_steps = 1
    theirs = oracle._compute_loss(policy.network, trl_batch(part.group, drawn, batch.branch[:, 1:], counted, part))
    theirs.backward()
    wanted = gradients(policy.network)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5, abs=1e-7)
    assert (found - wanted).norm() <= 1e-4 * wanted.norm() and wanted.norm() > 1e-3


def gradients(network: Any) -> torch.Tensor:
    found = torch.cat([one.grad.flatten() for one in network.parameters() if one.grad is not None])
    network.zero_grad()
    return found


def trl_batch(group: Group, drawn: torch.Tensor, branch: torch.Tensor, counted: torch.Tensor, part: Any) -> Any:
    """The same replies as TRL has them: a prompt for each, replies padded on the right."""
    longest = max(map(len, group.replies))
    ids = torch.tensor([one + [0] * (longest - len(one)) for one in group.replies])
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in group.replies])
    old = torch.zeros(mask.shape)
    for number, reply in enumerate(group.replies):
        old[number, : len(reply)] = drawn[counted & (branch == number)]
    prompts = torch.tensor([group.prompt] * len(ids))
    return {
        "prompt_ids": prompts, "prompt_mask": torch.ones_like(prompts), "completion_ids": ids, "completion_mask": mask,
        "advantages": torch.tensor(part.advantages), "old_per_token_logps": old, "num_items_in_batch": mask.sum(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def trained(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Adapter]:
    data = groups(tokenizer, [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.5], [1.0] * 4])
    return data, train(data, "mini", tmp_path_factory.mktemp("grpo") / "adapter", CONFIG)


def test_what_has_more_reward_becomes_likelier(trained: tuple[Dataset, Adapter], tmp_path: Path) -> None:
    data, adapter = trained
    found = json.loads((adapter.path / "checks.json").read_text())
    assert found["replies"]["count"] == 4 and found["replies"]["right_way"] == 1.0
    assert found["agreement"]["token_max"] <= 1e-3  # log-probabilities at temperature 1, on both sides
    assert adapter.name.startswith("grpo-") and adapter.figures["groups_equal"] == 1 and adapter.figures["rows"] == 8
    assert "8 replies; 3 steps" in summary(adapter)
    # What is learnt next was drawn by something else.
    with pytest.raises(
        TrainingError, match=r"drew them \(mini with no adapter\); this training starts from mini with grpo"
    ):
        train(data, "mini", tmp_path / "next", CONFIG, continue_from=adapter)


def test_killed_it_ends_in_the_same_weights(trained: tuple[Dataset, Adapter], tmp_path: Path) -> None:
    data, whole = trained
    config = CONFIG.model_copy(update={"checkpoint_seconds": 0})
    with closing(train_iter(data, "mini", tmp_path, config)) as events:  # closing it kills the process
        next(event for event in events if event.get("step") == 3)
    assert list((tmp_path / "checkpoints").glob("checkpoint-*/complete")) and not (tmp_path / "soar.json").exists()
    killed = train(data, "mini", tmp_path, config)
    weights = "adapter_model.safetensors"
    assert (killed.path / weights).read_bytes() == (whole.path / weights).read_bytes() and killed.name == whole.name


def test_the_prompt_is_that_of_the_search(tokenizer: Any) -> None:
    (row,) = groups(tokenizer, [[1.0, 0.0]])
    (part,), _ = encode_groups([row], tokenizer, 4096, 8)
    assert part.group.prompt == encode_prompt(tokenizer, Prompt(tuple(row["prompt"]), row["prefill"]))


def test_a_teacher_says_which_groups_are_taken_and_when(
    tokenizer: Any, trained: tuple[Dataset, Adapter], tmp_path: Path
) -> None:
    data, without = trained
    ordered = order_groups(data, lambda known: Stages([Stage(known.tasks[1:], 99)]), epochs=2, batch_size=16)
    assert ordered["task_id"] == ["1"] and ordered["visits"] == [[0, 1, 2, 3]]
    adapter = train(ordered, "mini", tmp_path, CONFIG)
    assert adapter.figures["rows"] == 4 and adapter.figures["steps"] == 2  # four visits, two parts a step
    assert adapter.name != without.name
