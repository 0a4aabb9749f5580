from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.models.base import Message, ModelError, Prompt, Sampling
from soar.models.openai.addresses import checked_url
from soar.models.openai.completions import Dialect, _shares, estimated_tokens, read_answer, request
from soar.models.openai.endpoint import Endpoint, RefusedError
from soar.models.openai.pacing import EndpointLimits, Rate, next_pause, retry_after
from tests.models.endpoint_support import Server, serving

KEY = "sk-0123456789-very-secret"
QUICK = EndpointLimits(timeout=0.5, retries=3, longest_pause=0.5)
PROMPT = Prompt(({"role": "user", "content": "Hello"},))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


async def ask(endpoint: Endpoint, n: int = 2) -> int:
    path, body = request("m", PROMPT, n, Sampling(), 0, Dialect(n=True), {})
    return len((await endpoint.post(path, body, lambda reply: read_answer(reply, PROMPT, n))).completions)


@pytest.mark.parametrize(
    "deed", ["500", "502 html", "half", "half json", "nothing", "empty", "no choices", "null", "abort"]
)
def test_what_may_pass_is_sent_again(deed: str) -> None:
    with serving(lambda body, times: deed if times < 2 else "well") as server:
        with closing(Endpoint(server.url, limits=QUICK)) as endpoint:
            assert asyncio.run(ask(endpoint)) == 2
        assert len(server.bodies) == 3


@pytest.mark.parametrize("deed", ["429 seconds", "429 date"])
def test_the_server_is_asked_again_when_it_says(deed: str) -> None:
    with serving(lambda body, times: deed if times == 0 else "well") as server:
        with closing(Endpoint(server.url, limits=QUICK)) as endpoint:
            assert asyncio.run(ask(endpoint)) == 2
        first, second = server.times
        assert (0.4 if deed == "429 date" else 1.0) <= second - first < 20  # dates are whole seconds


def test_what_does_not_pass_ends_in_bounded_time() -> None:
    with serving(lambda body, times: "stall") as server, closing(Endpoint(server.url, limits=QUICK)) as endpoint:
        started = time.monotonic()
        with pytest.raises(ModelError, match=r"after 4 tries: no whole reply within 0.5 s.*same command goes on"):
            asyncio.run(ask(endpoint))
        assert time.monotonic() - started < 60
        assert len(server.bodies) == 4


def test_a_server_that_is_always_busy_is_given_up() -> None:
    limits = QUICK.model_copy(update={"patience": 2.0})
    with serving(lambda body, times: "429 seconds") as server, closing(Endpoint(server.url, limits=limits)) as endpoint:
        with pytest.raises(ModelError, match="slow down"):
            asyncio.run(ask(endpoint))
        assert len(server.bodies) in (1, 2)


@pytest.mark.parametrize(
    ("deed", "says"), [("400", "this field"), ("401", "key is missing or wrong"), ("quota", "quota")]
)
def test_what_is_refused_is_not_sent_again(deed: str, says: str) -> None:
    with serving(lambda body, times: deed) as server, closing(Endpoint(server.url, KEY, QUICK)) as endpoint:
        with pytest.raises(RefusedError, match=says) as caught:
            asyncio.run(ask(endpoint))
        assert len(server.bodies) == 1
        assert KEY not in str(caught.value) + str(caught.value.said) + repr(caught.value) + repr(endpoint)
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_nobody_there() -> None:
    nobody = Endpoint("http://127.0.0.1:9/v1", limits=QUICK)
    with closing(nobody), pytest.raises(ModelError, match="after 3 tries: ConnectError"):
        nobody.get("models")


def test_the_key_is_in_no_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.script = lambda body, times: "401"
    endpoint = Endpoint(server.url, KEY, QUICK)
    with caplog.at_level(logging.DEBUG), closing(endpoint), pytest.raises(ModelError):
        asyncio.run(ask(endpoint))
    assert "127.0.0.1" in caplog.text and KEY not in caplog.text
    assert not any(KEY in str(vars(record)) for record in caplog.records)


