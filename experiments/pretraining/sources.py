"""What the tasks of a pretraining can be drawn from, by name."""

from __future__ import annotations

from enum import StrEnum

from corpus import EVERYTHING
from single_step import SINGLE_STEP


class CorpusName(StrEnum):
    """`mini`'s corpus, and that of `mini:novice`."""

    everything = "everything"
    single_step = "single-step"


SOURCES = {CorpusName.everything: EVERYTHING, CorpusName.single_step: SINGLE_STEP}
