"""Hindsight: any program is a right solution of the task that its own outputs define (SOAR, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from soar.archive.records import hashes, task_inputs
from soar.core.seeding import keyed_rng
from soar.evolution.client import ModelClient
from soar.evolution.plan import fitting_prompt, sampling
from soar.hindsight.scan import Source
from soar.hindsight.symmetry import Symmetry
from soar.models import open_model
from soar.models.base import LanguageModel, Prompt
from soar.models.spec import ModelSpec
from soar.programs.parsing.replies import ENTRY_POINT
from soar.programs.program import Attempt, Program
from soar.programs.scoring import as_grids
from soar.prompts.prompt_set import PromptError, PromptSet, load_prompt_set
from soar.sandbox import Sandbox
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Example, Task


def relabel(task: Task, attempt: Attempt) -> Task:
    """Return the task that the attempt solves: the same inputs, and as outputs what its program gave.

    Raises:
        ValueError: the program gave no output for an input.
    """
    outcomes = (*attempt.train, *attempt.test)
    if not outcomes or any(outcome.status != "ok" for outcome in outcomes):
        raise ValueError(f"attempt {attempt.key} at task {task.id} has inputs without an output")
    return labelled(task, outcomes)


def prompt_columns(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as columns of a row: the messages, and the beginning of the reply."""
    return {"prompt": [dict(message) for message in prompt.messages], "prefill": prompt.prefill}


def labelled(task: Task, outcomes: Sequence[Outcome]) -> Task:
    """Return the task with other outputs: what a program gave on each example's input, then on each test input."""
    values = [outcome.value for outcome in outcomes]
    pairs = list(map(Example, task_inputs(task), values))
    return replace(task, train=tuple(pairs[: len(task.train)]), test=tuple(pairs[len(task.train) :]))


def reorder(task: Task, parents: Sequence[Attempt], order: Sequence[int]) -> tuple[Task, tuple[Attempt, ...]]:
    """Return the task with its examples in another order, and parents with what they did in the same order."""
    shuffled = replace(task, train=tuple(task.train[i] for i in order))
    return shuffled, tuple(
        replace(parent, train=tuple(parent.train[i] for i in order), solved=tuple(parent.solved[i] for i in order))
        for parent in parents
    )


def order_of(seed: int, task_hash: str, program: Program, others: Sequence[str], n: int) -> list[int]:
    """Return the order in which a row shows its `n` examples; `others`: its parents, and its symmetry if it has one."""
    order: list[int] = keyed_rng(seed, task_hash, program.hash, *others, "order").permutation(n).tolist()
    return order


def row_task(sources: Sequence[Source], row: Mapping[str, Any], seed: int, sandbox: Sandbox | None = None) -> Task:
    """Return the task that a row of these sources shows, its examples in the row's order, with all outputs.

    Args:
        sources: the runs that the row was made from.
        row: of the dataset; for sampling the outputs are the program's own.
        seed: that the dataset was made with.
        sandbox: runs programs on inputs that no search had; None: one of its own for each row.
    """
    program = Program(row["program"])
    for source in sources:
        if (task := source.tasks.get(row["task_hash"])) is None:
            continue
        shown = task
        if row["kind"] == "sample":
            moved = Symmetry.parse(row["symmetry"]).task(task) if row["symmetry"] else task
            did = _outcomes(source, program, task_inputs(moved), sandbox)
            shown = labelled(moved, as_grids(did) if task.without_test_outputs().is_grid else did)
        others = [*row["parents"], *([row["symmetry"]] if row["symmetry"] else [])]
        return reorder(shown, (), order_of(seed, row["task_hash"], program, others, len(task.train)))[0]
    raise ValueError(f"no run has the task of this row, {row['task_id']}")


def _outcomes(source: Source, program: Program, inputs: Sequence[Any], sandbox: Sandbox | None) -> Sequence[Outcome]:
    """What a program does: out of the archive, or, for inputs or a program that no search had, found by running it."""
    known = source.archive.outcomes(program, hashes(inputs))
    if known is not None:
        return known
    if sandbox is not None:
        return sandbox.run([(program.source, inputs)], ENTRY_POINT)[0]
    with Sandbox(workers=1, limits=source.limits) as own:
        return own.run([(program.source, inputs)], ENTRY_POINT)[0]


@dataclass(frozen=True, slots=True)
class Renderer:
    """Makes the prompts of rows as the search makes those it sends.

    Attributes:
        prompt_set: of the search.
        max_tokens: longest reply, for which there must be room in the model's window.
        client: knows the model's window and tokens; None: everything fits.
        drop_examples: whether the search leaves examples out of a prompt that is too long.
    """

    prompt_set: PromptSet
    max_tokens: int
    client: ModelClient | None
    drop_examples: bool

    def render(self, task: Task, parents: Sequence[Attempt] = ()) -> tuple[Prompt, int] | None:
        """Return the prompt and how many examples it leaves out; None where it does not fit."""
        render = self.prompt_set.render
        if self.client is None:
            return render(task, parents), 0
        return fitting_prompt(render, task, parents, self.client, self.max_tokens, self.drop_examples)


@dataclass(slots=True)
class Renderers:
    """The renderer for each prompt set and search that rows come from.

    Attributes:
        sources: the runs.
        model: whose window the prompts must fit: its string, itself, or None: that of each attempt, where it is the
            embedded one.
        stack: closes the models that are opened here.
        unmeasured: names of models whose prompts are taken to fit, because their tokens are not known.
    """

    sources: Sequence[Source]
    model: str | LanguageModel | None
    stack: ExitStack
    unmeasured: list[str]
    known: dict[tuple[int, str, int, str], Renderer] = field(default_factory=dict)
    labels: dict[tuple[int, str], dict[int, str]] = field(default_factory=dict)  # of prompt sets, by run and task
    askers: dict[str, ModelClient | None] = field(default_factory=dict)

    def of(self, index: int, attempt: Attempt) -> Renderer:
        """Return the renderer for an attempt of the run with this index.

        Raises:
            PromptError: its prompt set has changed since, or is gone.
        """
        source, iteration = self.sources[index], attempt.iteration
        place = (index, attempt.task_hash)
        if place not in self.labels:
            self.labels[place] = source.archive.prompt_sets(attempt.task_hash)
        label = self.labels[place][iteration]
        key = (index, attempt.model, iteration, label)
        if key not in self.known:
            config = source.configs[iteration]
            prompt_set = load_prompt_set(config.prompt_set or label.partition(":")[0])
            if label != prompt_set.label:
                raise PromptError(
                    f"prompt set {prompt_set.name} has changed since the search in {source.folder.path} used it, so "
                    "the rows would not be what the model is asked: restore its files, or search again"
                )
            client, limit = self._asker(attempt.model), sampling(config, prompt_set).max_tokens
            self.known[key] = Renderer(prompt_set, limit, client, config.drop_examples)
        return self.known[key]

    def _asker(self, name: str) -> ModelClient | None:
        if self.model is not None:
            name = self.model if isinstance(self.model, str) else self.model.name
        if name not in self.askers:
            self.askers[name] = self._opened(name)
            if self.askers[name] is None:
                self.unmeasured.append(name)
        return self.askers[name]

    def _opened(self, name: str) -> ModelClient | None:
        if self.model is None and ModelSpec.of(name).kind != "mini":
            return None
        if self.model is None or isinstance(self.model, str):
            model = open_model(name)
            self.stack.callback(model.close)
        else:
            model = self.model
        known = model.capabilities.context_length is not None and model.count_tokens([]) is not None
        return ModelClient(model, None) if known else None
