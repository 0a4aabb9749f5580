"""A real server that speaks OpenAI's protocol and, where its script says so, does not."""

from __future__ import annotations

import email.utils
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.search_support import BODIES

Script = Callable[[Mapping[str, Any], int], str]  # body of a request, how often it has been sent -> what to do
MISDEEDS = (
    "429 seconds", "429 date", "500", "502 html", "half", "half json", "nothing", "empty", "no choices", "null",
    "abort", "stall", "fewer", "more", "no usage",
)  # fmt: skip


def well(body: Mapping[str, Any], times: int) -> str:
    """Always answer as one should."""
    return "well"


def usual_reply(made: list[tuple[int, str]], body: Mapping[str, Any], reason: str) -> dict[str, Any]:
    chat = "messages" in body
    choices = [
        {"index": i, "finish_reason": reason, **({"message": {"content": text}} if chat else {"text": text})}
        for i, (_, text) in enumerate(made)
    ]
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 10 * len(made),
        "prompt_tokens_details": {"cached_tokens": 40},
    }
    return {"choices": choices, "usage": usage}


class Server(ThreadingHTTPServer):
    """Serves on a free port.

    Attributes:
        url: the base URL.
        bodies: of all requests, in the order of their arrival; `headers` likewise.
        delivered: completions that went out in replies that can be read, by their number.
        most: requests under way at once, at most.
        gets: how often it was asked for its models.
        content: what it answers with, instead of completions.
        moved_to: where it says that it is, instead of answering.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, script: Script = well, models: tuple[dict[str, Any], ...] = ({"id": "m"},), port: int = 0
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script, self.models, self.reply = script, models, usual_reply
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.lock = threading.Lock()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.delivered: set[int] = set()
        self.sent: dict[str, int] = {}
        self.serial = self.busy = self.most = self.gets = 0
        self.moved_to: str | None = None
        self.content: bytes | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are none of our business."""

    def texts(self, n: int, echo: str) -> list[tuple[int, str]]:
        """Make completions, each with a number of its own."""
        with self.lock:
            first, self.serial = self.serial, self.serial + n
        numbers = range(first, first + n)
        return [(i, f"```python\ndef transform(grid):\n    return {_body(i)}  # {i}\n```\n{echo}") for i in numbers]


def _body(number: int) -> str:
    return BODIES[number % len(BODIES)].format(k=number % 3)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.server.gets += 1
        if not self.path.startswith("/v1/"):
            self._send_bytes(404, b"404 page not found")
        elif self.server.moved_to is not None:
            self._send(307, {}, {"Location": self.server.moved_to})
        else:
            self._send(200, {"data": list(self.server.models)})

    def do_POST(self) -> None:
        server, body = self.server, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            key = json.dumps(body, sort_keys=True)
            times = server.sent[key] = server.sent.get(key, -1) + 1
            server.bodies.append(body)
            server.headers.append(dict(self.headers))
            server.paths.append(self.path)
            server.times.append(time.monotonic())
            server.busy += 1
            server.most = max(server.most, server.busy)
        try:
            known = self.path.startswith("/v1/")
            self._answer(server.script(body, times) if known else "404", body)
        finally:
            with server.lock:
                server.busy -= 1

    def _answer(self, deed: str, body: Mapping[str, Any]) -> None:
        known = {
            "429 seconds": lambda: self._send(429, {"error": "slow down"}, {"Retry-After": "1"}),
            "429 date": lambda: self._send(
                429, {}, {"Retry-After": email.utils.formatdate(time.time() + 1, usegmt=True)}
            ),
            "500": lambda: self._send(500, {"error": "oops"}),
            "502 html": lambda: self._send_bytes(502, b"<html>Bad Gateway</html>"),
            "404": lambda: self._send_bytes(404, b"404 page not found"),
            "401": lambda: self._send(401, {"error": f"no such key: {self.headers['Authorization']}"}),
            "400": lambda: self._send(400, {"error": "I do not know this field"}),
            "too long": lambda: self._send(400, {"error": "This model's maximum context length is 10 tokens"}),
            "quota": lambda: self._send(429, {"error": {"code": "insufficient_quota"}}),
            "empty": lambda: self._send_bytes(200, b""),
            "moved": lambda: self._send(307, {}, {"Location": self.server.moved_to or ""}),
            "no choices": lambda: self._send(200, {"choices": []}),
            "null": lambda: self._send(200, {"choices": None, "usage": None}),
        }
        if deed in known:
            known[deed]()
        elif deed == "nothing":
            self.close_connection = True
        elif deed == "stall":
            time.sleep(1.5)
            self.close_connection = True
        else:
            self._complete(deed, body)

    def _complete(self, deed: str, body: Mapping[str, Any]) -> None:
        asked = body.get("n", 1)
        count = {"fewer": max(1, asked // 2), "more": asked + 2}.get(deed, asked)
        made = self.server.texts(count, self.headers["Authorization"] or "" if deed == "echo" else "")
        reply = self.server.reply(made, body, "abort" if deed == "abort" else "stop")
        if deed == "no usage":
            del reply["usage"]
        content = json.dumps(reply).encode() if self.server.content is None else self.server.content
        if deed == "half":
            self._send_bytes(200, content[: len(content) // 2], length=len(content))
            self.close_connection = True
        elif deed == "half json":
            self._send_bytes(200, content[: len(content) // 2])
        else:
            if deed != "abort":
                with self.server.lock:
                    self.server.delivered |= {number for number, _ in made[:asked]}
            self._send_bytes(200, content)

    def _send(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), headers)

    def _send_bytes(
        self, status: int, content: bytes, headers: Mapping[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(script: Script = well, **options: Any) -> Iterator[Server]:
    """Serve for a while, from a thread."""
    server = Server(script, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
