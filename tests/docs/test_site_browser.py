"""The site in a real browser: pages open without complaints, search finds, nothing is asked of another server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.report.conftest import browser

__all__ = ["browser"]
pytestmark = pytest.mark.slow
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site, served on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Any]:
    """Opens a page of the site; at the end none may have complained, or asked another server for anything."""
    own = (address, "data:", "blob:")
    complaints: list[str] = []
    contexts = []

    def opened(place: str, **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(own) else complaints.append(sent.url))
        page.on("response", lambda reply: complaints.append(reply.url) if reply.status >= 400 else None)
        page.goto(address + place, wait_until="networkidle")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def keep_picture(page: Any, name: str) -> None:
    """Keep a screenshot, where somebody wants to look at it."""
    if folder := os.environ.get("SOAR_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/site-{name}.png")


@pytest.mark.parametrize("place", ["", "concepts/", "reference/searching/", "guides/parts/", "papers/"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open(place: str, size: str, scheme: Any, open_page: Any) -> None:
    page = open_page(place, viewport=SIZES[size], color_scheme=scheme)
    assert page.locator("article h1").inner_text().strip()
    keep_picture(page, f"{place.strip('/').replace('/', '-') or 'home'}-{size}-{scheme}")
    broken = "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
    assert page.evaluate(broken) == []
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{wide} pixels too wide"


def test_search_finds(open_page: Any) -> None:
    page = open_page("")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search").fill("crossover")
    found = page.get_by_role("option").first
    found.wait_for()
    keep_picture(page, "search")
    found.click()
    page.wait_for_url("**/*h=crossover*")
    assert "crossover" in page.locator("article").inner_text().lower()
