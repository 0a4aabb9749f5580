"""Exact match of weights on generated tasks that they were never trained on, by kind and size.

    python experiments/pretraining/measure_mini.py mini
    python experiments/pretraining/measure_mini.py mini:novice --corpus single-step

Greedy decoding; a program counts where it is, text for text, the one that made the task.
"""

from __future__ import annotations

import json
from typing import Annotated

import torch
import typer
from mini_evaluation import exact_match
from sources import SOURCES, CorpusName
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from soar.models.adapter import base_source


def main(
    model: Annotated[str, typer.Argument(help="mini, mini:novice or mini:FOLDER.")],
    corpus: Annotated[CorpusName, typer.Option(help="What the tasks are drawn from.")] = CorpusName.everything,
    tasks: Annotated[int, typer.Option(help="How many, half of them with sides up to 30.")] = 400,
    families: Annotated[bool, typer.Option(help="Print the share of each family as well.")] = False,
) -> None:
    """Print the shares."""
    folder = base_source(model)
    network = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found = exact_match(network, PreTrainedTokenizerFast.from_pretrained(folder), SOURCES[corpus], tasks)
    if not families:
        del found["families"]
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    typer.run(main)
