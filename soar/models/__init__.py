"""Language models behind one string: `mini` (embedded), `hf:`, `vllm:NAME_OR_FOLDER`, `openai:MODEL[@URL]`."""

from __future__ import annotations

import difflib
from pathlib import Path

from soar.models.base import Capabilities, Completion, LanguageModel, Message, ModelError, Prompt, Reply, Sampling
from soar.models.spec import ModelSpec, mini_folder

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

KINDS = ("mini", "mini:", "hf:", "vllm:", "openai:")


def open_model(name: str, settings: str | Path | None = None) -> LanguageModel:
    """Return the model that `name` stands for; close it when done.

    Args:
        name: `mini`, the embedded model; `mini:novice`, one of its kind that was shown programs of one step only;
            `mini:FOLDER`, another one; `hf:NAME_OR_FOLDER`, through transformers; `vllm:NAME_OR_FOLDER`, a vLLM server
            started for it; `vllm:NAME_OR_FOLDER@http://host:port`, one that runs; `openai:MODEL` or
            `openai:MODEL@http://host:port/v1`, behind an OpenAI-compatible endpoint.
        settings: a TOML file that says more of an endpoint, see `soar.models.openai.model.ModelSettings`.

    Raises:
        ModelError: the name has another form, a package is missing, or the model cannot be loaded or reached.
    """
    kind, source = ModelSpec.of(name)
    if settings is not None and kind != "openai":
        raise ModelError(f"model '{name}' reads no settings file: only openai: does")
    if name == "mini" or (kind == "mini" and source):
        from soar.models.mini import MiniModel

        return MiniModel(mini_folder(source))
    if kind == "hf" and source:
        from soar.models.transformers import TransformersModel

        return TransformersModel(source)
    if kind == "vllm" and source:
        from soar.models.vllm.model import VllmModel

        return VllmModel(source)
    if kind == "openai" and source:
        from soar.models.openai.model import OpenAIModel, load_settings

        return OpenAIModel(source, settings=None if settings is None else load_settings(settings))
    near = difflib.get_close_matches(kind if source is None else f"{kind}:", KINDS, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    known = "'mini', 'mini:novice', 'mini:FOLDER', 'hf:NAME_OR_FOLDER', 'vllm:NAME_OR_FOLDER' or 'openai:MODEL[@URL]'"
    raise ModelError(f"no model '{name}': give {known}.{hint}")
