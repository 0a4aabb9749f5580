"""The ids that training uses are those that the search sends."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from soar.models.base import Prompt
from soar.models.mini import WEIGHTS, MiniModel
from soar.models.tokens import encode_prompt, encode_reply, end_token, tokenizer_hash
from soar.programs.program import Attempt, Program
from soar.prompts.prompt_set import load_prompt_set
from soar.sandbox.outcome import Outcome
from soar.tasks.sets import load_tasks
from soar.tasks.task import Task
from tests.search_support import attempt

TASKS = list(load_tasks("arc-agi-1/training")[:20].values())
SOURCE = (
    "import numpy as np\nfrom soar.grids import *\n\ndef transform(grid):\n    grid = np.array(grid)\n    return grid\n"
)
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def parent(task: Task) -> Attempt:
    """An attempt that returns its input: mostly wrong outputs, some of the right size."""
    outcomes = tuple(Outcome("ok", example.input) for example in task.train)
    made = attempt("a", 0.0, train=outcomes)
    return Attempt(**{**{name: getattr(made, name) for name in made.__slots__}, "program": Program(SOURCE)})


def chat_tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|eos|>", "<|end|>", "<|user|>", "<|assistant|>"])
    tokenizer.add_tokens([AddedToken("```python\n", normalized=False)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|eos|>")
    fast.chat_template = TEMPLATE
    return fast


@pytest.mark.parametrize("refine", [False, True])
def test_minis_tokenizer_gives_what_its_search_sends(mini: MiniModel, refine: bool) -> None:
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    for task in TASKS:
        prompt = load_prompt_set("mini").render(task, [parent(task)] if refine else [])
        shared, rest = mini._encode(prompt)
        assert encode_prompt(tokenizer, prompt) == shared + rest
        assert bool(rest) == (refine or bool(prompt.prefill))


def test_a_reply_follows_its_prompt_and_is_ended() -> None:
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    prompt = load_prompt_set("mini").render(TASKS[0])
    before, after = encode_reply(tokenizer, prompt, "    return grid\n")
    assert before == encode_prompt(tokenizer, prompt)
    assert tokenizer.decode(after) == "    return grid\n<|eos|>"


def test_chat_models_get_their_template_and_its_end() -> None:
    tokenizer = chat_tokenizer()
    prompt = Prompt(({"role": "user", "content": "Hi"},), prefill="def ")
    before, after = encode_reply(tokenizer, prompt, "transform(): ...")
    assert tokenizer.decode(before) == "<|user|>Hi<|end|>\n<|assistant|>def "
    assert tokenizer.decode(after) == "transform(): ...<|end|>"
    assert end_token(tokenizer) == tokenizer.convert_tokens_to_ids("<|end|>") != tokenizer.eos_token_id


def test_a_token_across_the_boundary_does_not_change_the_prompt() -> None:
    tokenizer = chat_tokenizer()
    prompt = Prompt(({"role": "user", "content": "Hi"},), prefill="```py")
    before, after = encode_reply(tokenizer, prompt, "thon\nx = 1")
    assert before == encode_prompt(tokenizer, prompt)
    assert tokenizer.decode(before + after).endswith("```python\nx = 1<|end|>")


def test_the_hash_knows_vocabulary_and_template() -> None:
    tokenizer, other = chat_tokenizer(), chat_tokenizer()
    assert tokenizer_hash(tokenizer) == tokenizer_hash(other)
    other.chat_template = TEMPLATE.replace("|>{{", "|> {{")
    assert tokenizer_hash(tokenizer) != tokenizer_hash(other)
    other = chat_tokenizer()
    other.add_tokens(["new"])
    assert tokenizer_hash(tokenizer) != tokenizer_hash(other)
