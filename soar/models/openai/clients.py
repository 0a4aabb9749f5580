"""HTTP clients, all made by one function, so that one rule says where requests go and who may read them.

- This machine is asked directly: no proxy sees what goes to localhost, 127.*, ::1 or 0.0.0.0.
- Any other server is asked through the proxy that HTTPS_PROXY or HTTP_PROXY (by the scheme of the server's address) or
  else ALL_PROXY names, unless NO_PROXY names the server.
- Certificates are those of the system, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
- Nothing else is read from the environment, a user's netrc or the system's settings, and redirects are not followed.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.request import getproxies_environment

import httpx2

from soar.core.incidents import record_incident
from soar.models.base import ModelError
from soar.models.openai.addresses import DEFAULT_PORTS, is_loopback

Client = TypeVar("Client", httpx2.Client, httpx2.AsyncClient)
CONNECT_SECONDS = 10.0
SHORTEST_KEY = 16  # characters; shorter ones are placeholders such as EMPTY, and may occur in any text
PROXIES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """A proxy, and the environment variable that names it. Its text shows no user and no password."""

    variable: str
    url: httpx2.URL

    def __str__(self) -> str:
        return f"the proxy {self.url.scheme}://{self.url.netloc.decode()} ({self.variable})"


def make_client(
    kind: type[Client], url: str, key: str | None, timeout: float, connections: int | None = None
) -> Client:
    """Return a client of `kind` for the server at `url`, and for no other.

    Args:
        kind: httpx2.Client or httpx2.AsyncClient.
        url: base URL of the server.
        key: sent as bearer token.
        timeout: seconds for each step of a request.
        connections: at once, and kept; None: as many as are asked for.

    Raises:
        ModelError: a variable names a proxy or certificates that cannot be used; says which.
    """
    chosen = proxy_for(url)
    schemes = {httpx2.URL(url).scheme, chosen.url.scheme if chosen else "http"}
    # Without https nobody is trusted: reading the system's certificates takes 70 ms.
    certificates = _certificates() if "https" in schemes else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proxy = None
    if chosen is not None:
        proxy = httpx2.Proxy(chosen.url, ssl_context=certificates if chosen.url.scheme == "https" else None)
    return kind(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        proxy=proxy,
        verify=certificates,
        trust_env=False,
        follow_redirects=False,
    )


def proxy_for(url: str) -> ProxyChoice | None:
    """Return the proxy that the environment names for a server; None: it is asked directly.

    Raises:
        ModelError: the variable holds no proxy that can be used; its value is not shown.
    """
    server, given = httpx2.URL(url), getproxies_environment()
    if is_loopback(server.host) or _spared(server, given.get("no", "")):
        return None
    name = server.scheme if given.get(server.scheme) else "all"
    if not (value := given.get(name)):
        return None
    variable, past = f"{name.upper()}_PROXY", f"or NO_PROXY={server.host} to ask {url} directly"
    try:
        proxy = httpx2.URL(value if "://" in value else f"http://{value}")
    except httpx2.InvalidURL:
        proxy = httpx2.URL()
    if proxy.scheme not in PROXIES or not proxy.host:
        raise ModelError(f"{variable} names no proxy: set it to one like http://host:3128, {past}")
    if proxy.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ModelError(
            f"{variable} names a SOCKS proxy, which needs one more package: pip install 'httpx2[socks]', {past}"
        )
    return ProxyChoice(variable, proxy)


def checked_key(key: str | None) -> str | None:
    """Return a key without white space around it, None for an empty one.

    Raises:
        ModelError: it cannot be a key; it is not shown.
    """
    key = (key or "").strip()
    if not all("!" <= letter <= "~" for letter in key):
        raise ModelError("the key holds characters that no key has (spaces, line breaks or others): set it anew")
    return key or None


def without_key(text: str, key: str | None) -> str:
    """Return what a server says with the key taken out of it."""
    return text.replace(key, "[key]") if key and len(key) >= SHORTEST_KEY else text


def tell_who_reads(url: str, key: str | None) -> None:
    """Tell, as an event, that others can read what is sent: a proxy, or the network where the key goes unencrypted."""
    server = httpx2.URL(url)
    if server.scheme == "https" or is_loopback(server.host):
        return
    if (chosen := proxy_for(url)) is not None:
        read = "prompts and the key" if key else "prompts"
        record_incident(
            "proxy can read", f"{read}: {url} is asked through {chosen}; NO_PROXY names whom to ask directly"
        )
    if key:
        record_incident("key sent unencrypted", f"{url} is not https")


def _spared(server: httpx2.URL, no_proxy: str) -> bool:
    """Whether NO_PROXY names a server: its host, a domain above it, host:port, an address, a network, or * for all."""
    host, port = server.host.lower().rstrip("."), server.port or DEFAULT_PORTS[server.scheme]
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        name = entry.rpartition("//")[2].removeprefix("*").lstrip(".")
        name = name.removesuffix(f":{port}") if name.count(":") == 1 or "]" in name else name
        if entry == "*" or (name and (host == name or host.endswith(f".{name}") or _within(host, name))):
            return True
    return False


def _within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def _certificates() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not (file or folder):
        return httpx2.create_ssl_context(trust_env=False)
    if folder and not any(Path(part).is_dir() for part in folder.split(os.pathsep)):
        raise ModelError(f"SSL_CERT_DIR is {folder}, and there is no such folder: unset it, or name one")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(file or None, folder or None)
    except OSError as error:  # ssl.SSLError is one
        raise ModelError(f"SSL_CERT_FILE is {file}, and no certificates can be read there: {error}") from None
    return context
