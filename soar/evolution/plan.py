"""What is to be searched, with which prompts; and what is not, found out before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from soar.core.errors import SoarError
from soar.evolution.client import ModelClient
from soar.evolution.config import ConfigError, SearchConfig
from soar.models.base import LanguageModel, Prompt, Sampling
from soar.programs.program import Attempt
from soar.prompts.prompt_set import PromptSet, load_prompt_set, without_largest
from soar.tasks.task import Task, twins_of

COUNTED_AT_ONCE = 256  # prompts whose tokens are counted in one call


class PromptTooLongError(SoarError):
    """A task's prompt does not fit the model's window; the message names task and length."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be searched: each task (without test outputs) with prompt set and sampling prompt; and what is not.

    Attributes:
        work: the tasks, each content once.
        twins: id of a task of `work`, and the ids of others with the same content: its search is theirs too.
        skipped: id of a task that is left out, and why.
        dropped: id of a task whose prompt does not show all examples, and how many it leaves out.
    """

    work: Sequence[tuple[Task, PromptSet, Prompt]]
    twins: Mapping[str, list[str]]
    skipped: Mapping[str, str]
    dropped: Mapping[str, int]

    @property
    def prompt_sets(self) -> dict[str, PromptSet]:
        """The prompt sets in use, by name."""
        return {prompt_set.name: prompt_set for _, prompt_set, _ in self.work}


@dataclass(slots=True)
class _Draft:
    """A plan while it is made."""

    work: list[tuple[Task, PromptSet, Prompt]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)


def make_plan(tasks: Mapping[str, Task], client: ModelClient, config: SearchConfig) -> Plan:
    """Choose each task's prompt set and leave out what the model cannot be shown, before anything is sent.

    Raises:
        PromptTooLongError: no task is left, the only one among them.
        PromptError: the prompt set does not exist.
        ConfigError: the model cannot be asked with this prompt set, or the set not show what the selector picks.
    """
    usual, other = prompt_sets_for(client.model, config)
    draft = _Draft()
    twins: dict[str, list[str]] = {}
    distinct, alike = twins_of(tasks)
    for full in distinct:
        task = full.without_test_outputs()
        prompt_set = usual if task.is_grid else other
        if prompt_set.settings.grids_only and not task.is_grid:
            draft.skipped[task.id] = (
                f"prompt set {prompt_set.name} shows grids only, this task has other values: take a model that knows "
                "Python, such as openai:MODEL or hf:NAME (--model)"
            )
        else:
            draft.work.append((task, prompt_set, prompt_set.render(task)))
    for start in range(0, len(draft.work), COUNTED_AT_ONCE):
        _note_overlong(draft, client, config, start)
    _refuse_few_shot((item[1] for item in draft.work), config)
    work = tuple(item for item in draft.work if item[0].id not in draft.skipped)
    for id, others in alike.items():
        if id in draft.dropped:
            draft.dropped.update(dict.fromkeys(others, draft.dropped[id]))
        if id in draft.skipped:
            draft.skipped.update(dict.fromkeys(others, draft.skipped[id]))
        else:
            twins[id] = others
    if tasks and not work:
        id, reason = next(iter(draft.skipped.items()))
        raise PromptTooLongError(f"no task can be searched with model {client.model.name}: task {id}: {reason}")
    return Plan(work, twins, draft.skipped, draft.dropped)


def prompt_sets_for(model: LanguageModel, config: SearchConfig) -> tuple[PromptSet, PromptSet]:
    """Return the prompt set for tasks of grids, and the one for other values.

    Raises: as `make_plan`.
    """
    name = config.prompt_set or model.prompt_set
    if config.prompt_set is None and name == "soar" and "crossover" in config.operators:
        name = "crossover"
    usual = load_prompt_set(name)
    other = load_prompt_set("values") if config.prompt_set is None and name in ("soar", "crossover") else usual
    if "crossover" in config.operators and usual.settings.parents < 2:
        raise ConfigError(
            f"prompt set {usual.name} shows one attempt at a time, the operator crossover two: "
            "pass prompt_set='crossover' with a model that can read it, or operators='refine'"
        )
    if config.keep_tokens and not model.capabilities.logprobs:
        raise ConfigError(
            f"keep_tokens: {model.name} gives no log-probabilities; leave it out, or take mini, hf: or vllm:"
        )
    for prompt_set in (usual, other):
        _refuse_unsupported(model, prompt_set)
    return usual, other


def _refuse_unsupported(model: LanguageModel, prompt_set: PromptSet) -> None:
    """What a model cannot do is refused, never left out in silence. A raw prompt may end with anything."""
    if "prefill.j2" in prompt_set.templates and not (prompt_set.settings.raw or model.capabilities.prefill):
        raise ConfigError(
            f"prompt set {prompt_set.name} wants to begin the reply of model {model.name}, which cannot have that: "
            "pass another prompt_set, or a copy of its folder without prefill.j2"
        )


def _refuse_few_shot(prompt_sets: Iterable[PromptSet], config: SearchConfig) -> None:
    """A solved task that no template shows would be an option that does nothing."""
    for prompt_set in prompt_sets:
        if config.few_shot is not None and not prompt_set.few_shot:
            raise ConfigError(
                f"prompt set {prompt_set.name} shows no solved task before the one at hand: leave out few_shot, or "
                "pass a prompt_set whose templates use it (soar, golden, grids, values) with a model that can read it"
            )


def _note_overlong(draft: _Draft, client: ModelClient, config: SearchConfig, start: int) -> None:
    part = draft.work[start : start + COUNTED_AT_ONCE]
    places = {item[0].id: start + place for place, item in enumerate(part)}
    limits = {item[1].name: sampling(config, item[1]).max_tokens for item in part}
    for set_name, limit in limits.items():
        same = [item for item in part if item[1].name == set_name]
        for item, length in zip(same, client.overlong([item[2] for item in same], limit), strict=True):
            if length is None:
                continue
            task, prompt_set, _ = item
            fitting = fitting_prompt(prompt_set.render, task, (), client, limit, True) if config.drop_examples else None
            if fitting is not None:
                draft.work[places[task.id]] = (task, prompt_set, fitting[0])
                draft.dropped[task.id] = fitting[1]
            else:
                draft.skipped[task.id] = (
                    f"its prompt has {length} tokens; with a reply of up to {limit} that is more than the "
                    f"{client.model.capabilities.context_length} which {client.model.name} can read"
                    f"{', even with one example only' if config.drop_examples else ' (drop_examples=True shows fewer)'}"
                )


def fitting_prompt(
    render: Callable[[Task, Sequence[Attempt]], Prompt | None],
    task: Task,
    parents: Sequence[Attempt],
    client: ModelClient,
    limit: int,
    drop_examples: bool,
) -> tuple[Prompt, int] | None:
    """Return the prompt with as many examples as fit the model's window, at least one, and how many it leaves out.

    The largest examples go first, where any may go. None where it does not fit.
    """
    for dropped in range(max(len(task.train), 1) if drop_examples else 1):
        prompt = render(*without_largest(task, parents, dropped))
        if prompt is not None and client.overlong([prompt], limit) == [None]:
            return prompt, dropped
    return None


def sampling(config: SearchConfig, prompt_set: PromptSet) -> Sampling:
    """How replies are drawn: as the config says, else as the prompt set wants it."""
    wanted = prompt_set.settings
    temperature = wanted.temperature if config.temperature is None else config.temperature
    return Sampling(temperature, config.min_p, config.max_tokens or wanted.max_tokens, config.keep_tokens)
