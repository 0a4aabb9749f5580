"""`--config FILE`: options out of a TOML file, under the names that Python has for them."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import typer

from soar.core.errors import SoarError

HELP = "TOML file with options, by their names in Python (islands = 2); what is said here as well counts more."


class ConfigFileError(SoarError):
    """A file of options cannot be read; the message names it."""


def with_file(
    ctx: typer.Context,
    file: Path | None,
    options: Mapping[str, Any],
    names: Mapping[str, str],
    own: Collection[str] = (),
) -> dict[str, Any]:
    """Return options with those of a file in the place of defaults.

    Args:
        ctx: of the command: it knows what was said on the command line.
        file: None: nothing is added.
        options: of the command line, by their names in Python.
        names: of options that are called otherwise on the command line: name in Python -> there.
        own: tables of the file that are options of their own kind, such as "hindsight": joined one by one.

    Raises:
        ConfigFileError: the file is not there, or no TOML.
    """
    if file is None:
        return dict(options)
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigFileError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigFileError(f"{file}: no TOML: {error}") from None
    made = dict(options)
    for name, value in given.items():
        if name in own and isinstance(value, dict):
            made[name] = value | dict(made.get(name, {}))
        elif not said(ctx, names.get(name, name)):
            made[name] = value
    return made


def said(ctx: typer.Context, name: str) -> bool:
    """Whether an option was given on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
