"""The footing of all methods: what a folder claims, what is refused before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import soar
from soar.core.errors import SoarError
from soar.models.adapter import RECORD
from soar.training.config import LATER, TrainingConfig, TrainingError
from soar.training.folder import PLAN, finished, name_of
from soar.training.methods import method_of


def test_every_method_that_options_know_is_there() -> None:
    for name in TrainingConfig.model_fields["method"].annotation.__args__:  # type: ignore[union-attr]
        assert method_of(name).name == name


def test_options_that_came_later_leave_no_trace_where_they_are_not_used(tmp_path: Path) -> None:
    options = TrainingConfig.for_model("mini").model_dump(mode="json", exclude={"checkpoint_seconds"})
    assert not options.keys() & LATER.keys()
    made_of = {"model": "mini", "rows": 2, "dataset": "0", "options": options, "continue_from": None}
    assert name_of(made_of) == "sft-d8fac801"  # as before there were any
    (tmp_path / PLAN).write_text(json.dumps({"made_of": made_of}))
    assert finished(tmp_path, made_of) is None and not (tmp_path / RECORD).exists()
    for older, newer in ((made_of, {**made_of, "options": {**options, "method": "other"}}),):
        for held, wanted in ((older, newer), (newer, older)):
            (tmp_path / PLAN).write_text(json.dumps({"made_of": held}))
            with pytest.raises(TrainingError, match=r"method was '\w+' and is now '\w+'"):
                finished(tmp_path, wanted)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(TrainingError, match=r"method: Input should be .*'sft'.*not 'stf'"):
        TrainingConfig.for_model("mini", method="stf")


def test_the_loop_refuses_what_it_does_not_make_before_it_searches(tmp_path: Path) -> None:
    config = TrainingConfig.for_model("mini", method="dpo")
    with pytest.raises(SoarError, match="training is for method dpo, and the loop learns by sft: say method='dpo'"):
        soar.iterate(soar.load_tasks("arc-agi-1/training")[:1], "mini", run=tmp_path / "run", training=config)
    assert not list(tmp_path.iterdir())
