from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.cli.probing import findings, probe
from soar.evolution.config import ConfigError
from soar.evolution.results import load_run
from soar.evolution.stopping import Cost
from soar.models import ModelError, Prompt, Sampling, open_model
from soar.models.openai.model import DIALECTS, ModelSettings, OpenAIModel, load_settings
from soar.models.openai.pacing import EndpointLimits
from soar.models.openai.prices import Prices, known_prices
from tests.models.endpoint_support import MISDEEDS, Server, serving
from tests.models.test_endpoint import KEY, PROMPT
from tests.search_support import TASKS, content

LIMITS = EndpointLimits(timeout=1.0, retries=3, longest_pause=0.5, concurrency=8)
RICH = {"n": True, "seed": True, "min_p": True}
SETTINGS = ModelSettings(limits=LIMITS, dialect=RICH)
SMALL: dict[str, Any] = {"samples": 24, "refinements": 16, "samples_per_request": 6, "workers": 2, "early_stop": 1000}
SMALL["stop_when_solved"] = 0  # an endpoint is asked no further, usually


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def replies(run: Path) -> list[str]:
    """All replies in an archive."""
    rows = content(run)
    return [str(row[12]) for row in rows if len(row) == 16]


def number(reply: str) -> int:
    found = re.search(r"# (\d+)$", reply, re.MULTILINE)
    assert found is not None
    return int(found[1])


def ask(model: OpenAIModel, n: int, prompt: Prompt = PROMPT) -> soar.models.Reply:
    return asyncio.run(model.complete(prompt, n, Sampling(max_tokens=64), 7))


def misbehaving(body: Mapping[str, Any], times: int) -> str:
    """Something else is wrong with each request twice, then it is answered; what is wrong depends on the request."""
    if times >= 2:
        return "well"
    return random.Random(f"{json.dumps(body, sort_keys=True)}{times}").choice((*MISDEEDS, "well"))


@pytest.mark.slow
def test_nothing_is_lost_or_counted_twice_on_a_hostile_server(tmp_path: Path) -> None:
    with serving(misbehaving) as server, closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        results = soar.search(TASKS, model, run=tmp_path, **SMALL)
        got = [number(reply) for reply in replies(tmp_path)]
        assert len(got) == results.summary.completions == 3 * 40
        assert len(set(got)) == len(got)
        assert set(got) <= server.delivered
        assert len(server.delivered) == len(got)  # nor has one that could be read been thrown away
        assert len(server.bodies) > 60  # it did misbehave
    assert results.events["request sent again"] > 20


def test_a_dead_server_ends_the_search_and_the_same_call_goes_on(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"limits": LIMITS.model_copy(update={"retries": 2})})
    with serving() as server:
        address, port = server.url, server.server_port

        def dies(body: Mapping[str, Any], times: int) -> str:
            return "well" if len(server.bodies) <= 12 else "nothing"

        server.script = dies
        gives_up = pytest.raises(ModelError, match=r"could not answer.*same command goes on")
        with closing(OpenAIModel("m", address, settings)) as model, gives_up:
            soar.search(TASKS, model, run=tmp_path, **SMALL)
    recorded = set(map(number, replies(tmp_path)))
    assert recorded
    with serving(port=port) as server:
        server.serial = 10_000
        with closing(OpenAIModel("m", address, settings)) as model:
            results = soar.search(TASKS, model, run=tmp_path, **SMALL)
    got = list(map(number, replies(tmp_path)))
    assert len(got) == len(set(got)) == results.summary.completions == 120
    assert recorded <= set(got)


