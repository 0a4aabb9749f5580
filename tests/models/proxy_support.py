"""A real HTTP proxy that remembers what it was sent, and a server's certificate."""

from __future__ import annotations

import http.client
import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.models.endpoint_support import Server, serving

VARIABLES = (
    *(f"{name}_proxy" for name in ("http", "https", "all", "no")), "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE",
    "NETRC", "REQUEST_METHOD", "OPENAI_BASE_URL",
)  # fmt: skip
HOST = "gpu-host.test"  # a host that no machine has: only the proxy knows the way
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


class Proxy(ThreadingHTTPServer):
    """Passes everything on to one server, whatever host it is for.

    Attributes:
        url: its address.
        seen: all that it could read of requests: method, target, headers and body.
    """

    daemon_threads = True

    def __init__(self, server: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url, self.target = f"http://127.0.0.1:{self.server_port}", ("127.0.0.1", server.server_port)
        self.seen: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(f"{self.command} {self.path}\n{self.headers}\n{body.decode()}")
        connection = http.client.HTTPConnection(*self.server.target)
        connection.request(self.command, urlsplit(self.path).path, body, dict(self.headers))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        self.send_response(response.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def do_CONNECT(self) -> None:
        self.server.seen.append(f"CONNECT {self.path}\n{self.headers}")
        with socket.create_connection(self.server.target) as there:
            self.send_response(200)
            self.end_headers()
            ways = {self.connection: there, there: self.connection}
            while readable := select.select(list(ways), [], [], 10)[0]:
                for end in readable:
                    data = end.recv(1 << 16)
                    if not data:
                        self.close_connection = True
                        return
                    ways[end].sendall(data)


@contextmanager
def proxying(server: Server) -> Iterator[Proxy]:
    """Run a proxy to `server` for a while, from a thread."""
    proxy = Proxy(server)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


@contextmanager
def serving_securely(folder: Path) -> Iterator[tuple[Server, Path]]:
    """Serve https at 127.0.0.1 and `HOST` with a certificate that nobody trusts yet; return its file too."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    command += ["-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server, certificate


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out of the environment what decides where requests go."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
