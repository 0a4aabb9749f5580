"""An HTTP endpoint that speaks OpenAI's protocol: bounded retries, limits, and a key that is never shown.

Requests run in an event loop and a thread of the endpoint's own, so that one connection pool serves any number of
searches, each in its own loop. What is asked and what a reply means is in `soar.models.openai.completions`.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import httpx2

from soar.core.incidents import record_incident
from soar.models.base import ModelError
from soar.models.openai.addresses import checked_url
from soar.models.openai.clients import checked_key, make_client, proxy_for, without_key
from soar.models.openai.complaints import BUSY, SHOWN, Complaint, complaint_in, complaint_of
from soar.models.openai.pacing import EndpointLimits, Rate, next_pause, retry_after, wait

T = TypeVar("T")
LARGEST_REPLY = 1 << 28  # bytes


class BrokenReplyError(Exception):
    """A reply that cannot be read; the request is sent again."""


class RefusedError(ModelError):
    """The server will not answer this request, however often it is sent; `said` is what it gave as reason."""

    def __init__(self, message: str, said: Complaint) -> None:
        super().__init__(message)
        self.status, self.said = said.status, said


class NoAnswerError(ModelError):
    """The server could not answer, however often it was asked; `status` is its last one, None where it gave none."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


class _Again(Exception):
    """The request should be sent again, after `pause` seconds where the server says so."""

    def __init__(self, reason: str, pause: float | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.pause, self.status, self.busy = pause, status, status == BUSY


class Endpoint:
    """A server's base URL with a key and limits; may be used from any event loop and thread.

    Args:
        url: such as http://localhost:8000/v1.
        key: sent as bearer token; it stands in no error and in no reply.
        limits: see there.
        jitter: draws the pauses between tries.
        key_name: what a user sets to give another key, for errors.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        limits: EndpointLimits | None = None,
        jitter: random.Random | None = None,
        key_name: str = "OPENAI_API_KEY",
    ) -> None:
        self.url = checked_url(url)
        self.limits = limits or EndpointLimits()
        self._key, self.key_name = checked_key(key), key_name
        self._way = f" through {proxy}" if (proxy := proxy_for(self.url)) else ""
        self._jitter = jitter or random.Random()
        self._requests, self._tokens = Rate(self.limits.requests_per_minute), Rate(self.limits.tokens_per_minute)
        self._places = asyncio.Semaphore(self.limits.concurrency or sys.maxsize)
        self._paused_until = 0.0
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    async def post(
        self, path: str, body: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T], tokens: float = 0
    ) -> T:
        """Send `body` and return what `read` makes of the reply; send it again where that may help.

        Args:
            path: below the base URL, such as "chat/completions".
            body: sent as JSON.
            read: raises `BrokenReplyError` where it cannot read a reply.
            tokens: what the request may cost, for the rate limit; `return_tokens` corrects it.

        Raises:
            RefusedError: the server refused the request; says what it said.
            NoAnswerError: it could not answer.
            GivenUpError: it did not, and its answer is not wanted any more.
        """
        work = self._insist("POST", path, body, read, tokens, self.limits.retries)
        return await asyncio.wrap_future(self._submit(work))

    def get(self, path: str, retries: int = 2) -> Mapping[str, Any]:
        """Return what the server says at `path`, such as "models"; waits, and gives up sooner than `post`.

        Raises:
            ModelError: as `post`.
        """
        return self._submit(self._insist("GET", path, None, dict, 0, min(retries, self.limits.retries))).result()

    def return_tokens(self, tokens: float) -> None:
        """Correct the token rate by tokens that were announced and not used."""
        if self._loop is not None and not self._closed:
            self._loop.call_soon_threadsafe(self._tokens.give_back, tokens)

    def close(self) -> None:
        """Drop what is under way, whose callers are cancelled, and end the thread. Idempotent."""
        with self._lock:
            loop, self._loop, self._closed = self._loop, None, True
        if loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._shut_down(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()

    async def _shut_down(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._closed:
                work.close()
                raise ModelError(f"the connection to {self.url} was closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name="soar-endpoint", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _insist(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        read: Callable[[Mapping[str, Any]], T],
        tokens: float,
        retries: int,
    ) -> T:
        """Send until a reply can be read, or the limits say that it is enough."""
        failures = tries = 0
        waited = 0.0
        while True:
            await self._requests.take(1)
            await self._tokens.take(tokens)
            waited += await self._pause()
            try:
                return read(await self._try(method, path, body))
            except BrokenReplyError as error:
                again = _Again(f"a reply that cannot be read: {error}")
            except _Again as error:
                again = error
            self._tokens.give_back(tokens)
            tries, failures = tries + 1, failures + (not again.busy)
            pause = next_pause(again.pause, tries, self.limits.longest_pause, self._jitter)
            if failures > retries or waited + pause > self.limits.patience:
                message = f"{self.url}/{path} could not answer, after {tries} tries: {again}. {HINT}"
                raise NoAnswerError(message, again.status)
            record_incident("request sent again", f"{self.url}/{path}: {again}")
            if again.busy:  # all others would be told the same
                self._paused_until = max(self._paused_until, time.monotonic() + pause)
            else:
                waited += pause
                await wait(pause)

    async def _pause(self) -> float:
        """Wait until the server wants to be asked again; return how long that was, in seconds."""
        begun = time.monotonic()
        while (seconds := self._paused_until - time.monotonic()) > 0:
            await wait(seconds + self._jitter.uniform(0, 0.1))
        return time.monotonic() - begun

    async def _try(self, method: str, path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Send once; return the JSON object that came back."""
        if self._client is None:
            self._client = make_client(
                httpx2.AsyncClient, self.url, self._key, self.limits.timeout, self.limits.concurrency
            )
        try:
            async with (
                self._places,
                asyncio.timeout(self.limits.timeout),
                self._client.stream(method, f"{self.url}/{path}", json=body) as response,
            ):
                text = await self._content(response)
        except TimeoutError:
            raise _Again(f"no whole reply within {self.limits.timeout:g} s") from None
        except httpx2.RequestError as error:
            reason = self._clean(f"{type(error).__name__} {error}".strip() + self._way)
            if "CERTIFICATE_VERIFY_FAILED" in reason:
                raise ModelError(f"{self.url}: {reason}. SSL_CERT_FILE=FILE names certificates to trust") from None
            raise _Again(reason) from None
        if response.status_code >= 300:
            raise self._refusal(complaint_of(response.status_code, text), response, path)
        reply = _json_object(text, self._hint())
        if (complaint := complaint_in(reply)) is not None:
            raise self._refusal(complaint, response, path)
        return reply

    async def _content(self, response: httpx2.Response) -> str:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > LARGEST_REPLY:
                raise _Again(f"a reply of more than {LARGEST_REPLY >> 20} MB")
            parts.append(part)
        return self._clean(b"".join(parts).decode(errors="replace"))

    def _refusal(self, said: Complaint, response: httpx2.Response, path: str) -> Exception:
        """What to make of an error that the server tells."""
        if said.again:
            return _Again(str(said), retry_after(response.headers), said.status)
        meanings = {401: f"the key is missing or wrong ({self.key_name})", 404: "no such model or path"}
        if response.is_redirect:
            meanings[said.status] = f"it has moved to {self._clean(response.headers['Location'])}, give that address"
        hint = self._hint() if said.status in (200, 404, 405) and not said.too_long else ""
        return RefusedError(f"{self.url}/{path}: {meanings.get(said.status, 'refused')}: {said}{hint}", said)

    def _hint(self) -> str:
        """What may be wrong with an address where nobody knows the paths below it."""
        versioned = re.search(r"/v\d", httpx2.URL(self.url).path)
        return "" if versioned else f". Most servers are asked at an address that ends in /v1: try {self.url}/v1"

    def _clean(self, text: str) -> str:
        """Take the key out of what a server says."""
        return without_key(text, self._key)


HINT = "The same command goes on from what is recorded once the server answers again."


def _json_object(text: str, hint: str) -> Mapping[str, Any]:
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError):
        raise _Again(f"no JSON, or half of it: {text[-SHOWN:]!r}{hint}") from None
    if not isinstance(reply, dict):
        raise _Again(f"no JSON object: {text[:SHOWN]!r}{hint}")
    return reply


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()