def test_the_key_is_nowhere(tmp_path: Path) -> None:
    """A server that says the key wherever it can, in replies and errors, and the whole command around it."""
    (tmp_path / "s.toml").write_text("[dialect]\nn = true\n[limits]\nretries = 1\n")
    task = tmp_path / "task.json"
    task.write_text(json.dumps(TASKS["task0"].to_json()))
    with serving(lambda body, times: "echo") as server:
        command = [sys.executable, "-m", "soar", "search", str(task), "--model", f"openai:m@{server.url}"]
        command += ["--model-settings", str(tmp_path / "s.toml"), "--run", str(tmp_path / "run")]
        command += ["--samples", "8", "--refinements", "4"]
        environment = {**os.environ, "OPENAI_API_KEY": KEY, "PYTHONDEVMODE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        server.script = lambda body, times: "401"
        failed = subprocess.run(
            [*command, "--samples", "16"], capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        assert failed.returncode == 2 and "the key is missing or wrong" in failed.stderr and "[key]" in failed.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 5
    said = done.stdout + done.stderr + failed.stdout + failed.stderr
    assert KEY not in said and not any(KEY.encode() in path.read_bytes() for path in files)
    assert any("[key]" in reply for reply in replies(tmp_path / "run"))


def test_what_is_lacking_is_said_once_and_the_search_goes_on(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(OpenAIModel("m", server.url, ModelSettings(limits=LIMITS))) as model:
        assert not (model.capabilities.n or model.capabilities.min_p or model.capabilities.seed)
        soar.search(TASKS["task0"], model, run=tmp_path, samples=6, refinements=4, workers=2)
    said = capsys.readouterr().err
    for words in ("draws tokens without min_p=0.05", "takes no seed", "one completion a request"):
        assert said.count(words) == 1
    assert len(server.bodies) == 10
    assert all(set(body) == {"model", "messages", "temperature", "max_tokens"} for body in server.bodies)
    assert "no min-p" in (tmp_path / "metrics.jsonl").read_text()


def test_a_missing_system_role_is_merged(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in {"sample.j2": "Solve it.", "refine.j2": " Better.", "system.j2": "You are terse."}.items():
        (tmp_path / name).write_text(text)
    settings = SETTINGS.model_copy(update={"dialect": RICH | {"system_role": False}})
    with closing(OpenAIModel("m", server.url, settings)) as model:
        soar.search(TASKS["task0"], model, prompt_set=str(tmp_path), samples=6, refinements=0, workers=2)
    assert server.bodies[0]["messages"] == [{"role": "user", "content": "You are terse.\n\nSolve it."}]
    assert "reads the system message as part" in capsys.readouterr().err


def test_a_missing_prefill_is_refused_before_anything_is_sent(server: Server, tmp_path: Path) -> None:
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        with pytest.raises(ConfigError, match="wants to begin the reply"):
            soar.search(TASKS["task0"], model, prompt_set="golden", run=tmp_path / "run", **SMALL)
        soar.search(TASKS["task0"], model, prompt_set="mini", samples=2, refinements=0)  # raw: the prompt ends with it
    assert server.paths == ["/v1/completions"]
    assert server.bodies[0]["prompt"].startswith("▷") and not (tmp_path / "run").exists()


@pytest.mark.parametrize("deed", ["fewer", "more", "well", "no usage"])
def test_as_many_completions_as_asked_for(server: Server, deed: str) -> None:
    server.script = lambda body, times: deed if body.get("n", 1) > 1 else "well"
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        reply = ask(model, 5)
    assert len({completion.text for completion in reply.completions}) == 5
    seeds = [body["seed"] for body in server.bodies]
    assert len(set(seeds)) == len(seeds) == (4 if deed == "fewer" else 1)


def test_cost_counts_what_is_used(server: Server) -> None:
    settings = SETTINGS.model_copy(update={"prices": Prices(input=1.0, output=10.0, cached=0.5)})
    with closing(OpenAIModel("m", server.url, settings)) as model:
        assert model.capabilities.priced
        assert ask(model, 5).cost == pytest.approx((60 * 1.0 + 40 * 0.5 + 50 * 10.0) / 1e6)
        server.script = lambda body, times: "fewer" if body.get("n", 1) > 1 else "well"
        assert ask(model, 5).cost == pytest.approx((4 * (60 + 20) + (20 + 3 * 10) * 10.0) / 1e6)
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        assert ask(model, 5).cost is None and not model.capabilities.priced


def test_the_worst_case_is_said_before_the_start(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    settings = SETTINGS.model_copy(update={"prices": Prices(input=1.0, output=10.0)})
    with closing(OpenAIModel("m", server.url, settings)) as model:
        soar.search(TASKS, model, samples=8, refinements=8, samples_per_request=4, max_tokens=500, workers=2)
    said = re.search(r"costs at most about \$([\d.]+): 48 completions in 18 requests", capsys.readouterr().err)
    assert said is not None
    spent = len(server.bodies) * 100 + 48 * 10 * 10
    assert float(said[1]) > spent / 1e6 and float(said[1]) >= 48 * 500 * 10 / 1e6


def test_a_prompt_that_the_server_finds_too_long_ends_no_search(server: Server, tmp_path: Path) -> None:
    server.script = lambda body, times: (
        "too long" if "attempt at this task" in body["messages"][0]["content"] else "well"
    )
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        results = soar.search({"task0": TASKS["task0"]}, model, run=tmp_path, **SMALL)
    assert results.summary.completions == 40
    assert results.events["prompt too long for the server"] > 0
    assert sum(attempt.tokens == 0 for attempt in results["task0"].attempts) == 16


@pytest.mark.parametrize(
    ("card", "kind", "window"),
    [
        ({"id": "m", "owned_by": "vllm", "max_model_len": 4096}, "vllm", 4096),
        ({"id": "m", "owned_by": "sglang", "max_model_len": 8192}, "sglang", 8192),
        ({"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx": 512}}, "llamacpp", 512),
        ({"id": "m", "owned_by": "library"}, "ollama", None),
        ({"id": "m", "owned_by": "someone"}, "unknown", None),
    ],
)
def test_servers_are_told_from_their_models(card: dict[str, Any], kind: str, window: int | None) -> None:
    with serving(models=(card,)) as server:
        with closing(open_model(f"openai:m@{server.url}")) as model:
            assert isinstance(model, OpenAIModel)
            assert model.dialect == DIALECTS[kind] and model.capabilities.context_length == window
            assert model.name == f"openai:m@{server.url}" and not model.capabilities.adapters
            with pytest.raises(ModelError, match="cannot load adapters"):
                model.load_adapter("somewhere")
        if kind in ("vllm", "sglang"):
            with pytest.raises(ModelError, match="serves m, not 'other'"):
                open_model(f"openai:other@{server.url}")


def test_names_and_addresses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_model("openai:gpt-5-mini")) as model:  # nothing is sent
        assert model.name == "openai:gpt-5-mini" and model.capabilities.priced and not model.capabilities.min_p
    with closing(open_model(f"openai:@cf/some/model@{server.url}")) as model:
        assert isinstance(model, OpenAIModel) and model.served == "@cf/some/model"
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")
    with closing(open_model("openai:m")) as model:
        assert model.name == f"openai:m@{server.url}"
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ModelError, match="export OPENAI_API_KEY"):
        open_model("openai:gpt-5-mini")
    with pytest.raises(ModelError, match="Did you mean 'openai:'"):
        open_model("opnai:x")


def test_settings_are_checked_and_part_of_the_name(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(
        """key_variable = ""
context_length = 999
[limits]
requests_per_minute = 6000
[dialect]
n = true
[prices]
input = 1
output = 2
[fields]
reasoning_effort = "low"
[fields.chat_template_kwargs]
enable_thinking = false
"""
    )
    with closing(open_model(f"openai:m@{server.url}", file)) as model:
        assert isinstance(model, OpenAIModel)
        assert model.capabilities.context_length == 999 and model.capabilities.n
        assert model.name.endswith(' {"chat_template_kwargs": {"enable_thinking": false}, "reasoning_effort": "low"}')
        ask(model, 2)
    assert server.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}
    assert "Authorization" not in server.headers[0]
    for text, says in {"[limit]\n": "limit", "[dialect]\nnn = true\n": "nn", "x": "settings"}.items():
        file.write_text(text)
        with pytest.raises(ModelError, match=says):
            load_settings(file)
    with pytest.raises(ModelError, match="reads no settings"):
        open_model("mini", file)


def test_thoughts_are_not_taken_for_the_program(tmp_path: Path) -> None:
    def thinking(made: list[tuple[int, str]], body: Mapping[str, Any], reason: str) -> dict[str, Any]:
        thought = "```python\ndef transform(grid):\n    return None\n```"
        message = {"content": "```python\ndef transform(grid):\n    return grid\n```", "reasoning_content": thought}
        return {"choices": [{"message": message, "finish_reason": "stop"} for _ in made], "usage": None}

    with serving() as server, closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        server.reply = thinking
        result = soar.search(TASKS["task0"], model, samples=2, refinements=0, workers=1)
    assert [one.program.source for one in result.attempts if one.program] == [
        "def transform(grid):\n    return grid\n"
    ] * 2


def test_prices_are_found_by_host_and_model() -> None:
    plain, dated = known_prices("api.openai.com", "gpt-5-mini"), known_prices("api.openai.com", "gpt-5-mini-2025-08-07")
    assert plain == dated and plain is not None
    assert known_prices("localhost", "gpt-5-mini") is None and known_prices("api.openai.com", "gpt-99") is None
    assert plain.cost(1_000_000, 1_000_000) == pytest.approx(plain.input + plain.output)


def test_the_doctor_finds_out_what_works(server: Server) -> None:
    def strict(body: Mapping[str, Any], times: int) -> str:
        return "400" if "min_p" in body else "well"

    server.script = strict
    with closing(OpenAIModel("m", server.url, ModelSettings(limits=LIMITS))) as model:
        found = {one.name: one for one in findings(model, PROMPT)}
        assert model.dialect == DIALECTS["unknown"]
        drawn = _text(probe(model))
    assert found["answers"].works and found["n"].works and not found["n"].declared
    assert found["min-p"].works is False and "I do not know this field" in found["min-p"].detail
    assert found["log-probabilities"].works is False and found["seed"].works is False
    assert "[dialect]" in drawn and "n = true" in drawn and KEY not in drawn
    server.script = lambda body, times: "400"
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model, pytest.raises(ModelError, match="does not answer"):
        findings(model, PROMPT)


def _text(drawn: object) -> str:
    from rich.console import Console

    console = Console(width=120, file=io.StringIO())
    console.print(drawn)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_is_of_one_model(server: Server, tmp_path: Path) -> None:
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        soar.search(TASKS["task0"], model, run=tmp_path, samples=2, refinements=0, workers=1)
    assert load_run(tmp_path)["task0"].attempts[0].model == f"openai:m@{server.url}"
    other = SETTINGS.model_copy(update={"fields": {"reasoning_effort": "high"}})
    with closing(OpenAIModel("m", server.url, other)) as model, pytest.raises(ConfigError, match="model was"):
        soar.search(TASKS["task0"], model, run=tmp_path, samples=2, refinements=0, workers=1)


def test_a_limit_in_dollars_is_kept_or_refused(server: Server, tmp_path: Path) -> None:
    one = Prices(input=0.0, output=1000.0)  # a cent a completion
    with closing(OpenAIModel("m", server.url, SETTINGS.model_copy(update={"prices": one}))) as model:
        options = SMALL | {"concurrency": 1, "samples_per_request": 1}
        results = soar.search(TASKS["task0"], model, run=tmp_path / "run", stop=Cost(0.1), **options)
        assert 10 <= len(results.attempts) <= 12 and "of $0.1 allowed" in str(results.stopped)
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model, pytest.raises(ConfigError, match="cannot be kept"):
        soar.search(TASKS["task0"], model, run=tmp_path / "other", stop=Cost(0.1), **SMALL)
    assert not (tmp_path / "other").exists()
