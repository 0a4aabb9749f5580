"""soar: find Python programs that explain a few input-output examples, and learn from every program tried.

The public names load on first use, so that `import soar` costs next to nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from soar.archive.reader import Archive
    from soar.archive.records import Grant
    from soar.cluster.ray_backend import Ray
    from soar.core.errors import SoarError
    from soar.evaluation import (
        Evaluation,
        compare,
        compare_attempts,
        evaluate,
        plots,
        reliability,
        summarize,
        vote_runs,
    )
    from soar.evaluation.submission import score_submission, submission
    from soar.evolution.api import search, search_iter
    from soar.evolution.config import ConfigError, SearchConfig
    from soar.evolution.conformance import check_executor, check_model, check_operator, check_scorer, check_selector
    from soar.evolution.plan import PromptTooLongError
    from soar.evolution.result import SearchResult
    from soar.evolution.results import SearchResults, load_run
    from soar.evolution.scores.api import evolve
    from soar.evolution.scores.config import EvolveConfig
    from soar.evolution.scores.result import EvolveResult
    from soar.evolution.scores.task import EvaluatorTask, ScoreTask
    from soar.evolution.snapshot import Snapshot
    from soar.evolution.stopping import Cost, Programs, Seconds, StopFile, Stopper, Tokens
    from soar.evolution.teacher_budget import TeacherBudget
    from soar.hindsight import (
        HindsightReport,
        make_dataset,
        make_edits,
        make_golden,
        make_groups,
        make_pairs,
        make_replies,
        order_groups,
    )
    from soar.loop.config import LoopConfig
    from soar.loop.loop import iterate, iterate_iter
    from soar.loop.report import LoopReport, load_report
    from soar.models import LanguageModel, open_model
    from soar.models.adapter import Adapter
    from soar.models.scripted import ScriptedModel
    from soar.programs.program import Attempt, Program
    from soar.programs.scoring import Score
    from soar.programs.simplify import simplify
    from soar.programs.voting import Prediction, vote
    from soar.report import Report, make_report
    from soar.tasks.sets import TaskSet, drop_overlap, find_task, load_tasks, overlap
    from soar.tasks.task import Example, Task
    from soar.training.config import TrainingConfig
    from soar.training.job import train, train_iter
    from soar.training.likelihood import reply_losses
    from soar.training.stages import train_stages

__all__ = [
    "Adapter",
    "Archive",
    "Attempt",
    "ConfigError",
    "Cost",
    "Evaluation",
    "EvaluatorTask",
    "EvolveConfig",
    "EvolveResult",
    "Example",
    "Grant",
    "HindsightReport",
    "LanguageModel",
    "LoopConfig",
    "LoopReport",
    "Prediction",
    "Program",
    "Programs",
    "PromptTooLongError",
    "Ray",
    "Report",
    "Score",
    "ScoreTask",
    "ScriptedModel",
    "SearchConfig",
    "SearchResult",
    "SearchResults",
    "Seconds",
    "Snapshot",
    "SoarError",
    "StopFile",
    "Stopper",
    "Task",
    "TaskSet",
    "TeacherBudget",
    "Tokens",
    "TrainingConfig",
    "check_executor",
    "check_model",
    "check_operator",
    "check_scorer",
    "check_selector",
    "compare",
    "compare_attempts",
    "drop_overlap",
    "evaluate",
    "evolve",
    "find_task",
    "iterate",
    "iterate_iter",
    "load_report",
    "load_run",
    "load_tasks",
    "make_dataset",
    "make_edits",
    "make_golden",
    "make_groups",
    "make_pairs",
    "make_replies",
    "make_report",
    "open_model",
    "order_groups",
    "overlap",
    "plots",
    "reliability",
    "reply_losses",
    "score_submission",
    "search",
    "search_iter",
    "simplify",
    "submission",
    "summarize",
    "train",
    "train_iter",
    "train_stages",
    "vote",
    "vote_runs",
]

_HOMES = {
    "soar.archive.reader": ["Archive"],
    "soar.cluster.ray_backend": ["Ray"],
    "soar.archive.records": ["Grant"],
    "soar.core.errors": ["SoarError"],
    "soar.evaluation": [
        "Evaluation",
        "compare",
        "compare_attempts",
        "evaluate",
        "reliability",
        "summarize",
        "vote_runs",
    ],
    "soar.evaluation.submission": ["score_submission", "submission"],
    "soar.evolution.api": ["search", "search_iter"],
    "soar.evolution.config": ["ConfigError", "SearchConfig"],
    "soar.evolution.conformance": [
        "check_executor",
        "check_model",
        "check_operator",
        "check_scorer",
        "check_selector",
    ],
    "soar.evolution.plan": ["PromptTooLongError"],
    "soar.evolution.scores.api": ["evolve"],
    "soar.evolution.scores.config": ["EvolveConfig"],
    "soar.evolution.scores.result": ["EvolveResult"],
    "soar.evolution.scores.task": ["EvaluatorTask", "ScoreTask"],
    "soar.evolution.snapshot": ["Snapshot"],
    "soar.evolution.result": ["SearchResult"],
    "soar.evolution.results": ["SearchResults", "load_run"],
    "soar.evolution.stopping": ["Cost", "Programs", "Seconds", "StopFile", "Stopper", "Tokens"],
    "soar.evolution.teacher_budget": ["TeacherBudget"],
    "soar.hindsight": [
        "HindsightReport",
        "make_dataset",
        "make_edits",
        "make_golden",
        "make_groups",
        "make_pairs",
        "make_replies",
        "order_groups",
    ],
    "soar.loop.config": ["LoopConfig"],
    "soar.loop.loop": ["iterate", "iterate_iter"],
    "soar.loop.report": ["LoopReport", "load_report"],
    "soar.models": ["LanguageModel", "open_model"],
    "soar.models.adapter": ["Adapter"],
    "soar.models.scripted": ["ScriptedModel"],
    "soar.programs.program": ["Attempt", "Program"],
    "soar.programs.scoring": ["Score"],
    "soar.programs.simplify": ["simplify"],
    "soar.programs.voting": ["Prediction", "vote"],
    "soar.report": ["Report", "make_report"],
    "soar.tasks.sets": ["TaskSet", "drop_overlap", "find_task", "load_tasks", "overlap"],
    "soar.tasks.task": ["Example", "Task"],
    "soar.training.config": ["TrainingConfig"],
    "soar.training.job": ["train", "train_iter"],
    "soar.training.likelihood": ["reply_losses"],
    "soar.training.stages": ["train_stages"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "plots":
        return import_module("soar.evaluation.plots")
    if name not in _HOME:
        raise AttributeError(f"module 'soar' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
