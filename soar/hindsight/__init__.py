"""Hindsight: every attempt of a search becomes something to learn from (SOAR, section 3.3). See docs/hindsight.md."""

from __future__ import annotations

from soar.hindsight.dataset import DatasetError, make_dataset
from soar.hindsight.edits import make_edits
from soar.hindsight.golden import make_golden
from soar.hindsight.groups import make_groups
from soar.hindsight.ordering import order_groups
from soar.hindsight.pairs import make_pairs, make_replies, stages
from soar.hindsight.report import HindsightReport

__all__ = [
    "DatasetError",
    "HindsightReport",
    "make_dataset",
    "make_edits",
    "make_golden",
    "make_groups",
    "make_pairs",
    "make_replies",
    "order_groups",
    "stages",
]
