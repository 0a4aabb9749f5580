"""What experiments see of a search that runs in another process."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from soar.archive.reader import Archive, ArchiveError


def completions(run: Path) -> int:
    """How many are recorded; 0 where there is no archive yet."""
    with contextlib.suppress(ArchiveError), Archive(run / "archive.sqlite") as archive:
        return archive.counts()["completions"]
    return 0


def below(parent: int) -> dict[int, str]:
    """The direct children of a process: id and command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):  # ended meanwhile; no process
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found[int(folder.name)] = (folder / "cmdline").read_text()
    return found


def memory_mb(process: int) -> float:
    """Resident memory; 0 of a process that is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0
