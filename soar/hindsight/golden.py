"""Golden solutions: for each task the shortest right program that is known, without what changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

from soar.archive.records import task_inputs
from soar.hindsight.dataset import DatasetError, Run, fields_of, open_sources, prompt_type, tasks_of, written
from soar.hindsight.pairs import samples_of
from soar.hindsight.relabel import Renderers, prompt_columns
from soar.hindsight.report import HindsightReport
from soar.hindsight.scan import Scan
from soar.models.base import LanguageModel
from soar.programs.parsing.replies import ENTRY_POINT
from soar.programs.program import Program
from soar.programs.scoring import as_grids
from soar.programs.simplify import simplify
from soar.sandbox import Sandbox
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

if TYPE_CHECKING:
    from datasets import Dataset

LOOKED_AT = 8  # right programs of a task that are simplified, the shortest first


def make_golden(
    runs: Run | Sequence[Run],
    *,
    programs: Mapping[str, str] | None = None,
    iteration: int | Literal["all"] | None = "all",
    test_time: bool = False,
    model: str | LanguageModel | None = None,
) -> Dataset:
    """Return a golden solution for each task that has one, to train on with `TrainingConfig(method="tokens")`.

    It is the shortest eligible program of the archive that is right on all examples and on every test output that is
    known, simplified, and run once more. Columns: task_id, task_hash, prompt (messages), prefill, completion, program,
    found ("archive" or "given"), examples (JSON of the examples, what rollouts are scored on: no test), raw and
    stop (how a reply is read), model, adapter, iteration, prompt_set.

    Args:
        runs: folders of runs or results of searches; several are pooled, task by task.
        programs: sources by task id, for tasks that a search did not solve: by a human, a generator, a larger model.
            The task must have been searched: its prompt is the search's.
        iteration: round of the loop that counts; None: the last of each run; "all".
        test_time: read no test output: what solves the examples is right.
        model: whose window the prompts must fit, as `soar.make_dataset` has it.

    Raises:
        DatasetError: a program that is given is not right.
    """
    given = dict(programs or {})
    with ExitStack() as stack:
        sources = open_sources(runs, iteration, stack)
        renderers = Renderers(sources, model, stack, [])
        sandbox = stack.enter_context(Sandbox(limits=sources[0].limits))
        tasks = [one.without_test_outputs() if test_time else one for one in tasks_of(sources)]
        rows = (_row(task, renderers, sandbox, given.get(task.id)) for task in tasks)
        return written((one for one in rows if one is not None), _schema())


def _row(task: Task, renderers: Renderers, sandbox: Sandbox, given: str | None) -> dict[str, Any] | None:
    """The golden solution of a task, at the prompt of its last sample; None where there is none of either."""
    samples = list(samples_of(task, renderers.sources))
    if not samples:
        return None
    index, last = samples[-1]
    prompts = renderers.of(index, last).prompt_set
    rendered = renderers.of(index, last).render(task)
    if rendered is None:
        return None
    prompt = rendered[0]
    source = _shortest(task, renderers, sandbox, prompt.prefill if prompts.settings.raw else "", given)
    if source is None:
        return None
    return {
        "task_id": task.id, "task_hash": task.content_hash, **prompt_columns(prompt),
        "completion": prompts.reply(source, prompt.prefill), "program": source,
        "found": "archive" if given is None else "given", "examples": _examples(task),
        "raw": prompts.settings.raw, "stop": list(prompts.settings.stop), "model": last.model, "adapter": last.adapter,
        "iteration": last.iteration, "prompt_set": prompts.label,
    }  # fmt: skip


def _shortest(task: Task, renderers: Renderers, sandbox: Sandbox, keep: str, given: str | None) -> str | None:
    """The source of the shortest right program; None where none is known. `keep`: see `simplify`."""
    if given is None:
        candidates = Scan(task, HindsightReport({})).run(renderers.sources, 0).candidates
        known = [Program(one.source) for one in candidates if one.solves][:LOOKED_AT]
    else:
        known = [Program(given)]
    inputs = task_inputs(task)
    shorter = simplify([(program, inputs) for program in known], sandbox, keep)
    for program in sorted(shorter, key=lambda one: (len(one.source), one.source)):
        if _right(task, program, sandbox):
            return program.source
    if given is not None:
        raise DatasetError(f"the program that was given for task {task.id} is not right on all that is known of it")
    return None


def _right(task: Task, program: Program, sandbox: Sandbox) -> bool:
    """Whether it gives an output everywhere, and the right one wherever that is known."""
    (outcomes,) = sandbox.run([(program.source, task_inputs(task))], ENTRY_POINT)
    pairs = zip(as_grids(outcomes) if task.is_grid else outcomes, (*task.train, *task.test), strict=True)
    return all(
        one.status == "ok" and (example.output is None or task.right(one.value, example.output))
        for one, example in pairs
    )


def _examples(task: Task) -> str:
    train = [example.to_json() for example in task.train]
    return canonical_json({"train": train, "tolerance": task.tolerance})


def _schema() -> Any:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [*fields_of("task_id", "task_hash"), ("prompt", prompt_type()), *fields_of("prefill", "completion", "program"),
         *fields_of("found", "examples"), ("raw", pa.bool_()), ("stop", pa.list_(text)), *fields_of("model", "adapter"),
         ("iteration", pa.int64()), *fields_of("prompt_set")]
    )  # fmt: skip
