"""`vllm:` against a real vLLM server with the shipped weights: `make test-vllm`."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.models import ModelError, Reply, Sampling, open_model
from soar.models.mini import WEIGHTS
from soar.models.transformers import TransformersModel
from soar.models.vllm.model import VllmModel
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.sets import load_tasks
from tests.models.test_vllm_server import wait_until_gone
from tests.models.vllm_support import descendants, needs_vllm, random_adapter

pytestmark = needs_vllm

# The CPU build copies matrices of the highest rank for every token: a low one makes it several times faster.
NAME = f"vllm:{WEIGHTS} --dtype float32 --max-lora-rank 8"
TOLERANCE = 1e-4  # of a reply's log-probability, both in float32; measured: docs/mini.md
TASKS = load_tasks("arc-agi-1/training")
PROMPTS = [load_prompt_set("mini").render(TASKS[id]) for id in ("3c9b0459", "67a3c6ac", "0520fde7")]
GREEDY = Sampling(temperature=0.0, max_tokens=48)


@pytest.fixture(scope="module", autouse=True)
def little_memory() -> Iterator[None]:
    """One GiB is enough for the cache of these weights; by default the CPU build wants nine tenths of the memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        yield


@pytest.fixture(scope="module")
def vllm(little_memory: None) -> Iterator[VllmModel]:
    """The one server of this module."""
    model = open_model(NAME)
    assert isinstance(model, VllmModel) and model.capabilities.adapters
    yield model
    model.close()


@pytest.fixture(scope="module")
def hf() -> Iterator[TransformersModel]:
    model = open_model(f"hf:{WEIGHTS}")
    assert isinstance(model, TransformersModel)
    yield model
    model.close()


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [random_adapter(tmp_path_factory.mktemp("adapter"), seed) for seed in (1, 2)]


def ask(model: soar.models.LanguageModel, prompt: int = 0, n: int = 1, seed: int = 0, **sampling: float) -> Reply:
    return asyncio.run(model.complete(PROMPTS[prompt], n, Sampling(max_tokens=48, **sampling), seed))


def assert_same(vllm: VllmModel, hf: TransformersModel, tolerance: float = TOLERANCE) -> list[str]:
    """Greedy text, tokens and log-probabilities are the same; return the texts."""
    replies = []
    for prompt in PROMPTS:
        ours, theirs = (asyncio.run(model.complete(prompt, 2, GREEDY, 0)) for model in (vllm, hf))
        assert ours.prompt_tokens == theirs.prompt_tokens == vllm.count_tokens([prompt])[0]
        assert len(ours.completions) == 2
        for a, b in zip(ours.completions, theirs.completions, strict=True):
            assert (a.text, a.tokens, a.finish_reason) == (b.text, b.tokens, b.finish_reason)
            assert a.logprob == pytest.approx(b.logprob, abs=tolerance)
        replies.append(ours.completions[0].text)
    return replies


def test_base_and_adapters_in_turn_answer_as_in_transformers(
    vllm: VllmModel, hf: TransformersModel, adapters: list[str]
) -> None:
    base = assert_same(vllm, hf)
    served, texts = [], []
    for adapter in (*adapters, adapters[0]):
        vllm.load_adapter(adapter)
        hf.load_adapter(adapter)
        assert vllm.adapter == hf.adapter == adapter
        served.append(vllm.served)
        texts.append(assert_same(vllm, hf))
        assert [card["id"] for card in vllm.api.cards()] == [vllm.base, vllm.served]  # the one before is unloaded
    assert len(set(served)) == 3 and texts[0] != texts[1] and texts[0] == texts[2] != base
    for model in (vllm, hf):
        model.load_adapter(None)
    assert vllm.adapter is None and assert_same(vllm, hf) == base
    assert [card["id"] for card in vllm.api.cards()] == [vllm.base]


def test_an_adapter_that_changes_nothing_is_refused(vllm: VllmModel, tmp_path: Path) -> None:
    before = ask(vllm, temperature=0.0)
    with pytest.raises(ModelError, match="changes no log-probability"):
        vllm.load_adapter(random_adapter(tmp_path, 0, trained=False))
    with pytest.raises(ModelError, match="no LoRA adapter"):
        vllm.load_adapter(str(tmp_path / "nowhere"))
    assert vllm.adapter is None and ask(vllm, temperature=0.0) == before
    assert [card["id"] for card in vllm.api.cards()] == [vllm.base]


def test_the_seed_decides(vllm: VllmModel) -> None:
    first, again, other = (ask(vllm, n=8, seed=seed) for seed in (1, 1, 2))
    assert len(first.completions) == 8 and len({one.text for one in first.completions}) > 1
    assert first == again != other