def test_a_placeholder_for_a_key_leaves_replies_alone(server: Server) -> None:
    with closing(Endpoint(server.url, "transform", QUICK)) as endpoint:
        path, body = request("m", PROMPT, 1, Sampling(), 0, Dialect(), {})
        answer = asyncio.run(endpoint.post(path, body, lambda reply: read_answer(reply, PROMPT, 1)))
    assert "def transform(" in answer.completions[0].text


@pytest.mark.parametrize("key", ["two words", "one\nline", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ModelError) as caught:
        Endpoint("http://localhost/v1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://u:geheim@h/v1", "http://h/v1?key=geheim", "ftp://h", "localhost:8000/v1", "http://a:geheim"]
)
def test_an_address_may_hold_no_secret(url: str) -> None:
    with pytest.raises(ModelError) as caught:
        checked_url(url)
    assert "geheim" not in str(caught.value)


def test_one_endpoint_serves_loops_one_after_another_and_at_once(server: Server) -> None:
    with closing(Endpoint(server.url, limits=QUICK)) as endpoint:
        assert [asyncio.run(ask(endpoint)) for _ in range(3)] == [2, 2, 2]
        counts: list[int] = []
        threads = [threading.Thread(target=lambda: counts.append(asyncio.run(ask(endpoint)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [2, 2, 2, 2]
    endpoint.close()
    with pytest.raises(ModelError, match="closed"):
        asyncio.run(ask(endpoint))


def test_no_more_requests_at_once_than_allowed() -> None:
    def slowly(body: Mapping[str, Any], times: int) -> str:
        time.sleep(0.05)
        return "well"

    async def many(endpoint: Endpoint) -> list[int]:
        return await asyncio.gather(*(ask(endpoint) for _ in range(12)))

    with serving(slowly) as server:
        limits = QUICK.model_copy(update={"concurrency": 3})
        with closing(Endpoint(server.url, limits=limits)) as endpoint:
            assert asyncio.run(many(endpoint)) == [2] * 12
        assert server.most == 3


def test_a_cancelled_request_is_dropped() -> None:
    async def impatient(endpoint: Endpoint) -> None:
        async with asyncio.timeout(0.2):
            await ask(endpoint)

    limits = QUICK.model_copy(update={"concurrency": 1, "timeout": 60.0})
    with (
        serving(lambda body, times: "stall" if times == 0 else "well") as server,
        closing(Endpoint(server.url, limits=limits)) as endpoint,
    ):
        with pytest.raises(TimeoutError):
            asyncio.run(impatient(endpoint))
        assert asyncio.run(ask(endpoint)) == 2  # the place is free again
        assert len(server.bodies) == 2


def test_rates_are_kept() -> None:
    async def several() -> float:
        rate, started = Rate(600), time.monotonic()
        await asyncio.gather(*(rate.take(1) for _ in range(6)))
        return time.monotonic() - started

    assert 0.5 <= asyncio.run(several()) < 0.9

    async def returned() -> float:
        rate, started = Rate(600), time.monotonic()
        await rate.take(1000)
        rate.give_back(999)
        await rate.take(1)
        return time.monotonic() - started

    assert asyncio.run(returned()) < 0.3


@given(st.one_of(st.none(), st.floats(0, 100)), st.integers(1, 10**6), st.integers())
def test_pauses_are_bounded_and_honour_what_is_asked(asked: float | None, tries: int, seed: int) -> None:
    pause = next_pause(asked, tries, 30, random.Random(seed))
    assert (0.25 <= pause <= 30) if asked is None else max(0.5, asked) <= pause <= 1.1 * max(0.5, asked)


def test_retry_after() -> None:
    assert retry_after({}) is None
    assert retry_after({"Retry-After": "1.5"}) == 1.5
    assert retry_after({"Retry-After": "-3"}) == 0
    assert retry_after({"Retry-After": "soon"}) is None
    then, now = email.utils.formatdate(1000.0, usegmt=True), email.utils.formatdate(990.0, usegmt=True)
    assert retry_after({"Retry-After": then, "Date": now}) == 10
    assert retry_after({"Retry-After": then}) == 0


def test_only_known_fields_are_sent() -> None:
    sampling = Sampling(1.0, 0.05, 64)
    _, body = request("m", PROMPT, 1, sampling, 5, Dialect(), {})
    assert body == {
        "model": "m",
        "temperature": 1.0,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 64,
    }
    rich = Dialect(n=True, min_p=True, seed=True, logprobs=True, limit="max_completion_tokens", neutral={"top_p": 1.0})
    _, body = request(
        "m", PROMPT, 4, sampling, 5, rich, {"chat_template_kwargs": {"enable_thinking": False}, "model": "x"}
    )
    assert body == {
        "model": "m", "temperature": 1.0, "messages": [{"role": "user", "content": "Hello"}], "n": 4, "min_p": 0.05,
        "seed": 5, "logprobs": True, "max_completion_tokens": 64, "top_p": 1.0,
        "chat_template_kwargs": {"enable_thinking": False},
    }  # fmt: skip


def test_raw_prompts_go_to_completions_and_prefills_as_the_server_wants_them() -> None:
    system: Message = {"role": "system", "content": "S"}
    prompt = Prompt((system, *PROMPT.messages), "def", raw=True)
    path, body = request("m", prompt, 1, Sampling(), 0, Dialect(), {})
    assert (path, body["prompt"]) == ("completions", "SHellodef")
    with pytest.raises(ModelError, match="chats only"):
        request("m", prompt, 1, Sampling(), 0, Dialect(completions=False), {})
    begun = Prompt(PROMPT.messages, "def")
    path, body = request("m", begun, 1, Sampling(), 0, Dialect(prefill="continue"), {})
    assert path == "chat/completions" and body["messages"][-1] == {"role": "assistant", "content": "def"}
    assert body["continue_final_message"] is True and body["add_generation_prompt"] is False
    assert "continue_final_message" not in request("m", begun, 1, Sampling(), 0, Dialect(prefill="assistant"), {})[1]
    with pytest.raises(ModelError, match="begin its reply"):
        request("m", begun, 1, Sampling(), 0, Dialect(), {})


def test_replies_are_read() -> None:
    chat = {
        "choices": [
            {"index": 1, "message": {"content": "b" * 30}, "finish_reason": "length"},
            {"index": 0, "message": {"content": "a" * 10, "reasoning_content": "hm"}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 3}},
    }
    answer = read_answer(chat, PROMPT, 2)
    assert [one.text for one in answer.completions] == ["<think>\nhm\n</think>\n" + "a" * 10, "b" * 30]
    assert [one.finish_reason for one in answer.completions] == ["stop", "length"]
    assert sum(one.tokens for one in answer.completions) == 20
    assert (answer.usage.prompt, answer.usage.cached, answer.usage.estimated) == (7, 3, False)
    assert len(read_answer(chat, PROMPT, 1).completions) == 1
    token = {"token": "x", "logprob": -0.5}
    priced = {
        "choices": [{"message": {"content": "xx"}, "finish_reason": "stop", "logprobs": {"content": [token] * 2}}]
    }
    answer = read_answer(priced, PROMPT, 1)
    assert answer.completions[0].logprob == -1.0 and answer.completions[0].tokens == 2 and answer.usage.estimated
    raw = {"choices": [{"text": "xx", "finish_reason": None, "logprobs": {"token_logprobs": [-1, -2], "tokens": []}}]}
    assert read_answer(raw, PROMPT, 1).completions[0].logprob == -3.0
    silent = {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}
    assert read_answer(silent, PROMPT, 1).completions[0].text == ""


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**5), min_size=1, max_size=20))
@settings(max_examples=50)
def test_shares_add_up(total: int, lengths: list[int]) -> None:
    shares = _shares(total, lengths)
    assert sum(shares) == total and len(shares) == len(lengths) and min(shares) >= 0


def test_tokens_are_estimated_as_tokenizers_split() -> None:
    assert estimated_tokens("0 1 2\n3 4 5\n") == 12
    assert estimated_tokens("①②③") == 3
    assert estimated_tokens("def transform(grid):") in range(5, 8)
    assert estimated_tokens("") == 1
