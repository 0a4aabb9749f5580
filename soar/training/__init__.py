"""Training: rows made by hindsight become a LoRA adapter of the model that wrote the programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soar.training.adapter import Adapter, AdapterError
    from soar.training.config import TrainingConfig, TrainingError
    from soar.training.lora import train, train_iter
    from soar.training.scoring import reply_losses

__all__ = ["Adapter", "AdapterError", "TrainingConfig", "TrainingError", "reply_losses", "train", "train_iter"]

_HOMES = {
    "Adapter": "adapter",
    "AdapterError": "adapter",
    "TrainingConfig": "config",
    "TrainingError": "config",
    "reply_losses": "scoring",
    "train": "lora",
    "train_iter": "lora",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'soar.training' has no attribute {name!r}")
    return getattr(import_module(f"soar.training.{_HOMES[name]}"), name)
