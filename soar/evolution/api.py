"""Search programs for tasks: `soar.search`, `soar.search_iter`."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

if TYPE_CHECKING:
    from soar.evolution.result import SearchResult
    from soar.evolution.results import SearchResults
    from soar.evolution.shards import Backend
    from soar.evolution.snapshot import Snapshot
    from soar.evolution.stopping import Stopper
    from soar.evolution.typed import SearchOptions
    from soar.models.adapter import Adapter
    from soar.models.base import LanguageModel
    from soar.sandbox.executor import Executor
    from soar.tasks.given import TaskLike, TaskSource
    from soar.tasks.task import Task


@overload
def search(
    tasks: Task,
    model: str | LanguageModel = "mini",
    *,
    adapter: str | Path | Adapter | None = None,
    run: str | Path | None = None,
    stop: Stopper | None = None,
    executor: Executor | None = None,
    backend: Backend | None = None,
    progress: bool | None = None,
    **config: Unpack[SearchOptions],
) -> SearchResult: ...
@overload
def search(  # type: ignore[overload-overlap]
    tasks: str | Path | dict[str, list[Any]],
    model: str | LanguageModel = "mini",
    *,
    adapter: str | Path | Adapter | None = None,
    run: str | Path | None = None,
    stop: Stopper | None = None,
    executor: Executor | None = None,
    backend: Backend | None = None,
    progress: bool | None = None,
    **config: Unpack[SearchOptions],
) -> SearchResult | SearchResults: ...
@overload
def search(
    tasks: Mapping[str, Task],
    model: str | LanguageModel = "mini",
    *,
    adapter: str | Path | Adapter | None = None,
    run: str | Path | None = None,
    stop: Stopper | None = None,
    executor: Executor | None = None,
    backend: Backend | None = None,
    progress: bool | None = None,
    **config: Unpack[SearchOptions],
) -> SearchResults: ...
@overload
def search(
    tasks: Iterable[TaskLike],
    model: str | LanguageModel = "mini",
    *,
    adapter: str | Path | Adapter | None = None,
    run: str | Path | None = None,
    stop: Stopper | None = None,
    executor: Executor | None = None,
    backend: Backend | None = None,
    progress: bool | None = None,
    **config: Unpack[SearchOptions],
) -> SearchResults: ...
def search(
    tasks: TaskSource,
    model: str | LanguageModel = "mini",
    *,
    adapter: str | Path | Adapter | None = None,
    run: str | Path | None = None,
    stop: Stopper | None = None,
    executor: Executor | None = None,
    backend: Backend | None = None,
    progress: bool | None = None,
    **config: Unpack[SearchOptions],
) -> SearchResult | SearchResults:
    """Search programs for one task or many, vote over what they predict, and return the result or the results.

    Works inside a running event loop too. No test output is read. Killed or interrupted, the same call with the same
    `run` goes on where it was. Ctrl-C finishes the requests under way and returns what there is; pressed once more, it
    raises KeyboardInterrupt at once.

    Args:
        tasks: a task, its id, a dict in ARC's format; a TaskSet, a set's name, a file, or any collection of these.
        model: its name (`mini`, `hf:NAME_OR_FOLDER`, `openai:MODEL[@URL]`), or an object with the Protocol, which is
            left open.
        adapter: what training returned, or its folder; it must have been trained for this model and prompt set. A model
            that is given as an object keeps it. None: the base model, or what the object has loaded.
        run: folder of the run; None: a temporary one, which goes when the result does.
        stop: when to stop before the budget is spent: `Programs(n)`, `Tokens(n)`, `Cost(dollars)`, `Seconds(n)`,
            `StopFile(path)`, or several joined by `|`. The result's `stopped` says why it did.
        executor: what runs the programs; None: a sandbox of this search's own, see `soar.sandbox`.
        backend: runs the search in shards, each over some of the tasks, such as `soar.Ray(...)` on a cluster; needs a
            `run` and the model's name. None: all tasks here, in one.
        progress: show it; None: as True in a terminal or a notebook, elsewhere a line on standard error now and then,
            with True one for each task that is done.
        config: options of `SearchConfig`, such as samples=64, refinements=64, seed=0.

    Raises:
        ConfigError: an option is unknown or out of range, or differs from the run that is reopened.
        AdapterError: the adapter belongs to another model, or was trained on another prompt set.
        PromptTooLongError: no task fits the model's window.
        ModelError, SandboxError, ArchiveError: the infrastructure failed; what was recorded stays.
    """
    from soar.core.terminal import notify
    from soar.evolution.progress_bar import watched
    from soar.evolution.stopping import on_ctrl_c
    from soar.tasks.given import as_tasks
    from soar.tasks.task import Task

    results, given = None, as_tasks(tasks)
    with on_ctrl_c(notify) as ctrl_c:
        stopper = ctrl_c if stop is None else ctrl_c | stop
        with closing(
            search_iter(
                given, model, adapter=adapter, run=run, stop=stopper, executor=executor, backend=backend, **config
            )
        ) as snapshots:
            for snapshot in watched(snapshots, progress):
                results = snapshot.results
    assert results is not None  # the last snapshot has them
    return results[given.id] if isinstance(given, Task) else results


def search_iter(
    tasks: TaskSource,
    model: str | LanguageModel = "mini",
    *,
    adapter: str | Path | Adapter | None = None,
    run: str | Path | None = None,
    stop: Stopper | None = None,
    executor: Executor | None = None,
    backend: Backend | None = None,
    **config: Unpack[SearchOptions],
) -> Generator[Snapshot, None, None]:
    """Search as `search` does and yield snapshots, about twice a second and whenever a task ends.

    The last snapshot has the `results`. Closing the iterator ends the search at once; what was recorded stays.
    """
    if backend is not None:
        from soar.evolution.config import ConfigError
        from soar.evolution.shards import search_in_shards

        if executor is not None:
            raise ConfigError("shards run programs in sandboxes of their own: give executor or backend, not both")
        return search_in_shards(tasks, model, adapter, run, stop, backend, config)
    from soar.evolution.session import run_session

    return run_session(tasks, model, adapter, run, stop, executor, config)
