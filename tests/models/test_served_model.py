"""A server of someone else's making: `transformers serve` with the shipped weights, started as a user would."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

import soar
from soar.cli.probing import findings
from soar.models import Sampling
from soar.models.mini import WEIGHTS, MiniModel
from soar.models.openai.model import ModelSettings, OpenAIModel
from soar.models.openai.pacing import EndpointLimits
from soar.prompts.prompt_set import load_prompt_set

pytest.importorskip("fastapi", reason="transformers serve needs what the test extra brings")
TASK = soar.load_tasks("arc-agi-1/training")["9172f3a0"]


def folder_to_serve(folder: Path) -> Path:
    """The weights as a server wants them: the tokenizer adds the first token itself, and tokens are drawn."""
    shutil.copytree(WEIGHTS, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    begin = "<|bos|>"
    special = [(begin, tokenizer.token_to_id(begin))]
    tokenizer.post_processor = TemplateProcessing(single=f"{begin} $A", special_tokens=special)
    tokenizer.save(str(folder / "tokenizer.json"))
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"do_sample": True, "top_k": 0, "top_p": 1.0}))
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAIModel]:
    root = tmp_path_factory.mktemp("served")
    folder = folder_to_serve(root / "mini")
    (root / "hub").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_CACHE": str(root / "hub"), "HF_HUB_OFFLINE": "1"}
    with (root / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, root / "log")
        settings = ModelSettings(limits=EndpointLimits(concurrency=2), dialect={"seed": True}, key_variable="")
        with closing(OpenAIModel(str(folder), f"http://127.0.0.1:{port}/v1", settings)) as model:
            yield model
    finally:
        server.kill()
        server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"no server after two minutes: {log.read_text()}")


def test_the_greedy_program_is_that_of_mini(served: OpenAIModel, mini: MiniModel) -> None:
    prompt = load_prompt_set("mini").render(TASK)
    sampling = Sampling(temperature=0.0, min_p=0.0, max_tokens=48)
    through_server, through_mini = (asyncio.run(model.complete(prompt, 1, sampling, 0)) for model in (served, mini))
    assert through_server.completions[0].text == through_mini.completions[0].text
    assert through_server.prompt_tokens == through_mini.prompt_tokens


def test_a_search_over_it(served: OpenAIModel, tmp_path: Path) -> None:
    options: dict[str, Any] = {"prompt_set": "mini", "samples": 8, "refinements": 4, "max_tokens": 48, "workers": 1}
    options["stop_when_solved"] = 0  # else how many are asked for depends on which reply comes first
    result = soar.search(TASK, served, run=tmp_path, **options)
    assert len(result.attempts) == result.stats.completions == 12
    assert result.stats.parse_failures < 12 and len({one.program for one in result.attempts}) > 1
    assert result.solved  # every cell three times as large: mini knows that
    again = soar.search(TASK, served, run=tmp_path, **options | {"refinements": 8})
    assert len(again.attempts) == 16


def test_the_doctor_sees_what_it_can(served: OpenAIModel) -> None:
    found = {one.name: one.works for one in findings(served, load_prompt_set("mini").render(TASK))}
    assert found == {"answers": True, "n": False, "log-probabilities": False, "seed": True, "min-p": False}
