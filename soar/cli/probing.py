"""What a model can really do, found out by asking it: a few tiny requests, which cost what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from soar.models.base import LanguageModel, ModelError, Prompt, Reply, Sampling
from soar.models.openai.model import OpenAIModel
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.task import Example, Task

TASK = Task("mirror", (Example([[1, 2, 3]], [[3, 2, 1]]), Example([[4, 0], [0, 5]], [[0, 4], [5, 0]])), ())
TOKENS = 12
PREFILL = "```python\ndef transform(grid):\n    return "
FREE, STRICT = Sampling(1.0, 0.0, TOKENS), Sampling(1.0, 1.0, TOKENS)  # min_p=1 leaves the likeliest token only


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one question.

    Attributes:
        name: of the capability.
        declared: what the model says of itself, None where it says nothing.
        works: what was found; None: cannot be told.
        seconds: that the requests took.
        detail: what was seen, or the refusal.
    """

    name: str
    declared: bool | None
    works: bool | None
    seconds: float
    detail: str


def probe(model: LanguageModel, prompt_set: str | None = None) -> RenderableType:
    """Ask a model for each capability and return a table of what works, with latencies.

    An endpoint's retries are cut to one: what fails should be seen to fail.

    Raises:
        ModelError: it does not answer at all.
    """
    if isinstance(model, OpenAIModel):
        model.endpoint.limits = model.endpoint.limits.model_copy(update={"retries": 1})
    prompt = load_prompt_set(prompt_set or model.prompt_set).render(TASK)
    found = findings(model, prompt)
    table = Table("capability", "declared", "works", "seconds", "seen", title=Text(model.name))
    words = {True: "yes", False: "no", None: "?"}
    for one in found:
        table.add_row(one.name, words[one.declared], words[one.works], f"{one.seconds:.2f}", Text(one.detail))
    able = model.capabilities
    facts = f"window: {able.context_length or 'unknown'} tokens; prices: {able.prices or 'unknown'}"
    parts: list[RenderableType] = [table, Text(facts)]
    if isinstance(model, OpenAIModel) and (advice := _advice(model, found)):
        parts.append(Text(f"To use all of it, in a file given as --model-settings:\n{advice}"))
    return Group(*parts)


def findings(model: LanguageModel, prompt: Prompt) -> list[Finding]:
    """Ask for everything, one after another.

    Raises:
        ModelError: it does not answer at all.
    """
    able = model.capabilities
    found = [_try(model, "answers", True, prompt, FREE, _answered)]
    if found[0].works is not True:
        raise ModelError(f"{model.name} does not answer: {found[0].detail}")
    found.append(_try(model, "n", able.n, prompt, FREE, lambda reply: _counted(reply, 2), n=2))
    found.append(_try(model, "log-probabilities", able.logprobs, prompt, FREE, _logprob))
    found.append(_seeded(model, able.seed, prompt))
    found.append(_min_p(model, able.min_p, prompt))
    if not prompt.raw:
        begun = replace(prompt, prefill=PREFILL)
        found.append(_try(model, "prefill", able.prefill, begun, FREE, _goes_on))
        system = replace(prompt, messages=({"role": "system", "content": "Answer in code."}, *prompt.messages))
        found.append(_try(model, "system role", able.system_role, system, FREE, _answered))
    return found


def _ask(model: LanguageModel, name: str, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
    """Ask as if the model could do what `name` says."""
    if not isinstance(model, OpenAIModel):
        return asyncio.run(model.complete(prompt, n, sampling, seed))
    fields = {"n": "n", "log-probabilities": "logprobs", "seed": "seed", "min-p": "min_p"}
    usual, trial = model.dialect, dict[str, object]()
    if name in fields:
        trial[fields[name]] = True
    if name == "prefill" and usual.prefill is None:
        trial["prefill"] = "assistant"
    model.dialect = usual.model_copy(update=trial)
    try:
        return asyncio.run(model.first_answer(prompt, n, sampling, seed))
    finally:
        model.dialect = usual


def _try(
    model: LanguageModel,
    name: str,
    declared: bool,
    prompt: Prompt,
    sampling: Sampling,
    judge: Callable[[Reply], tuple[bool | None, str]],
    n: int = 1,
) -> Finding:
    started = time.monotonic()
    try:
        works, detail = judge(_ask(model, name, prompt, n, sampling, 1))
    except ModelError as error:
        works, detail = False, str(error)
    return Finding(name, declared, works, time.monotonic() - started, detail)


def _seeded(model: LanguageModel, declared: bool, prompt: Prompt) -> Finding:
    def judge(first: Reply) -> tuple[bool | None, str]:
        again, other = (_ask(model, "seed", prompt, 1, FREE, seed) for seed in (1, 2))
        same, differs = _texts(first) == _texts(again), _texts(first) != _texts(other)
        if same and not differs:
            return None, "always the same reply"
        return same, "same seed, same reply" if same else "same seed, another reply"

    return _try(model, "seed", declared, prompt, FREE, judge)


def _min_p(model: LanguageModel, declared: bool, prompt: Prompt) -> Finding:
    def judge(first: Reply) -> tuple[bool | None, str]:
        others = [_ask(model, "min-p", prompt, 1, STRICT, seed) for seed in (2, 3)]
        free = [_ask(model, "min-p", prompt, 1, FREE, seed) for seed in (1, 2, 3)]
        if len({_texts(reply) for reply in free}) == 1:
            return None, "replies do not vary, so it cannot be told"
        greedy = len({_texts(reply) for reply in [first, *others]}) == 1
        return greedy, "min_p=1 leaves one reply" if greedy else "min_p=1 changes nothing"

    return _try(model, "min-p", declared, prompt, STRICT, judge)


def _texts(reply: Reply) -> tuple[str, ...]:
    return tuple(completion.text for completion in reply.completions)


def _answered(reply: Reply) -> tuple[bool, str]:
    return True, f"{reply.prompt_tokens} tokens read: {reply.completions[0].text[:40]!r}"


def _counted(reply: Reply, n: int) -> tuple[bool, str]:
    alike = ", all the same" if len(reply.completions) > 1 and len(set(_texts(reply))) == 1 else ""
    return len(reply.completions) == n, f"{len(reply.completions)} completions of {n}{alike}"


def _logprob(reply: Reply) -> tuple[bool, str]:
    value = reply.completions[0].logprob
    return value is not None, "none in the reply" if value is None else f"{value:.2f} for the reply"


def _goes_on(reply: Reply) -> tuple[bool, str]:
    text = reply.completions[0].text
    return not text.lstrip().startswith(("```", "def ", "Here", "The")), f"{PREFILL[-11:]!r} goes on {text[:30]!r}"


def _advice(model: OpenAIModel, found: list[Finding]) -> str:
    """Lines of a settings file for what works and is not declared, or is declared and does not."""
    fields = {"n": "n", "log-probabilities": "logprobs", "seed": "seed", "min-p": "min_p", "system role": "system_role"}
    lines = [
        f"{fields[one.name]} = {str(one.works).lower()}"
        for one in found
        if one.name in fields and one.works is not None and one.works != one.declared
    ]
    lines += ['prefill = "assistant"' for one in found if one.name == "prefill" and one.works and not one.declared]
    return "\n".join(["[dialect]", *lines]) if lines else ""
