"""Language models behind one string: `mini` (embedded), `hf:NAME_OR_FOLDER`, `vllm:NAME_OR_FOLDER`."""

from __future__ import annotations

import difflib

from soar.models.base import (
    Capabilities,
    Completion,
    LanguageModel,
    Message,
    ModelError,
    Prompt,
    Reply,
    Sampling,
)

__all__ = [
    "Capabilities",
    "Completion",
    "LanguageModel",
    "Message",
    "ModelError",
    "Prompt",
    "Reply",
    "Sampling",
    "open_model",
]

KINDS = ("mini", "mini:", "hf:", "vllm:")


def open_model(name: str) -> LanguageModel:
    """Return the model that `name` stands for; close it when done.

    Args:
        name: `mini`, the embedded model; `mini:FOLDER`, another one of its kind; `hf:NAME_OR_FOLDER`, through
            transformers; `vllm:NAME_OR_FOLDER`, a vLLM server started for it; `vllm:NAME_OR_FOLDER@http://HOST:PORT`,
            one that runs.

    Raises:
        ModelError: the name has another form, a package is missing, or the model cannot be loaded.
    """
    kind, colon, source = name.partition(":")
    if name == "mini" or (kind == "mini" and source):
        from soar.models.mini import WEIGHTS, MiniModel

        return MiniModel(source or WEIGHTS)
    if kind == "hf" and source:
        from soar.models.transformers import TransformersModel

        return TransformersModel(source)
    if kind == "vllm" and source:
        from soar.models.vllm import VllmModel

        return VllmModel(source)
    near = difflib.get_close_matches(kind + colon, KINDS, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise ModelError(
        f"no model '{name}': give 'mini', 'mini:FOLDER', 'hf:NAME_OR_FOLDER' or 'vllm:NAME_OR_FOLDER'.{hint}"
    )
