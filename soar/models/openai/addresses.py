"""Addresses of servers: read, checked, and told from the names of models."""

from __future__ import annotations

import ipaddress
import re
import socket

import httpx2

from soar.models.base import ModelError

EXPLICIT = re.compile(r"\s*@\s*(?=https?://)", re.IGNORECASE)  # between a model's name and an address
DEFAULT_PORTS = {"http": 80, "https": 443}
MISTYPED = re.compile(r"(?:([a-z]+)[:;]/{1,3}|(https?)?/{1,3}|(https?)[:;](?=\D))(?=[^/])", re.IGNORECASE)
# What stands where a host should: this machine, numbers, in brackets, anything with a port or /v1, or a domain.
HOST = re.compile(
    r"(?P<host>localhost|\d+(?:\.\d+){3}|\[[\da-f:.]+\]|[\w.-]*(?=:\d)|[\w-]+(?=/v\d)|(?:[\w-]+\.)+[a-z]{2,})"
    r"(?::(?P<port>\d+))?(?P<path>/\S*)?",
    re.IGNORECASE,
)
ENDPOINTS = ("/chat/completions", "/completions")  # a base URL ends before them


def split_name(kind: str, text: str, path: str = "") -> tuple[str, str | None]:
    """Split NAME or NAME@http://host:port into the model's name and its address, None without.

    An @ belongs to the name (@cf/meta/llama, gemma@q4_k_m) unless what follows it looks like an address.

    Args:
        kind: what stands before the name, for the corrected form.
        text: what follows `kind:`.
        path: of a base URL, where none is given.

    Raises:
        ModelError: there is no name, or an address without http:// or https:// stands behind it; offers the right form.
    """
    name, *rest = EXPLICIT.split(text.strip(), maxsplit=1)
    before, at, after = name.rpartition("@")
    if not name or (at and not before and likely_address(after)):
        raise ModelError(f"{kind}: names no model before the address: give {kind}:MODEL@http://host:port{path}")
    if rest:
        return name, rest[0]
    if at and (address := likely_address(after, path)) is not None:
        model = "MODEL" if "@" in before[1:] else before.strip()  # it may hold a password
        raise ModelError(f"an address begins with http:// or https://: did you mean '{kind}:{model}@{address}'?")
    return name, None


def likely_address(text: str, path: str = "") -> str | None:
    """Return the base URL that `text` without a scheme, or with a mistyped one, seems to mean; None: it is no address.

    Args:
        text: such as localhost:11434 or api.example.com/v1.
        path: given to an address that has none.
    """
    scheme, rest = "", text.strip()
    if found := MISTYPED.match(rest):
        scheme, rest = next(filter(None, found.groups()), "").lower(), rest[found.end() :]
    parts = HOST.fullmatch(rest)
    if parts is None:
        return None
    host = parts["host"] or "localhost"
    local = is_loopback(host) or "." not in host or re.fullmatch(r"[\d.]+", host) is not None
    secure = scheme[-1] == "s" if scheme.startswith("ht") else not local and parts["port"] in (None, "443")
    port = f":{parts['port']}" if parts["port"] else ""
    return f"{'https' if secure else 'http'}://{host}{port}{(parts['path'] or '').rstrip('/') or path}"


def checked_url(url: str, origin: str = "") -> str:
    """Return a base URL without the last slash.

    Args:
        url: what was given.
        origin: the environment variable that it comes from, for errors.

    Raises:
        ModelError: no http address, the address of one endpoint, or one that holds what should be kept secret; that
            part is not shown.
    """
    said = f"{origin}: " if origin else ""
    try:
        parsed = httpx2.URL(url.strip())
    except httpx2.InvalidURL:
        raise ModelError(f"{said}no address that can be read; give one like http://localhost:8000/v1") from None
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ModelError(
            f"{said}an address is recorded, so it may hold no user, password or query: give a key in the environment"
        )
    if parsed.scheme not in DEFAULT_PORTS or not parsed.host:
        meant = likely_address(url.rpartition("@")[2])
        raise ModelError(f"{said}no http address: did you mean {meant or 'one like http://localhost:8000/v1'}?")
    found = str(parsed).rstrip("/")
    for endpoint in ENDPOINTS:
        if found.endswith(endpoint):
            raise ModelError(
                f"{said}{found} is one endpoint: give the address before it, {found.removesuffix(endpoint)}"
            )
    return found


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by what it says: localhost, 127.*, ::1, 0.0.0.0; names are not looked up."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _number(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return address is not None and (address.is_loopback or address.is_unspecified)


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host in numbers stands for, also in the short forms that the system takes, such as 127.1."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
