"""Where requests and keys go, whatever the environment says: real servers, a real proxy, real certificates."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import soar
from soar.models import ModelError, Sampling, open_model
from soar.models.openai.addresses import is_loopback
from soar.models.openai.clients import make_client, proxy_for
from soar.models.openai.completions import Dialect, read_answer, request
from soar.models.openai.endpoint import Endpoint
from soar.models.openai.model import ModelSettings, OpenAIModel
from soar.models.openai.pacing import EndpointLimits
from soar.models.vllm.api import Api
from tests.models.endpoint_support import Server, serving
from tests.models.proxy_support import HOST, Proxy, clear_environment, needs_openssl, proxying, serving_securely
from tests.models.test_endpoint import KEY, PROMPT
from tests.search_support import TASKS

QUICK = EndpointLimits(timeout=5, retries=1, longest_pause=0.1)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_environment(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxying(server) as one:
        yield one


def ask(url: str) -> int:
    """Ask as `openai:` does."""
    path, body = request("m", PROMPT, 1, Sampling(), 0, Dialect(), {})
    with closing(Endpoint(url, KEY, QUICK)) as endpoint:
        answer = asyncio.run(endpoint.post(path, body, lambda reply: read_answer(reply, PROMPT, 1)))
    return len(answer.completions)


def ask_vllm(url: str) -> int:
    """Ask as `vllm:` does for what is no completion."""
    return len(Api(url.removesuffix("/v1"), KEY).cards())


both = pytest.mark.parametrize("asked", [ask, ask_vllm])


@both
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "127.1", "[::ffff:127.0.0.1]"])
def test_this_machine_is_asked_past_any_proxy(
    asked: object, variable: str, host: str, server: Server, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    assert callable(asked) and asked(f"http://{host}:{server.server_port}/v1") == 1
    assert proxy.seen == []


def test_a_search_on_this_machine_shows_a_proxy_nothing(
    server: Server, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    with closing(open_model(f"openai:m@{server.url}")) as model:
        soar.search(TASKS["task0"], model, samples=2, refinements=2, workers=1)
    assert len(server.bodies) == 4 and server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert proxy.seen == []


@both
def test_another_server_is_asked_through_the_proxy_unless_no_proxy_names_it(
    asked: object, server: Server, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://{HOST}:{server.server_port}/v1"
    monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))  # curl takes it without a scheme, too
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")  # not asked, and no reason to fail
    assert callable(asked) and asked(url) == 1
    assert proxy.seen and all(HOST in request and KEY in request for request in proxy.seen)
    seen = len(proxy.seen)
    monkeypatch.setenv("NO_PROXY", HOST)
    with pytest.raises(ModelError):  # nobody but the proxy knows such a host
        asked(url)
    assert len(proxy.seen) == seen


def test_who_can_read_is_told_without_passwords(
    server: Server, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:geheim@"))
    with caplog.at_level(logging.DEBUG), closing(open_model(f"openai:m@http://{HOST}:{server.server_port}/v1")):
        pass
    told = [str(vars(record)["detail"]) for record in caplog.records if hasattr(record, "kind")]
    assert told[0].startswith("prompts and the key: ") and f"through the proxy {proxy.url} (HTTP_PROXY)" in told[0]
    assert "is not https" in told[1] and "geheim" not in caplog.text
    assert "Proxy-Authorization" in proxy.seen[0]


@pytest.mark.parametrize("value", ["http://geheim:x y:z/", "ftp://geheim:80", "http://", "socks5://u:geheim@h:1080"])
def test_a_proxy_that_cannot_be_used_is_named_and_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    for make in (lambda: open_model(f"openai:m@http://{HOST}:1/v1"), lambda: Api(f"http://{HOST}:1", None).cards()):
        with pytest.raises(ModelError, match=rf"^ALL_PROXY names .*NO_PROXY={HOST}") as caught:
            make()
        assert "geheim" not in str(caught.value)


def test_a_dead_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:geheim@127.0.0.1:9")
    for asked in (ask, ask_vllm):
        with pytest.raises(ModelError, match=r"through the proxy http://127.0.0.1:9 \(HTTP_PROXY\)") as caught:
            asked(f"http://{HOST}:1/v1")
        assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("no_proxy", "spared"),
    [
        ("*", True), ("other,*", True), ("a.example.com", True), ("example.com", True), (".example.com", True),
        ("*.example.com", True), ("x example.com y", True), ("EXAMPLE.com:8000", True), ("http://a.example.com", True),
        ("example.com:80", False), ("ple.com", False), ("", False), ("10.0.0.0/8", False), ("b.a.example.com", False),
    ],
)  # fmt: skip
def test_no_proxy_names_hosts_domains_and_ports(no_proxy: str, spared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for("https://a.example.com:8000/v1") is None) is spared


@given(st.ip_addresses(), st.integers(0, 32))
def test_no_proxy_names_networks(address: object, bits: int) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    with pytest.MonkeyPatch.context() as patch:
        clear_environment(patch)
        patch.setenv("ALL_PROXY", "http://proxy:3128")
        for listed in (f"{address}/{bits}", f"{host}:8000", str(address)):
            patch.setenv("NO_PROXY", listed)
            assert proxy_for(f"http://{host}:8000") is None
        patch.setenv("NO_PROXY", "example.com")
        assert (proxy_for(f"http://{host}:8000") is None) is is_loopback(host)


def test_nothing_else_in_the_environment_is_read(
    server: Server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password geheim\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")  # no https, no certificates
    assert ask(server.url) == ask_vllm(server.url) == 1
    assert [headers["Authorization"] for headers in server.headers] == [f"Bearer {KEY}"]
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("REQUEST_METHOD", "GET")  # a CGI script, where HTTP_PROXY is what a client says
    assert proxy_for(f"http://{HOST}/v1") is None


@both
def test_redirects_are_not_followed(asked: object, server: Server) -> None:
    """To another host the key would go along."""
    with serving(lambda body, times: "moved") as moved:
        moved.moved_to = server.url
        with pytest.raises(ModelError, match="307"):
            assert callable(asked) and asked(moved.url)
    assert server.gets == 0 and server.bodies == []


@needs_openssl
def test_certificates_are_the_systems_or_those_that_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    with serving_securely(tmp_path) as (server, certificate):
        url = server.url.replace("http:", "https:")
        for asked in (ask, ask_vllm):
            with pytest.raises(ModelError, match="CERTIFICATE_VERIFY_FAILED"):
                asked(url)
        with pytest.raises(ModelError, match="SSL_CERT_FILE=FILE names certificates to trust"):
            ask(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ask(url) == ask_vllm(url) == 1
        assert not (tmp_path / "keys.log").exists()
    for name, value in (("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_FILE", __file__), ("SSL_CERT_DIR", "/nowhere")):
        clear_environment(monkeypatch)
        monkeypatch.setenv(name, value)
        with pytest.raises(ModelError, match=f"^{name} is {value}"):
            make_client(httpx2.Client, "https://127.0.0.1:1/v1", None, 1)


@needs_openssl
def test_through_a_proxy_https_shows_the_host_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_securely(tmp_path) as (server, certificate), proxying(server) as proxy:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        address = f"https://{HOST}:{server.server_port}/v1"
        with closing(OpenAIModel("m", address, ModelSettings(limits=QUICK))) as model:
            reply = asyncio.run(model.complete(PROMPT, 1, Sampling(max_tokens=8), 0))
        assert ask_vllm(address) == len(reply.completions) == 1
        assert proxy.seen and all(one.startswith(f"CONNECT {urlsplit(address).netloc}") for one in proxy.seen)
        assert KEY not in "".join(proxy.seen) and server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_what_is_no_vllm_is_told_in_a_line(server: Server) -> None:
    api = Api(server.url.removesuffix("/v1"), KEY)
    with pytest.raises(ModelError, match="is not vLLM: ask it as openai:"):
        api.base_model("m")
    server.script = lambda body, times: "echo"
    with pytest.raises(ModelError, match="status 404"):
        api.loads_adapters()
    server.models = ()
    with pytest.raises(ModelError, match="serves no model"):
        api.base_model("m")


def test_vllm_is_asked_with_key_body_and_rank(server: Server) -> None:
    api = Api(server.url.removesuffix("/v1"), KEY)
    api.load("name", "/a/folder")
    api.ask("/v1/completions", {"prompt": [1, 2]}, rank=3)
    assert server.paths == ["/v1/load_lora_adapter", "/v1/completions"]
    assert server.bodies == [{"lora_name": "name", "lora_path": "/a/folder"}, {"prompt": [1, 2]}]
    assert server.headers[1]["X-data-parallel-rank"] == "3" and "X-data-parallel-rank" not in server.headers[0]
    assert all(headers["Content-Type"] == "application/json" for headers in server.headers)
    server.script = lambda body, times: "401"
    with pytest.raises(ModelError, match=r"status 401.*\[key\]") as caught:
        api.load("name", "/a/folder")
    assert KEY not in str(caught.value)
