"""Which weights a training moved, matrix by matrix. Runs in the training process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

MATRICES = "default"  # PEFT's name of the adapter that is trained


class Weights:
    """Weights as they are now, to compare with what becomes of them.

    Args:
        network: with LoRA matrices, or trained as a whole.
    """

    def __init__(self, network: Any) -> None:
        self.start = {name: [one.detach().clone() for one in _factors(layer)] for name, layer in _layers(network)}
        self.whole = {} if self.start else {name: one.detach().clone() for name, one in _matrices(network)}

    @torch.no_grad()
    def moved(self, network: Any) -> dict[str, dict[str, float]]:
        """Return for each matrix ‖ΔW‖/‖W‖, and the share of entries that differ once both are rounded to bf16."""
        from peft.utils.integrations import dequantize_module_weight

        if self.whole:
            return {name: _moved(self.whole[name], one) for name, one in _matrices(network)}
        found = {}
        for name, layer in _layers(network):
            base = dequantize_module_weight(layer.get_base_layer()).float()
            scale = layer.scaling[MATRICES]
            before, after = (base + scale * (b.float() @ a.float()) for a, b in (self.start[name], _factors(layer)))
            found[name] = _moved(before, after)
        return found


def _moved(before: Tensor, after: Tensor) -> dict[str, float]:
    rounded = before.to(torch.bfloat16) != after.to(torch.bfloat16)
    return {"relative": float((after - before).norm() / before.norm()), "rounded": float(rounded.float().mean())}


def _layers(network: Any) -> Iterator[tuple[str, Any]]:
    """Yield the layers with LoRA matrices, under the names that the base model has for them."""
    for name, module in network.named_modules():
        if hasattr(module, "lora_A") and MATRICES in module.lora_A:
            yield name.removeprefix("base_model.model."), module


def _factors(layer: Any) -> tuple[Tensor, Tensor]:
    return layer.lora_A[MATRICES].weight, layer.lora_B[MATRICES].weight


def _matrices(network: Any) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in network.named_parameters():
        if parameter.requires_grad and parameter.dim() > 1:
            yield name.removesuffix(".weight"), parameter
