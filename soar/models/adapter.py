"""What training returns: a folder with LoRA matrices that knows what it was made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from soar.core.errors import SoarError, expect_path
from soar.core.files import write_whole
from soar.models.spec import ModelSpec, mini_folder

if TYPE_CHECKING:
    pass

RECORD = "soar.json"
MATRICES, WEIGHTS = "adapter_model.safetensors", "model.safetensors"  # LoRA's; those of a whole model


class AdapterError(SoarError):
    """A folder holds no adapter, or one that was made for something else; the message names both."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter in PEFT's format, or the whole weights of a small model, and `soar.json` beside it.

    Attributes:
        path: its folder.
        name: unique by what made it; the same training gives the same name. Archives record it.
        base_model: the model it belongs to, as `open_model` takes it.
        prompt_sets: "name:hash" of the prompt sets whose prompts it was trained on.
        tokenizer: hash of the tokenizer, see `soar.models.tokens.tokenizer_hash`.
        made_of: model, rows (number and hash), options, adapter it went on from.
        figures: loss, tokens, seconds, memory and more, as measured.
    """

    path: Path
    name: str
    base_model: str
    prompt_sets: tuple[str, ...]
    tokenizer: str
    made_of: dict[str, Any]
    figures: dict[str, Any]

    @property
    def full(self) -> bool:
        """Whether it holds whole weights instead of LoRA matrices."""
        return holds_weights(self.path)

    @property
    def prompt_set(self) -> str:
        """The prompt sets, joined."""
        return ", ".join(self.prompt_sets)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the adapter in folder `path`.

        Raises:
            AdapterError: there is none, or it does not come from soar.
        """
        folder = expect_path(path, "the folder of an adapter")
        if not (folder / RECORD).exists():
            found = (folder / MATRICES).exists() or (folder / WEIGHTS).exists()
            why = "was not trained by soar" if found else "holds no finished adapter"
            raise AdapterError(f"{folder} {why}: there is no {RECORD} in it")
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            record["prompt_sets"] = tuple(record["prompt_sets"])
            return cls(path=folder, **record)
        except (ValueError, TypeError, KeyError) as error:
            raise AdapterError(f"{folder / RECORD} is damaged ({error}): put a copy back, or train again") from None

    def save(self) -> None:
        """Write `soar.json`: from then on the adapter is finished."""
        record = {name: value for name, value in asdict(self).items() if name != "path"}
        write_whole(self.path / RECORD, json.dumps(record, indent=1))

    def check(self, model: str, prompt_sets: Iterable[str]) -> None:
        """Check that a search with this model and these prompt sets, "name:hash", is what the adapter was made for.

        Raises:
            AdapterError: the base model differs, or a prompt set that it was not trained on; names both.
        """
        if base_source(model) != base_source(self.base_model):
            raise AdapterError(f"adapter {self.name} was trained on model {self.base_model}, this search uses {model}")
        for wanted in prompt_sets:
            if wanted not in self.prompt_sets:
                raise AdapterError(
                    f"adapter {self.name} was trained on prompts of {self.prompt_set}, this search uses {wanted}: "
                    "search with the set it knows, or train again on rows of this one"
                )


def holds_weights(path: str | Path) -> bool:
    """Tell whether a folder holds whole weights: those take the place of the base model's."""
    return (Path(path) / WEIGHTS).exists()


def adapter_name(path: str | None) -> str | None:
    """Return the name of the adapter in folder `path`; the path itself where it does not come from soar."""
    return Adapter.load(path).name if path is not None and (Path(path) / RECORD).exists() else path


def check_tokenizer(path: str, tokenizer: Any) -> None:
    """Check that the adapter in folder `path` was trained with this tokenizer; one from elsewhere is taken as it is.

    Raises:
        AdapterError: it was another.
    """
    from soar.models.tokens import tokenizer_hash

    if not (Path(path) / RECORD).exists():
        return
    adapter, found = Adapter.load(path), tokenizer_hash(tokenizer)
    if adapter.tokenizer != found:
        raise AdapterError(
            f"adapter {adapter.name} was trained with tokenizer {adapter.tokenizer}, this model's is {found}: "
            f"it belongs to {adapter.base_model}"
        )


def base_source(model: str) -> str:
    """Return the folder or hub name of the weights that `model` stands for.

    Raises:
        AdapterError: it is no model that adapters can be trained for.
    """
    kind, source = ModelSpec.of(model)
    if kind == "mini":
        return mini_folder(source)
    if kind in ("hf", "vllm") and source:
        return source.partition("@http")[0].partition(" --")[0]  # an endpoint, a server's own options
    raise AdapterError(f"no adapter can be trained for {model!r}: give mini, hf:NAME_OR_FOLDER or vllm:NAME_OR_FOLDER")
