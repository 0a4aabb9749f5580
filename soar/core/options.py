"""Options that refuse what they do not know: the base of configurations."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from soar.core.errors import SoarError


class Options(BaseModel):
    """Frozen options; an unknown one is an error that names the nearest, of the subclass's `error` type."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    error: ClassVar[type[SoarError]] = SoarError

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest(cls, data: Any) -> Any:
        for name in data if isinstance(data, Mapping) else ():
            if name not in cls.model_fields:
                near = difflib.get_close_matches(str(name), cls.model_fields, n=1)
                hint = f"; nearest: {near[0]}" if near else ""
                raise ValueError(f"unknown option {name!r}{hint}. Options: {', '.join(cls.model_fields)}")
        return data

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Make the configuration of options by name. Raises `error`, one line per mistake."""
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            raise cls.error("\n".join(_line(mistake) for mistake in error.errors())) from None


def _line(mistake: Any) -> str:
    place = ".".join(str(part) for part in mistake["loc"])
    message = str(mistake["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}, not {mistake['input']!r}" if place else message
