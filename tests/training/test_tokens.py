"""Learning single tokens from golden solutions: what is tried and how it is scored; killed, replayed, refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from transformers import AutoTokenizer

from soar.models.adapter import Adapter
from soar.models.mini import WEIGHTS
from soar.programs.parsing.replies import ENTRY_POINT
from soar.sandbox import Sandbox, SandboxError
from soar.training.config import TrainingConfig, TrainingError
from soar.training.golden import Golden, Rewards, read_golden
from soar.training.job import train, train_iter
from soar.training.progress import summary
from soar.training.redaction import Place, Visitor, right_ways, still
from soar.training.samplers import Sampler, open_sampler
from soar.training.token_steps import decoder, ends_of
from soar.training.traces import TRACES, Traces, read_traces
from tests.training.golden_support import golden_rows

CONFIG = TrainingConfig.for_model("mini", method="tokens", rank=8, epochs=5, rollouts=8, precision="fp32")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(WEIGHTS)


@pytest.fixture(scope="module")
def rewards(tokenizer: Any) -> Iterator[Rewards]:
    with Sandbox(workers=1) as sandbox:
        yield Rewards(sandbox.run, decoder(tokenizer))


@pytest.fixture(scope="module")
def sampler() -> Iterator[Sampler]:
    with open_sampler("mini") as reload:
        yield reload(None)


def visitor(rewards: Rewards, golden: Golden) -> Visitor:
    return Visitor(rewards, 8, ends_of(str(WEIGHTS), golden), 4096, seed=0)


def test_golden_solutions_come_through_the_tokenizer_and_are_run(tokenizer: Any, rewards: Rewards) -> None:
    rows = golden_rows(6)
    goldens, counts = read_golden(rows, tokenizer, 4096, rewards)
    assert len(goldens) == 6 and counts == {"rows_too_long": 0, "golden_wrong": 0}
    for golden, row in zip(goldens, rows, strict=True):
        assert golden.source(decoder(tokenizer)(golden.reply[:-1])) == row["prefill"] + row["completion"]
        assert golden.task.test == ()  # rollouts are scored on examples; nothing else is there
    wrong = Dataset.from_list([row | {"completion": "    return grid * 0\n"} for row in rows.to_list()])
    with pytest.raises(TrainingError, match="none of 6 golden solutions is right"):
        read_golden(wrong, tokenizer, 4096, rewards)


def test_a_visit_tries_what_is_likely_and_the_golden_token(tokenizer: Any, rewards: Rewards, sampler: Sampler) -> None:
    (golden, *_), _ = read_golden(golden_rows(1), tokenizer, 4096, rewards)
    look = visitor(rewards, golden)
    for k in range(1, len(golden.reply) + 1):
        line = look.visit(golden, k, step=1, sampler=sampler)
        assert line == look.visit(golden, k, step=1, sampler=sampler) and line["given"] + k == line["length"]
        tried = line["actions"]
        assert [one["token"] for one in tried if one["golden"]] == [golden.reply[line["given"]]]
        every = np.array(sampler.sample([*golden.prompt, *golden.reply[: line["given"]]], 0, 0, 0).next)
        assert np.exp(every).sum() == pytest.approx(1, abs=1e-4) and len(tried) <= 9
        for one in tried:
            assert one["logprob"] == every[one["token"]] and one["solved"] == sum(one["rewards"])
            assert len(one["replies"]) == len(one["rewards"]) == one["rollouts"]
            assert one["rollouts"] == (1 if one["token"] in look.ends else 8)
        assert sum(one["target"] for one in tried) <= 1 + 1e-9 and 0 <= line["value"] <= 1
        json.dumps(line)


def test_samplers_of_one_model_say_the_same(tokenizer: Any, rewards: Rewards, sampler: Sampler) -> None:
    (golden, *_), _ = read_golden(golden_rows(1), tokenizer, 4096, rewards)
    beginning = [*golden.prompt, *golden.reply[:2]]
    with open_sampler(f"hf:{WEIGHTS}") as reload:
        other = reload(None)
        both = [np.array(one.sample(beginning, 0, 0, 0).next) for one in (sampler, other)]
        assert np.abs(np.exp(both[0]) - np.exp(both[1])).max() < 1e-4
        for one in (sampler, other):
            replies = one.sample(beginning, 6, 12, seed=3).replies
            assert replies == one.sample(beginning, 6, 12, seed=3).replies and len(replies) == 6
            assert all(0 < len(reply) <= 12 for reply in replies)
            assert {reply[-1] for reply in replies if len(reply) < 12} <= ends_of(str(WEIGHTS), golden)


def test_a_failure_of_the_sandbox_is_never_a_reward(tokenizer: Any, rewards: Rewards, sampler: Sampler) -> None:
    (golden, *_), _ = read_golden(golden_rows(1), tokenizer, 4096, rewards)

    def broken(programs: Sequence[Any], entry_point: str = ENTRY_POINT) -> Any:
        raise SandboxError("no process could be started")

    with pytest.raises(SandboxError):
        visitor(Rewards(broken, rewards.decode), golden).visit(golden, 3, 1, sampler)


def test_more_is_taken_away_where_the_model_copes_and_less_where_it_does_not() -> None:
    place = Place(length=64, k=10)
    action = {"token": 5, "target": 0.5, "logprob": -0.7}
    for value, k in ((0.75, 12), (0.74, 12), (0.24, 10), (0.0, 8)):
        place.note({"value": value, "given": 54, "actions": [action]})
        assert place.k == k and place.anchors[54] == ([5], [0.5])
    small = Place(length=3, k=3)
    for value, k in ((1.0, 3), (0.0, 2), (0.0, 1), (0.0, 1)):
        small.note({"value": value, "given": 0, "actions": [action]})
        assert small.k == k
    assert not still({"value": 0.95, "actions": [action | {"target": 0.9}]})
    assert still({"value": 0.95, "actions": [{"token": 5, "target": 0.999, "logprob": np.log(0.998)}]})


def test_a_line_that_was_cut_short_is_taken_off(tmp_path: Path) -> None:
    line = {"kind": "visit", "step": 1, "task_hash": "a", "value": 1.0}
    traces = Traces(tmp_path)
    traces.add(line)
    traces.add(line)
    with (tmp_path / TRACES).open("a") as file:
        file.write('{"kind": "visit", "st')
    assert read_traces(tmp_path) == [line]
    again = Traces(tmp_path)
    again.add(line | {"step": 2})
    assert read_traces(tmp_path) == [line, line | {"step": 2}] == again.until(2) and again.until(1) == [line]
    other = tmp_path / "other"
    other.mkdir()
    assert Traces(other, tmp_path).find("visit", 2, "a") == line | {"step": 2} and not (other / TRACES).exists()


def test_what_cannot_work_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    rows = golden_rows(1)
    with pytest.raises(TrainingError, match="mini and hf models, not with vllm"):
        train(rows, "vllm:x", tmp_path / "a", TrainingConfig.for_model("vllm:x", method="tokens"))
    with pytest.raises(TrainingError, match=r"holds no traces.jsonl"):
        train(rows, "mini", tmp_path / "a", CONFIG.model_copy(update={"replay": str(tmp_path)}))
    with pytest.raises(TrainingError, match="rollouts belong to method tokens"):
        TrainingConfig.for_model("mini", rollouts=4)
    with pytest.raises(TrainingError, match="make_golden"):
        train(Dataset.from_list([{"prompt": "x"}]), "mini", tmp_path / "a", CONFIG)
    assert not (tmp_path / "a").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Adapter]:
    rows = golden_rows(3, seed=5)
    return rows, train(rows, "mini", tmp_path_factory.mktemp("tokens") / "adapter", CONFIG)


@pytest.mark.slow
def test_what_was_meant_is_what_the_sampler_says(trained: tuple[Dataset, Adapter]) -> None:
    _, adapter = trained
    lines = read_traces(adapter.path)
    ways = list(right_ways(lines))
    assert len(ways) >= 10 and np.mean(ways) >= 0.9 and adapter.figures["moved_right"] == np.mean(ways)
    assert adapter.figures["visits"] == sum(line["kind"] == "visit" for line in lines) == 15
    assert "3 golden solutions" in summary(adapter) and adapter.name.startswith("tokens-")


@pytest.mark.slow
def test_killed_or_replayed_it_ends_in_the_same_weights(trained: tuple[Dataset, Adapter], tmp_path: Path) -> None:
    rows, whole = trained
    config = CONFIG.model_copy(update={"checkpoint_seconds": 0})
    with closing(train_iter(rows, "mini", tmp_path / "killed", config)) as events:  # closing it kills the process
        next(event for event in events if event.get("step") == 3)
    assert list((tmp_path / "killed" / "checkpoints").glob("checkpoint-*/complete"))
    killed = train(rows, "mini", tmp_path / "killed", config)
    replayed = train(rows, "mini", tmp_path / "again", config.model_copy(update={"replay": str(whole.path)}))
    for file in ("adapter_model.safetensors", TRACES):
        assert (
            (killed.path / file).read_bytes() == (whole.path / file).read_bytes() == (replayed.path / file).read_bytes()
        )
    assert killed.name == whole.name != replayed.name
