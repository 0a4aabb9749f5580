"""Search programs that score well: `soar.evolve`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from soar.core.errors import expect
from soar.core.manifest import rules_of
from soar.core.process import available_cores
from soar.core.terminal import in_terminal, notify
from soar.evolution.client import ModelClient
from soar.evolution.config import ConfigError
from soar.evolution.scores.config import EvolveConfig
from soar.evolution.scores.engine import AHEAD, Engine
from soar.evolution.scores.evaluator import FileJudge
from soar.evolution.scores.population import Member
from soar.evolution.scores.record import Record
from soar.evolution.scores.result import EvolveResult, result_of
from soar.evolution.scores.task import EvaluatorTask, Judge, OutcomeJudge, ScoreTask
from soar.evolution.scores.typed import EvolveOptions
from soar.evolution.stopping import Stopper, checked_stopper, on_ctrl_c
from soar.models import LanguageModel, open_model
from soar.sandbox import Limits, Sandbox
from soar.sandbox.executor import Executor


def evolve(
    task: ScoreTask | EvaluatorTask,
    model: str | LanguageModel | None = None,
    *,
    run: str | Path | None = None,
    stop: Stopper | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    **config: Unpack[EvolveOptions],
) -> EvolveResult:
    """Search programs with a better score than the first one.

    Works inside a running event loop too. Killed or interrupted, the same call with the same `run` goes on where it
    was. Ctrl-C finishes what is under way and returns what there is.

    Args:
        task: programs and what scores them.
        model: its name, or an object with the Protocol, which is left open; None: operators that need none.
        run: folder of the run; None: nothing is kept.
        stop: when to stop before all programs are made, as for `soar.search`.
        executor: what runs the programs; None: a sandbox of this search's own.
        progress: say each better score on standard error; None: in a terminal.
        config: options of `EvolveConfig`, such as programs=1000, seed=0.

    Raises:
        ConfigError: an option is unknown or out of range, or needs a model.
        RecordError: the folder holds another run.
        ScoreTaskError: the first program has no score; says why.
        EvaluatorError, ModelError, SandboxError: the infrastructure failed; what was recorded stays.
    """
    expect(task, (ScoreTask, EvaluatorTask), "the task", "a soar.ScoreTask or a soar.EvaluatorTask")
    options = EvolveConfig.of(config)
    if model is None and set(options.operators or ()) & {"edit", "rewrite"}:
        raise ConfigError("operators: 'edit' and 'rewrite' ask a model: name one")
    with ExitStack() as stack:
        opened = open_model(model) if isinstance(model, str) else model
        if opened is not None and isinstance(model, str):
            stack.callback(opened.close)
        ctrl_c = stack.enter_context(on_ctrl_c(notify))
        stopper = ctrl_c if stop is None else ctrl_c | checked_stopper(stop)
        if opened is not None:
            stopper.check(opened)
        claim = {"task": task.id, "content": task.version, "model": None if opened is None else opened.name}
        record = Record.open(
            None if run is None else Path(run), claim | options.model_dump(mode="json"), rules_of(EvolveConfig)
        )
        stack.callback(record.close)
        workers = options.workers or available_cores()
        if executor is None:
            executor = stack.enter_context(Sandbox(workers, Limits(options.seconds, options.memory_mb)))
        told = in_terminal() if progress is None else progress
        setting = _Setting(task, options, executor, record, opened, stopper, workers, told)
        return _finished(lambda: _evolved(setting))


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a search works with."""

    task: ScoreTask | EvaluatorTask
    options: EvolveConfig
    executor: Executor
    record: Record
    model: LanguageModel | None
    stop: Stopper
    workers: int
    told: bool


async def _evolved(given: _Setting) -> EvolveResult:
    task, options, model = given.task, given.options, given.model
    client = None if model is None else ModelClient(model, options.concurrency)
    usual = max(2 * given.workers, 0 if model is None else model.capabilities.max_concurrency)
    sign = 1.0 if task.direction == "max" else -1.0

    def watch(step: int, best: Member) -> None:
        if given.told:
            notify(f"program {step}: {sign * best.value:.10g}")

    judge: Judge
    if isinstance(task, EvaluatorTask):
        limits = options.evaluator_seconds, options.evaluator_memory_mb
        judge = FileJudge(task, given.executor, options.isolation, *limits, given.workers, options.cascade)
    else:
        judge = OutcomeJudge(task, given.executor)
    engine = Engine(
        task, options, judge, given.record, client, min(options.concurrency or usual, AHEAD), given.stop, watch
    )
    try:
        await engine.run()
    finally:
        judge.close()
    best, seconds = engine.population.best, engine.snapshot().seconds
    return result_of(task, given.record, None if best is None else best.step, seconds, engine.stopped)


def _finished(work: Callable[[], Coroutine[Any, Any, EvolveResult]]) -> EvolveResult:
    """Run it to its end: in a thread where this one has a loop at work."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    ended: list[EvolveResult | BaseException] = []

    def target() -> None:
        try:
            ended.append(asyncio.run(work()))
        except BaseException as error:  # belongs to whoever waits
            ended.append(error)

    thread = threading.Thread(target=target, name="soar-evolve")
    thread.start()
    thread.join()
    (result,) = ended
    if isinstance(result, BaseException):
        raise result
    return result
