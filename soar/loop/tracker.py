"""The loop's figures for TensorBoard, and for Weights & Biases or Trackio where asked for."""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from soar.core.errors import SoarError
from soar.core.hints import install

KNOWN = ("tensorboard", "wandb", "trackio")


class Tracker(Protocol):
    """Takes figures."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Take the figures of a step."""
        ...

    def close(self) -> None:
        """Write out what is not written yet."""
        ...


class TensorBoard:
    """Event files for `tensorboard --logdir RUN`; written without torch."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.writer = EventFileWriter(str(folder / "tensorboard"))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Take the figures of a step."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
        self.writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Write out what is not written yet."""
        self.writer.close()


class Hosted:
    """`wandb` or `trackio`, which can be called alike: a run named after the folder, in the project `soar`."""

    def __init__(self, package: str, folder: Path, config: Mapping[str, Any]) -> None:
        self.package = importlib.import_module(package)
        self.package.init(project="soar", name=folder.name, config=dict(config))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Take the figures of a step; it is a figure too, since steps of their own may never go back (losses do)."""
        self.package.log({**figures, "step": step})

    def close(self) -> None:
        """Finish the run."""
        self.package.finish()


def open_trackers(names: Sequence[str], folder: Path) -> list[Tracker]:
    """Open TensorBoard's files and the trackers of these names, for the loop in a folder.

    Raises:
        SoarError: a name is unknown, or its package missing.
    """
    for name in ("tensorboard", *names):
        if name not in KNOWN:
            raise SoarError(f"figures can be sent to {' or '.join(KNOWN[1:])}, not to {name!r}")
        if importlib.util.find_spec(name) is None:
            raise SoarError(
                f"{name} is not installed: {install('train') if name == KNOWN[0] else f'pip install {name}'}"
            )
    config = json.loads((folder / "loop.json").read_text(encoding="utf-8"))
    return [TensorBoard(folder), *(Hosted(name, folder, config) for name in names)]
