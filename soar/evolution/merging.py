"""Runs of several machines become one: requests, programs and outcomes of each, everything once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soar.archive.reader import Archive, ArchiveError
from soar.archive.writer import ArchiveWriter
from soar.evolution.few_shot import FILE, FewShotPool, freeze
from soar.evolution.run_folder import RunFolder


def merge_runs(target: str | Path, runs: Sequence[str | Path]) -> dict[str, int]:
    """Bring what the `runs` hold into the run folder `target`, which may be new, and return its counts afterwards.

    The runs must be parts of one search: same model, prompt sets, seed and options; workers and the like may differ,
    and of different budgets the largest counts. The same request in two runs is taken once. Each run is merged whole or
    not at all; merged again, it adds nothing. The merged run can be searched further.

    Raises:
        ConfigError: two runs differ in what would falsify the result; names it.
        ArchiveError: a run has no archive, or two runs hold different answers to the same request.
    """
    folder = RunFolder(Path(target).absolute())
    with ArchiveWriter(folder.archive) as archive:
        for run in runs:
            other = RunFolder(Path(run).absolute())
            if other.path == folder.path:
                raise ArchiveError(f"{run} cannot be merged into itself")
            with Archive(other.archive) as reader:  # opened first: a good error where it is none
                reader.counts()
            description = folder.joined(other)
            archive.absorb(other.archive)
            folder.adopt(description)
            for iteration, pool in other.read(FILE).items():
                freeze(folder, int(iteration), FewShotPool.from_json(pool))
        return archive.counts()