def test_a_prompt_that_nearly_fills_the_window_is_answered(vllm: VllmModel) -> None:
    """Its prefill would be cut in pieces, which the CPU build does not survive with a seed."""
    longest = max(
        (prompt for task in TASKS.values() for prompt in [load_prompt_set("mini").render(task)]),
        key=lambda prompt: length if (length := vllm.count_tokens([prompt])[0]) < 2040 else 0,
    )

    async def together() -> list[Reply]:
        return await asyncio.gather(*(vllm.complete(longest, 4, Sampling(max_tokens=64), seed) for seed in range(4)))

    replies = asyncio.run(together())
    assert all(len(reply.completions) == 4 and reply.prompt_tokens > 1900 for reply in replies)
    assert vllm.restarts == 0


def test_attaches_to_a_running_server(vllm: VllmModel, adapters: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="401"):  # another user's request
        open_model(f"vllm:{WEIGHTS}@{vllm.api.url}")
    monkeypatch.setenv("VLLM_API_KEY", vllm.api.key or "")
    with closing(open_model(f"vllm:{WEIGHTS}@{vllm.api.url}/v1")) as guest:
        assert isinstance(guest, VllmModel) and guest.name == f"vllm:{WEIGHTS}" and guest.capabilities.adapters
        assert ask(guest, temperature=0.0) == ask(vllm, temperature=0.0)
        guest.load_adapter(adapters[0])
        assert ask(guest, 1, temperature=0.0) != ask(vllm, 1, temperature=0.0)
    assert [card["id"] for card in vllm.api.cards()] == [vllm.base]


def test_a_server_killed_during_a_search_is_started_again_and_nothing_is_lost(
    vllm: VllmModel, adapters: list[str], tmp_path: Path
) -> None:
    vllm.load_adapter(adapters[0])
    served, killed = vllm.served, threading.Event()
    tasks = TASKS.select(["3c9b0459", "67a3c6ac", "0520fde7", "25ff71a9", "d511f180", "ed36ccf7"])  # short ones
    options: dict[str, Any] = {"samples": 8, "refinements": 8, "seed": 3, "run": tmp_path / "run"}

    def kill() -> None:
        while not completions(tmp_path / "run"):
            time.sleep(0.01)
        assert vllm.server is not None and vllm.server.process is not None
        below = descendants(vllm.server.process.pid)
        os.kill(next(pid for pid, command in below.items() if "EngineCore" in command), signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    results = soar.search(tasks, vllm, **options)
    killer.join()
    assert killed.is_set() and vllm.restarts == 1 and vllm.served != served
    assert results.events["model process restarted"] == 1
    assert completions(tmp_path / "run") == 16 * len(tasks)
    again = soar.search(tasks, vllm, **options)
    assert completions(tmp_path / "run") == 16 * len(tasks)
    assert again.summary == results.summary
    vllm.load_adapter(None)


def completions(run: Path) -> int:
    """How many the archive of a run holds."""
    if not (run / "archive.sqlite").exists():
        return 0
    with closing(sqlite3.connect(f"file:{run / 'archive.sqlite'}?mode=ro", uri=True)) as archive:
        known = archive.execute("SELECT count(*) FROM sqlite_master WHERE name = 'completion'").fetchone()[0]
        found: int = archive.execute("SELECT count(*) FROM completion").fetchone()[0] if known else 0
    return found


def test_a_merged_copy_answers_like_its_adapter_and_nothing_is_left_behind(
    hf: TransformersModel, tmp_path: Path
) -> None:
    adapter = random_adapter(tmp_path / "adapter", 1, rank=3)  # a rank that vLLM has no size for
    hf.load_adapter(adapter)
    model = open_model(f"{NAME} --merge --enforce-eager")  # what is compiled otherwise is not worth it here
    assert isinstance(model, VllmModel)
    model.load_adapter(adapter)
    merged, unmerged = ask(model, temperature=0.0), ask(hf, temperature=0.0)
    hf.load_adapter(None)
    assert merged != ask(hf, temperature=0.0)
    assert merged.completions[0].logprob == pytest.approx(unmerged.completions[0].logprob, abs=0.3)  # rounded to bf16
    assert model.server is not None and model.server.process is not None
    processes = list(descendants(model.server.process.pid))
    assert len(processes) >= 3 and any(tmp_path.glob(".merged-*"))
    model.close()
    wait_until_gone(processes)
    assert not any(tmp_path.glob(".merged-*"))
