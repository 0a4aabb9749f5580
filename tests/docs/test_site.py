"""The documentation as a site: strict, whole, without anything from elsewhere; its reference has every public name."""

from __future__ import annotations

import inspect
import shutil
import zlib
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import soar
from tests.docs.conftest import ROOT, build

pytestmark = pytest.mark.slow

# What docs/extending.md and docs/guides/parts.md tell people to write parts for.
OPEN_LAYERS = (
    "soar.curriculum.base",
    "soar.evolution.budget",
    "soar.evolution.operators",
    "soar.evolution.rex",
    "soar.evolution.selection",
    "soar.evolution.stopping",
    "soar.hindsight.selection",
    "soar.models.base",
    "soar.programs.scoring",
    "soar.programs.voting",
    "soar.sandbox.executor",
    "soar.training.methods.base",
)
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links to, what it loads, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if given.get(LOADED.get(tag, "")) and given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Each page that was built."""
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


@pytest.fixture(scope="module")
def reference(site: Path) -> set[str]:
    """Names that the built reference has entries for, out of the inventory that other sites link by."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}


def target_of(page: Path, link: str) -> Path:
    """The file that a link from a page leads to."""
    found = (page.parent / unquote(urlsplit(link).path)).resolve() if urlsplit(link).path else page
    return found / "index.html" if found.is_dir() else found


def test_no_link_is_dead(pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "data"):
                continue
            target = target_of(path, link)
            place = unquote(parts.fragment)
            known = target not in pages or not place or place in pages[target].places
            if not target.exists() or not known:
                dead.append(f"{path.name}: {link}")
    assert sum(len(page.links) for page in pages.values()) > 1000
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {link for page in pages.values() for link in page.loaded}
    assert loaded and not [link for link in loaded if urlsplit(link).scheme in ("http", "https")]
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles and not [style for style in styles if "url(http" in style or 'url("http' in style]


def test_every_public_name_has_an_entry(reference: set[str]) -> None:
    assert [name for name in soar.__all__ if f"soar.{name}" not in reference] == []
    curriculum = import_module("soar.curriculum").__all__
    assert [name for name in curriculum if f"soar.curriculum.{name}" not in reference] == []


def public(module: ModuleType) -> list[str]:
    """Classes and functions that a module defines for others."""
    made = {name: one for name, one in vars(module).items() if inspect.isclass(one) or inspect.isfunction(one)}
    own = [name for name, one in made.items() if one.__module__ == module.__name__ and not name.startswith("_")]
    return [f"{module.__name__}.{name}" for name in own]


@pytest.mark.parametrize("layer", OPEN_LAYERS)
def test_layers_that_take_parts_of_ones_own_have_entries(layer: str, reference: set[str]) -> None:
    names = public(import_module(layer))
    assert names
    assert [name for name in names if name not in reference] == []


def test_every_public_name_says_what_it_is() -> None:
    assert [name for name in soar.__all__ if not (getattr(soar, name).__doc__ or "").strip()] == []


def test_every_page_is_in_the_navigation() -> None:
    def names(entry: object) -> list[str]:
        if isinstance(entry, dict):
            return [name for value in entry.values() for name in names(value)]
        return [name for one in entry for name in names(one)] if isinstance(entry, list) else [str(entry)]

    docs = ROOT / "docs"
    written = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    assert sorted(names(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])) == sorted(written)


@pytest.mark.parametrize("fault", ["[gone](nowhere.md)", "[gone](search.md#nowhere)", "[gone][soar.nowhere]"])
def test_a_broken_link_ends_the_build(fault: str, copied: Path, tmp_path: Path) -> None:
    shutil.copytree(copied, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build", ".cache"))
    with (tmp_path / "docs" / "start.md").open("a") as page:
        page.write(f"\n{fault}\n")
    done = build(tmp_path)
    assert done.returncode != 0
    assert "start.md" in done.stdout + done.stderr
