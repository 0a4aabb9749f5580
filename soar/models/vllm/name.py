"""What `vllm:...` says: a model, options of `vllm serve`, or the address of a server that runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from soar.models.base import ModelError
from soar.models.openai.addresses import EXPLICIT, split_name

MERGE = "--merge"
# Options that change where and how fast a model runs: not what it is, so not its name in an archive.
PLACEMENT = (
    "--tensor-parallel-size", "-tp", "--data-parallel-size", "-dp", "--pipeline-parallel-size", "-pp",
    "--gpu-memory-utilization", "--kv-cache-memory-bytes", "--max-num-seqs", "--max-num-batched-tokens",
    "--max-lora-rank", "--max-loras", "--max-cpu-loras", "--enforce-eager", MERGE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VllmName:
    """The parts of a name.

    Attributes:
        source: folder or hub name of the weights.
        options: of `vllm serve`.
        merge: serve merged copies of the weights, not adapters.
        address: of a server that runs; None: one is to be started.
        name: as archives record it: without what changes only where and how fast the model runs.
    """

    source: str
    options: tuple[str, ...]
    merge: bool
    address: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read NAME, NAME --option value ..., or NAME@http://host:port; a NAME with spaces stands in quotes.

        Raises:
            ModelError: an address and options at once, no name, or an address without http:// or https://.
        """
        words, *address = EXPLICIT.split(text.strip(), maxsplit=1)
        folder = bool(words) and Path(words).is_dir()
        parts = [words] if folder else shlex.split(words)
        if not parts or parts[0].startswith("-"):
            raise ModelError(f"vllm:{text} names no model: give vllm:NAME_OR_FOLDER, and options after it")
        if not (folder or address):
            split_name("vllm", parts[0])
        if address and parts[1:]:
            raise ModelError(f"vllm:{text}: options are for a server that soar starts; this one runs already")
        options = tuple(word for word in parts[1:] if word != MERGE)
        name = " ".join(["vllm:" + parts[0], *map(shlex.quote, _lasting(options))])
        return cls(parts[0], options, MERGE in parts, address[0] if address else None, name)


def option(options: Sequence[str], *names: str) -> str | None:
    """Return the value of the last option with one of these names, given as `--name value` or `--name=value`."""
    found = None
    for position, word in enumerate(options):
        name, equals, value = word.partition("=")
        if name in names:
            found = value if equals else next(iter(options[position + 1 : position + 2]), None)
    return found


def _lasting(options: Sequence[str]) -> list[str]:
    """The options that say which model this is, with their values."""
    kept: list[str] = []
    keep = True
    for word in options:
        if word.startswith("-"):
            keep = word.partition("=")[0] not in PLACEMENT
        kept += [word] if keep else []
    return kept
