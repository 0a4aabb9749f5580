"""Attempts and predictions as HTML for a notebook: what was given for each input, ticked where it is right."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from soar.tasks.draw.svg import picture_of_values, to_svg

if TYPE_CHECKING:
    from soar.programs.program import Attempt
    from soar.programs.voting import Prediction
    from soar.sandbox.outcome import Outcome


def attempt_to_html(attempt: Attempt) -> str:
    """An attempt: where it came from, its outputs, what went wrong, its program.

    Outputs for the examples are ticked or crossed; whether those for the tests are right an attempt does not know.
    """
    outcomes: list[tuple[str, Outcome, bool | None]]
    outcomes = [(f"example {k}", one, right) for k, (one, right) in enumerate(_train(attempt), 1)]
    outcomes += [(f"test {k}", one, None) for k, one in enumerate(attempt.test, 1)]
    shown = [(title, one.value, right) for title, one, right in outcomes if one.status == "ok"]
    failed = [f"{title}: {one.describe()}" for title, one, _ in outcomes if one.status != "ok"]
    how = f"refined from {', '.join(attempt.parents)}" if attempt.parents else "sampled"
    head = f"{attempt.key}, {how}: {attempt.train_accuracy:.0%} of the examples right"
    rules = f"; not eligible: {', '.join(attempt.broken_rules)}" if attempt.broken_rules else ""
    picture = f'<div style="overflow-x:auto">{to_svg(picture_of_values(shown))}</div>' if shown else ""
    source = attempt.program.source if attempt.program else f"no program: {attempt.parse_error}"
    wrong = "".join(f"<p>{escape(line)}</p>" for line in failed)
    return f"<p><b>{escape(head + rules)}</b></p>{picture}{wrong}<pre>{escape(source)}</pre>"


def prediction_to_html(prediction: Prediction) -> str:
    """An answer of the vote: its outputs, and by how many attempts."""
    shown = [(f"test {k}", value, None) for k, value in enumerate(prediction.outputs, 1)]
    rules = f"; of attempts that break {', '.join(prediction.rules)}" if prediction.rules else ""
    said = f"weight {prediction.weight:g}, {prediction.count} attempts{rules}"
    return f'<p><b>{escape(said)}</b></p><div style="overflow-x:auto">{to_svg(picture_of_values(shown))}</div>'


def _train(attempt: Attempt) -> list[tuple[Outcome, bool]]:
    return list(zip(attempt.train, attempt.solved or (False,) * len(attempt.train), strict=True))
