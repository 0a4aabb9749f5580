"""What searches are worth: figures with intervals, comparisons, and one vote over several runs."""

from __future__ import annotations

from soar.evaluation.attempts import PairedAttempts, Reliability, compare_attempts, reliability
from soar.evaluation.comparison import Comparison, compare, differences
from soar.evaluation.ensemble import Ensemble, vote_runs
from soar.evaluation.evaluation import CurvePoint, Evaluation, evaluate, summarize
from soar.evaluation.figures import EvaluationError
from soar.evaluation.rows import TaskRow
from soar.evaluation.statistics import Estimate, bootstrap, bootstrap_difference, mcnemar, pass_at_k

__all__ = [
    "Comparison",
    "CurvePoint",
    "Ensemble",
    "Estimate",
    "Evaluation",
    "EvaluationError",
    "PairedAttempts",
    "Reliability",
    "TaskRow",
    "bootstrap",
    "bootstrap_difference",
    "compare",
    "compare_attempts",
    "differences",
    "evaluate",
    "mcnemar",
    "pass_at_k",
    "reliability",
    "summarize",
    "vote_runs",
]
