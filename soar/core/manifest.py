"""What a folder claims to be: a run, a loop, a training. Whoever comes back to it must ask for the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from soar.core.errors import SoarError

May: TypeAlias = Literal["stay", "grow", "come", "change"]


def may(how: May) -> dict[str, Any]:
    """Return what marks a field of a configuration: `samples: int = Field(64, json_schema_extra=may("grow"))`.

    "stay", which is what unmarked fields do; "grow": it may be raised; "come": it may be given where there was none;
    "change": it plays no part in what the folder holds.
    """
    return {"may": how}


def rules_of(config: type[BaseModel]) -> dict[str, May]:
    """Return what each field of a configuration may do."""
    extras = {name: one.json_schema_extra for name, one in config.model_fields.items()}
    return {name: extra["may"] if isinstance(extra, dict) else "stay" for name, extra in extras.items()}  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Compares what is asked for with what a folder holds.

    Attributes:
        folder: is named where something differs.
        error: what is raised then.
        rules: what a field may do; those that are not here stay.
    """

    folder: Path
    error: type[SoarError]
    rules: Mapping[str, May]

    def check(self, old: Mapping[str, Any], new: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> None:
        """Raise `error` where a field of `new` differs from that of `old` in a way that it may not.

        Args:
            usual: what fields were before they existed: a folder may be older than an option. Without it a field that
                `old` lacks is taken as None.
        """
        for name, value in new.items():
            before = old.get(name, (usual or {}).get(name))
            rule = self.rules.get(name, "stay")
            if before == value or rule == "change" or (rule == "come" and before is None):
                continue
            if rule == "grow" and value > before:
                continue
            raise self.changed(name, before, value, "it can only be raised" if rule == "grow" else "")

    def changed(self, name: str, before: object, now: object, why: str = "") -> SoarError:
        """Return the error that says what a field was and is now."""
        advice = f"{why}: " * bool(why) + "go on with the old value, or use another folder"
        return self.error(f"{self.folder}: {name} was {before!r} and is now {now!r}: {advice}")
