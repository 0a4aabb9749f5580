"""Files and folders that others may open appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(target: str | Path) -> Iterator[Path]:
    """Give a path to write a file or a folder at, in a hidden folder beside `target`; at the end it takes its place.

    Folders above it are made. At an error, or a kill, the target is what it was before, or is not there. The path given
    has the target's name, since some libraries go by its suffix. A draft that a kill has left is thrown away.
    """
    target = Path(target)
    place = target.with_name(f".{target.name}.new")
    remove(place)
    place.mkdir(parents=True)
    try:
        yield place / target.name
        if (place / target.name).is_dir() and target.is_dir():
            remove(target)  # a folder cannot take the place of one that holds something
        os.replace(place / target.name, target)
    finally:
        remove(place)


def write_whole(target: str | Path, content: str | bytes) -> None:
    """Write a file, UTF-8 if it is text, whole or not at all."""
    with whole(target) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
