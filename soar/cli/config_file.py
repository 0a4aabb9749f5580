"""Options out of a file: `--config`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from soar.core.errors import SoarError

HELP = (
    "TOML file with options, by their names in Python (islands = 2), or the folder of a run whose options are taken; "
    "what is said here as well counts more."
)


class ConfigFileError(SoarError):
    """A file of options cannot be read; the message names it."""


def with_file(file: Path | None, given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return options with those of a file where they were not given; tables are joined option by option.

    Args:
        file: None: nothing is added.
        given: by their names in Python.
        names: of the options that are there; a run's folder holds more than these.

    Raises:
        ConfigFileError: the file is not there, or no TOML.
    """
    if file is None:
        return dict(given)
    known = _of_run(file, names) if file.is_dir() else _of_file(file)
    return known | {
        name: known.get(name, {}) | value if isinstance(value, dict) else value for name, value in given.items()
    }


def _of_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigFileError(f"{file}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigFileError(f"{file}: no TOML: {error}") from None


def _of_run(folder: Path, names: Collection[str]) -> dict[str, Any]:
    """The options of a loop, of a search on scores, or of the last search in a run's folder."""
    try:
        if (folder / "loop.json").exists():
            options = json.loads((folder / "loop.json").read_text(encoding="utf-8"))
        elif (folder / "evolve.json").exists():
            options = json.loads((folder / "evolve.json").read_text(encoding="utf-8"))
        else:
            rounds = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            options = rounds[max(rounds, key=int)]["options"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigFileError(f"{folder} is no folder of a run: {error}") from None
    return {name: value for name, value in options.items() if name in names and value is not None}
