"""How likely a model finds replies: the loss of rows, without training on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soar.core.process import available_cores
from soar.models.adapter import Adapter, base_source, holds_weights
from soar.models.worker import Worker
from soar.training.encoding import COLUMNS, check_rows

ROWS_AT_ONCE = 4


def reply_losses(dataset: Any, model: str = "mini", adapter: Adapter | str | Path | None = None) -> list[float | None]:
    """Return the loss of each row: nats, summed over the tokens of its reply and the one that ends it.

    exp(-loss) is the chance that the model, at temperature 1, gives just this reply to the row's prompt. On rows of
    tasks that were not learnt from, its change by a training shows what a search would show, with less noise: a search
    only tells which programs came up. Float32, in a process of its own.

    Args:
        dataset: rows as `soar.hindsight.make_dataset` gives them.
        model: base: `mini`, `mini:FOLDER`, `hf:NAME_OR_FOLDER` or `vllm:NAME_OR_FOLDER`.
        adapter: to be measured; None: the base model.

    Returns:
        A loss for each row, in their order; None for a row that is longer than the model's window.

    Raises:
        TrainingError: a column is missing, or there are no rows.
        AdapterError: there can be no adapters for this model.
        ModelError: the model cannot be loaded.
    """
    check_rows(dataset)
    path = adapter.path if isinstance(adapter, Adapter) else adapter
    arguments = {"source": base_source(model), "adapter": None if path is None else str(path)}
    worker = Worker("soar.training.likelihood:Scorer", arguments, available_cores())
    try:
        losses: list[float | None] = worker.call("losses", dataset.select_columns(list(COLUMNS)).to_list())
        return losses
    finally:
        worker.close()


class Scorer:
    """What runs in the process."""

    def __init__(self, source: str, adapter: str | None) -> None:
        import warnings

        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        from soar.training.network import window_of

        warnings.simplefilter("ignore", FutureWarning)  # what PEFT still calls of transformers
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        self.tokenizer, self.window = AutoTokenizer.from_pretrained(source), window_of(source)
        whole = adapter is not None and holds_weights(adapter)
        network = AutoModelForCausalLM.from_pretrained(adapter if whole else source, dtype=torch.float32)
        if adapter is not None and not whole:
            network = PeftModel.from_pretrained(network, adapter)
        self.network = network.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def losses(self, rows: list[dict[str, Any]]) -> list[float | None]:
        """Return the loss of each row; rows of like length go through the model together."""
        import datasets

        from soar.training.encoding import token_ids

        datasets.disable_progress_bars()
        ids = token_ids(datasets.Dataset.from_list(rows), self.tokenizer).to_list()
        places = [i for i, row in enumerate(ids) if row["length"] <= self.window]
        places.sort(key=lambda i: ids[i]["length"])
        found: list[float | None] = [None] * len(rows)
        for start in range(0, len(places), ROWS_AT_ONCE):
            batch = places[start : start + ROWS_AT_ONCE]
            for i, loss in zip(batch, self._of_batch([ids[i] for i in batch]), strict=True):
                found[i] = loss
        return found

    def _of_batch(self, rows: Sequence[dict[str, Any]]) -> list[float]:
        import torch
        from torch.nn.functional import cross_entropy

        length = max(row["length"] for row in rows)
        ids, labels = torch.zeros(len(rows), length, dtype=torch.long), torch.full((len(rows), length), -100)
        for i, row in enumerate(rows):
            ids[i, : row["length"]] = torch.tensor(row["input_ids"])
            labels[i, : row["length"]] = torch.tensor(row["labels"])
        first = int((labels != -100).int().argmax(1).min())  # where replies begin: logits before are of no use
        with torch.inference_mode():
            # No mask: a row is padded behind its end, where no token of it looks.
            logits = self.network(input_ids=ids.to(self.network.device), logits_to_keep=length - first + 1).logits
            each = cross_entropy(logits[:, :-1].cpu().transpose(1, 2), labels[:, first:], reduction="none")
        return [float(one) for one in each.sum(1)]
