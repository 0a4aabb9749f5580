"""soar: find Python programs that explain a few input-output examples, and learn from every program tried.

The public names load on first use, so that `import soar` costs next to nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from soar.archive import Archive
    from soar.datasets import TaskSet, drop_overlap, find_task, load_tasks, overlap
    from soar.evaluation import Evaluation, compare, evaluate, vote_runs
    from soar.kaggle import score_submission, submission
    from soar.loop import LoopReport, iterate, iterate_iter
    from soar.models import LanguageModel
    from soar.program import Attempt, Program
    from soar.search import SearchConfig, SearchResult, SearchResults, search, search_iter
    from soar.task import Example, Task
    from soar.voting import Prediction, vote

__all__ = [
    "Archive",
    "Attempt",
    "Evaluation",
    "Example",
    "LanguageModel",
    "LoopReport",
    "Prediction",
    "Program",
    "SearchConfig",
    "SearchResult",
    "SearchResults",
    "Task",
    "TaskSet",
    "compare",
    "drop_overlap",
    "evaluate",
    "find_task",
    "iterate",
    "iterate_iter",
    "load_tasks",
    "overlap",
    "score_submission",
    "search",
    "search_iter",
    "submission",
    "vote",
    "vote_runs",
]

_HOMES = {
    "soar.archive": ["Archive"],
    "soar.datasets": ["TaskSet", "drop_overlap", "find_task", "load_tasks", "overlap"],
    "soar.evaluation": ["Evaluation", "compare", "evaluate", "vote_runs"],
    "soar.loop": ["LoopReport", "iterate", "iterate_iter"],
    "soar.models": ["LanguageModel"],
    "soar.program": ["Attempt", "Program"],
    "soar.search": ["SearchConfig", "SearchResult", "SearchResults", "search_iter"],
    "soar.kaggle": ["score_submission", "submission"],
    "soar.task": ["Example", "Task"],
    "soar.voting": ["Prediction", "vote"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "search":  # the package itself can be called, so that importing it never hides the function
        return import_module("soar.search")
    if name not in _HOME:
        raise AttributeError(f"module 'soar' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
