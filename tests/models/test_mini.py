from __future__ import annotations

import ast
import asyncio
import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from signature import grids_signature
from transformers import LlamaForCausalLM

from soar.evolution.slices import refinement_prompt
from soar.models import Completion, LanguageModel, ModelError, Reply, Sampling, open_model
from soar.models.base import Prompt
from soar.models.mini import WEIGHTS, MiniModel
from soar.programs.parsing.replies import parse_reply
from soar.prompts.notation import MARKS
from soar.prompts.prompt_set import PromptSet, load_prompt_set
from soar.tasks.sets import load_tasks

TASK = load_tasks("arc-agi-1/training")["3c9b0459"]
PROMPT = load_prompt_set("mini").render(TASK)


def ask(model: LanguageModel, n: int = 6, seed: int = 1, temperature: float = 1.0, prompt: Prompt = PROMPT) -> Reply:
    return asyncio.run(model.complete(prompt, n, Sampling(temperature=temperature, max_tokens=64), seed))


def test_writes_programs(mini: MiniModel) -> None:
    reply = ask(mini, n=16)
    assert len(reply.completions) == 16
    assert reply.prompt_tokens == mini.count_tokens([PROMPT])[0]
    stopped = [completion for completion in reply.completions if completion.finish_reason == "stop"]
    assert len(stopped) >= 12
    for completion in stopped:
        source = parse_reply(completion.text, PROMPT.prefill, raw=True)
        assert isinstance(source, str) and "def transform" in source
        assert completion.logprob is not None and completion.logprob < 0


def test_the_seed_decides(mini: MiniModel) -> None:
    assert ask(mini) == ask(mini)
    assert ask(mini) != ask(mini, seed=2)


def test_prompt_in_two_parts_is_the_whole_prompt(mini: MiniModel) -> None:
    prefix, rest = mini._encode(PROMPT)
    assert prefix[1:] + rest == mini._ids(PROMPT.text)
    assert prefix[0] == mini.bos


def test_a_killed_process_is_replaced_and_the_answer_the_same() -> None:
    model = MiniModel(workers=1)
    before = ask(model)
    process = model.pool.workers[0].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert ask(model) == before
    model.close()


def test_close_leaves_no_process() -> None:
    model = MiniModel(workers=2)
    ask(model)
    processes = [worker.process for worker in model.pool.workers if worker.process]
    model.close()
    model.close()
    assert processes and all(process.poll() is not None for process in processes)
    with pytest.raises(ModelError, match="closed"):
        model.pool.workers[0].call("sample")


@pytest.mark.parametrize("rslora", [False, True])
def test_an_adapter_changes_the_answers_as_in_transformers(tmp_path: Path, rslora: bool) -> None:
    base = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    torch.manual_seed(0)
    # A stronger adapter writes nonsense, whose text has other tokens when it is read again.
    config = LoraConfig(r=4, lora_alpha=2, target_modules="all-linear", init_lora_weights=False, use_rslora=rslora)
    adapted = get_peft_model(base, config)
    adapted.save_pretrained(tmp_path)
    model = MiniModel(workers=1)
    plain = ask(model, n=1, temperature=0.0)
    model.load_adapter(str(tmp_path))
    assert model.adapter == str(tmp_path)
    loaded = ask(model, n=1, temperature=0.0)
    assert loaded != plain
    assert loaded.completions[0].logprob == pytest.approx(
        _logprob(adapted.eval(), model, loaded.completions[0]), abs=1e-3
    )
    model.load_adapter(None)
    assert ask(model, n=1, temperature=0.0) == plain
    model.close()


def _logprob(network: PeftModel, model: MiniModel, completion: Completion) -> float:
    prefix, rest = model._encode(PROMPT)
    reply = model._ids(completion.text) + [network.config.eos_token_id] * (completion.finish_reason == "stop")
    ids = torch.tensor([prefix + rest + reply])
    with torch.no_grad():
        every = network(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
    return float(every[-len(reply) :].sum())


def test_weights_know_the_signatures_of_grids() -> None:
    assert (WEIGHTS / "grids_signature.txt").read_text().strip() == grids_signature()


def test_weights_are_small() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < 64 * 2**20


@pytest.mark.parametrize("name", ["minni", "hf:", "gpt-4", "", "mini:nowhere"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ModelError):
        open_model(name)


def refining_a_right_parent() -> tuple[Prompt, PromptSet]:
    prompt_set = load_prompt_set("mini")
    return refinement_prompt(load_tasks("arc-agi-1/training")["a699fb00"], prompt_set), prompt_set


def test_a_reply_ends_where_the_model_goes_on_with_its_own_notation(mini: MiniModel) -> None:
    prompt, prompt_set = refining_a_right_parent()
    reply = ask(mini, n=64, prompt=prompt)
    assert [one.finish_reason for one in reply.completions].count("stop") >= 60
    for completion in reply.completions:
        assert not any(mark in completion.text for mark in MARKS)
        if completion.finish_reason == "stop":
            ast.parse(str(prompt_set.parse(completion.text, prompt.prefill)))


def test_transformers_ends_such_a_reply_at_the_same_token(mini: MiniModel) -> None:
    prompt, _ = refining_a_right_parent()
    theirs = open_model(f"hf:{WEIGHTS}")
    ours = ask(mini, n=1, temperature=0.0, prompt=prompt).completions[0]
    other = ask(theirs, n=1, temperature=0.0, prompt=prompt).completions[0]
    theirs.close()
    assert (ours.text, ours.tokens, ours.finish_reason) == (other.text, other.tokens, other.finish_reason)


@given(st.sampled_from(MARKS), st.text(), st.text(alphabet=st.characters(exclude_characters=MARKS), min_size=1))
def test_the_prompt_set_cuts_a_reply_at_the_first_mark(mark: str, after: str, body: str) -> None:
    prompt_set = load_prompt_set("mini")
    assume(body.strip())
    assert prompt_set.settings.stop == MARKS
    assert prompt_set.parse(body + mark + after, "header\n") == prompt_set.parse(body, "header\n") == "header\n" + body
