"""A report's file: one page that holds its data, and files beside it for what is too much for one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from soar.core.errors import SoarError
from soar.core.files import remove, write_whole
from soar.report.packing import compressed

EMBEDDED = 14_000_000  # bytes of packed data in the page itself; what comes later lies beside it
SCRIPTS = (
    "dom", "data", "grids", "charts", "overview", "gallery", "attempt", "attempts", "tree", "task", "loop", "compare",
    "main",
)  # fmt: skip


class ReportError(SoarError):
    """A report cannot be made or written; the message says what to do."""


@dataclass(slots=True)
class Page:
    """Collects a report's data.

    Attributes:
        beside: folder for what is too much for one file; None: everything is held in the page.
        room: bytes of packed data that the page itself may hold.
    """

    beside: Path | None
    room: int = EMBEDDED
    held: dict[int, str] = field(default_factory=dict)
    paged: dict[int, str] = field(default_factory=dict)  # number -> name of a file
    _new: list[Path] = field(default_factory=list)

    def keep(self, data: dict[str, Any]) -> int:
        """Take data that is shown on demand; return its number."""
        number, text = len(self.held) + len(self.paged), compressed(data)
        if self.beside is None or len(text) <= self.room:
            self.room -= len(text)
            self.held[number] = text
            return number
        name = hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
        file = self.beside / f"{name}.js"
        if not file.exists():
            self.beside.mkdir(exist_ok=True)
            self._new.append(file)
            write_whole(file, f'soarPage("{name}","{text}")')
        self.paged[number] = name
        return number

    def html(self, index: dict[str, Any]) -> str:
        """Return the page; `index` is what it shows at once."""
        folder = None if self.beside is None else self.beside.name
        index = index | {"paged": self.paged, "folder": folder}
        data = [f'<script type="text/plain" id="d{number}">{text}</script>' for number, text in self.held.items()]
        script = _script()
        policy = (
            f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
            f"script-src 'sha256-{_digest(script)}' 'self' file:"
        )
        head = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(index["title"])}</title>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{_asset("report.css")}</style>'
            '</head><body><div id="app"><noscript>This report needs JavaScript.</noscript></div>\n'
        )
        packed = f'<script type="text/plain" id="index">{compressed(index)}</script>\n'
        return f"{head}{packed}<script>{script}</script>\n{chr(10).join(data)}\n</body></html>\n"

    def tidy(self) -> None:
        """Remove the files beside the page that it does not use."""
        if self.beside is not None and self.beside.is_dir():
            used = {f"{name}.js" for name in self.paged.values()}
            for file in self.beside.glob("*.js"):
                if file.name not in used:
                    file.unlink()
            if not self.paged:
                self.beside.rmdir()

    def undo(self) -> None:
        """Remove the files that were written for this page."""
        for file in self._new:
            remove(file)
        if self._new and self.beside is not None and not any(self.beside.iterdir()):
            self.beside.rmdir()


@contextmanager
def page_at(target: Path) -> Iterator[Page]:
    """Give the page of a report to be written at `target`; at an error nothing is left that was not there before."""
    page = Page(pages_folder(target))
    try:
        yield page
    except BaseException:
        page.undo()
        raise
    page.tidy()


def pages_folder(target: Path) -> Path:
    """Where the files beside a report lie."""
    return target.with_name(f"{target.stem}-pages")


def check_target(target: Path) -> None:
    """Raise ReportError where a report cannot be written, before anything is read."""
    if target.is_dir():
        raise ReportError(f"{target} is a folder: name a file to write with --output, such as {target / 'report.html'}")
    if target.suffix.lower() not in (".html", ".htm"):
        raise ReportError(f"{target}: a report is a page for a browser, so the file's name must end in .html")
    if not target.parent.is_dir():
        raise ReportError(f"there is no folder {target.parent}: make it, or name another file with --output")


@cache
def _script() -> str:
    """The page's program. It is one function, so that no name of it meets another page's in a notebook."""
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f"(() => {{\n'use strict';\n{parts}\n}})();"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("soar.report") / "assets" / name).read_text(encoding="utf-8")
