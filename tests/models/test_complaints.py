"""What servers say when they do not answer, in the shapes that real ones use."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import soar
from soar.models import ModelError, Prompt, Reply, Sampling
from soar.models.openai.complaints import complaint_in, complaint_of
from soar.models.openai.completions import Dialect, read_answer, remedy, request
from soar.models.openai.endpoint import BrokenReplyError, RefusedError
from soar.models.openai.model import ModelSettings, OpenAIModel
from soar.models.openai.pacing import EndpointLimits
from soar.models.openai.prices import Prices, dollars
from tests.models.endpoint_support import Server, serving
from tests.models.test_endpoint import KEY, PROMPT
from tests.search_support import TASKS

SETTINGS = ModelSettings(
    limits=EndpointLimits(timeout=5, retries=1, longest_pause=0.1, patience=2), dialect={"n": True}
)
FINE = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
# Replies of status 200 -> is it worth another try, is the prompt too long, which status counts
INSIDE: list[tuple[dict[str, Any], tuple[bool, bool, int]]] = [
    ({"error": {"code": 502, "message": "upstream died"}}, (True, False, 502)),
    ({"error": {"code": "429", "message": "wait"}}, (True, False, 429)),
    ({"error": {"type": "rate_limit_error", "message": "wait"}}, (True, False, 429)),
    ({"error": {"code": 429, "message": "insufficient_quota"}}, (False, False, 429)),
    ({"error": {"code": 402, "message": "no credits"}}, (False, False, 402)),
    ({"error": {"type": "invalid_request_error", "message": "no such field"}}, (False, False, 200)),
    ({"error": {"code": "context_length_exceeded", "message": "shorten it"}}, (False, True, 200)),
    ({"error": {"code": 500, "message": "the request exceeds the available context size"}}, (False, True, 500)),
    ({"error": "model 'm' not found"}, (False, False, 200)),
    ({"error": "the engine is restarting"}, (True, False, 200)),
    ({"error": "Unexpected endpoint or method. (POST /chat/completions)"}, (False, False, 200)),
    ({"object": "error", "message": "The input (9000 tokens) is longer than the model's context length (4096 tokens).",
      "type": "BadRequestError", "code": 400}, (False, True, 400)),
    ({"code": "InvalidParameter", "message": "Range of input length should be [1, 30720]"}, (False, True, 200)),
    ({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}}, (True, False, 200)),
    ({"success": False, "errors": [{"code": 7003, "message": "no route"}]}, (True, False, 200)),
    ({"choices": [{"error": {"code": 403, "message": "moderated"}, "finish_reason": "error"}]}, (False, False, 403)),
]  # fmt: skip
OUTSIDE = [
    (400, "This model's maximum context length is 10 tokens", (False, True)),
    (400, "prompt is too long: 208310 tokens > 200000 maximum", (False, True)),
    (400, "Input exceeds the maximum number of tokens allowed", (False, True)),
    (413, "<html>Request Entity Too Large</html>", (False, True)),
    (500, "the request exceeds the available context size", (False, True)),
    (429, "Too many tokens, please wait before trying again.", (True, False)),
    (429, "insufficient_quota", (False, False)),
    (400, "I do not know this field", (False, False)),
    (503, "loading the model", (True, False)),
    (408, "", (True, False)),
    (307, "context length", (False, False)),
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as one:
        yield one


def ask(server: Server, reply: dict[str, Any] | None = None, n: int = 1, settings: ModelSettings = SETTINGS) -> Reply:
    if reply is not None:
        server.reply = lambda made, body, reason: dict(reply)
    with closing(OpenAIModel("m", server.url, settings)) as model:
        return asyncio.run(model.complete(PROMPT, n, Sampling(max_tokens=8), 0))


@pytest.mark.parametrize(("reply", "expected"), INSIDE)
def test_an_error_in_a_successful_reply_is_understood(
    reply: dict[str, Any], expected: tuple[bool, bool, int], server: Server
) -> None:
    found = complaint_in(reply)
    assert found is not None and (found.again, found.too_long, found.status) == expected
    if expected[1]:
        assert ask(server, reply, 2).completions[0].finish_reason == "length"
    else:
        with pytest.raises(ModelError) as caught:
            ask(server, reply)
        assert found.text[:200] in str(caught.value)
    assert len(server.bodies) > 1 if expected[0] else len(server.bodies) == 1


@pytest.mark.parametrize(("status", "text", "expected"), OUTSIDE)
def test_an_error_with_a_status_is_understood(status: int, text: str, expected: tuple[bool, bool]) -> None:
    found = complaint_of(status, text)
    assert (found.again, found.too_long) == expected


@given(st.sampled_from(["error", "errors", "detail", "message"]), st.sampled_from([None, "", {}, [], False]))
def test_a_field_for_errors_that_is_empty_is_none(field: str, nothing: object) -> None:
    assert complaint_in({**FINE, field: nothing}) is None
    assert complaint_in({"data": [], "message": "success"}) is None
    assert complaint_in({**FINE, "message": "success"}) is None


def test_what_holds_no_completion_is_shown(server: Server) -> None:
    with pytest.raises(ModelError, match=r"no completion in it.*the model is warming up"):
        ask(server, {"choices": None, "warning": "the model is warming up"})
    with pytest.raises(BrokenReplyError, match=r"choices.*x"):
        read_answer({"choices": ["x"]}, PROMPT, 1)


def test_completions_that_came_whole_are_kept(server: Server) -> None:
    def half(made: list[tuple[int, str]], body: Any, reason: str) -> dict[str, Any]:
        choices = [
            {"index": i, "message": {"content": text}, "finish_reason": "stop"} for i, (_, text) in enumerate(made)
        ]
        for choice in choices[1:]:
            choice |= {"finish_reason": "error", "error": {"code": 502, "message": "died"}}
        return {"choices": choices, "usage": {"prompt_tokens": 100, "completion_tokens": 10}}

    server.reply = half
    reply = ask(server, n=4)
    assert [body.get("n", 1) for body in server.bodies] == [4, 1, 1, 1]
    assert len({completion.text for completion in reply.completions}) == 4
    assert reply.prompt_tokens == 400  # it was read for each request


@pytest.mark.parametrize(
    ("given", "kept", "unusual"),
    [
        ("stop", "stop", ()), (None, "stop", ()), ("STOP", "stop", ()), ("eos", "stop", ()), ("end_turn", "stop", ()),
        ("length", "length", ()), ("MAX_TOKENS", "length", ()), ("model_length", "length", ()),
        ("content_filter", "stop", ("content_filter",)), ("tool_calls", "stop", ("tool_calls",)),
    ],
)  # fmt: skip
def test_reasons_to_end_have_many_names(given: str | None, kept: str, unusual: tuple[str, ...]) -> None:
    answer = read_answer({"choices": [{"message": {"content": "x"}, "finish_reason": given}]}, PROMPT, 1)
    assert (answer.completions[0].finish_reason, answer.unusual) == (kept, unusual)


@pytest.mark.parametrize("reason", ["abort", "error", "cancelled", "insufficient_system_resource"])
def test_what_the_server_broke_off_is_no_completion(reason: str) -> None:
    with pytest.raises(BrokenReplyError, match=f"broken off.*{reason}"):
        read_answer({"choices": [{"message": {"content": "x"}, "finish_reason": reason}]}, PROMPT, 1)


def test_an_unusual_end_is_an_event_and_a_refusal_is_kept(server: Server) -> None:
    message = {"content": None, "refusal": "I cannot help with that"}
    reply = {"choices": [{"message": message, "finish_reason": "content_filter"}], "usage": None}
    server.reply = lambda made, body, reason: dict(reply)
    with closing(OpenAIModel("m", server.url, SETTINGS)) as model:
        results = soar.search({"task0": TASKS["task0"]}, model, samples=1, refinements=0, workers=1)
    assert results.events["reply ended in an unusual way"] == 1
    assert ask(server).completions[0].text == "I cannot help with that"


def test_a_field_that_is_refused_is_left_out_as_the_error_says(server: Server) -> None:
    """Each remedy is tried: the field is gone, or has its other name."""
    everything = {
        "n": True,
        "min_p": True,
        "seed": True,
        "logprobs": True,
        "prefill": "continue",
        "neutral": {"top_k": 0},
    }
    rich = Dialect.model_validate(everything)
    prompt = Prompt(({"role": "system", "content": "S"}, *PROMPT.messages), "def")
    remedies: dict[str, dict[str, Any]] = {
        "temperature": {"temperature": False}, "n": {"n": False}, "min_p": {"min_p": False}, "seed": {"seed": False},
        "logprobs": {"logprobs": False}, "max_tokens": {"limit": "max_completion_tokens"}, "top_k": {"neutral": {}},
        "continue_final_message": {"prefill": "assistant"},
    }  # fmt: skip
    _, body = request("m", prompt, 2, Sampling(), 0, rich, {})
    for field, setting in remedies.items():
        said = f'{{"error": {{"message": "Unsupported parameter: \'{field}\' is not supported\\nhere"}}}}'
        hint = remedy(body, said)
        assert field in body and hint is not None and next(iter(setting)) in hint
        assert field not in request("m", prompt, 2, Sampling(), 0, rich.model_copy(update=setting), {})[1]
    assert remedy(body, "I do not know you\nat all, none") is None
    assert "system_role = false" in str(remedy(body, "System role not supported"))
    error = {"error": {"code": 400, "message": "Unsupported value: 'temperature' does not support 1.0"}}
    with pytest.raises(RefusedError, match=r"'temperature' does not support.*temperature = false in \[dialect"):
        ask(server, error)
    with pytest.raises(RefusedError, match="no such model: temperature-1") as caught:
        ask(server, {"error": {"code": 404, "message": "no such model: temperature-1"}})
    assert "[dialect]" not in str(caught.value)
    quiet = SETTINGS.model_copy(update={"dialect": {"temperature": False}})
    ask(server, FINE, settings=quiet)
    assert "temperature" in server.bodies[0] and "temperature" not in server.bodies[-1]


def test_an_address_without_a_version_is_said(server: Server) -> None:
    server.url = server.url.removesuffix("/v1")
    with pytest.raises(RefusedError, match=rf"no such model or path.*ends in /v1: try {server.url}/v1$"):
        ask(server)
    server.url += "/v1"
    server.script = lambda body, times: "404"
    with pytest.raises(RefusedError) as caught:
        ask(server)
    assert "ends in /v1" not in str(caught.value)


def test_bytes_that_are_no_json_and_redirects_end_with_a_message(server: Server) -> None:
    for content, says in (
        (b'\xef\xbb\xbf{"choices": []}', "no JSON, or half of it"),
        (b'data: {"choices": [{"delta": {"content": "x"}}]}\n\ndata: [DONE]\n', "no JSON, or half of it.*DONE"),
        (b"[]", "no JSON object"),
    ):
        server.content = content
        with pytest.raises(ModelError, match=says):
            ask(server)
    server.moved_to = "https://elsewhere.example/v1"
    with pytest.raises(RefusedError, match=r"moved to https://elsewhere.example/v1, give that address: status 307"):
        ask(server)


def test_a_wrong_key_is_called_by_the_variable_that_holds_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", KEY)
    server.script = lambda body, times: "401"
    with pytest.raises(RefusedError, match=r"the key is missing or wrong \(OTHER_KEY\)"):
        ask(server, settings=SETTINGS.model_copy(update={"key_variable": "OTHER_KEY"}))


def test_tokens_read_count_each_request(server: Server) -> None:
    prices = Prices(input=1.0, output=1.0)
    settings = ModelSettings(limits=SETTINGS.limits, prices=prices)
    with closing(OpenAIModel("m", server.url, settings)) as model:
        results = soar.search({"task0": TASKS["task0"]}, model, samples=3, refinements=0, workers=1)
    assert len(server.bodies) == 3 and results.summary.prompt_tokens == 300
    assert results.summary.cost == pytest.approx(3 * 110 / 1e6)
    console = Console(width=200, file=io.StringIO())
    console.print(results)
    assert "300 read, $0.00033" in console.file.getvalue()  # type: ignore[attr-defined]


@given(st.floats(1e-9, 1e6))
def test_dollars_show_what_counts(amount: float) -> None:
    shown = float(dollars(amount).removeprefix("$").replace(",", ""))
    assert shown > 0 and abs(shown - amount) <= max(0.005 if amount >= 0.1 else 0.0, 0.05 * amount) + 1e-12


def test_dollars() -> None:
    amounts = {
        0: "$0.00",
        0.0016: "$0.0016",
        0.00001234: "$0.000012",
        0.1: "$0.10",
        0.999: "$1.00",
        1234.5: "$1,234.50",
    }
    assert {amount: dollars(amount) for amount in amounts} == amounts
