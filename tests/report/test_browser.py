"""Reports in a real browser, from disk: every page opens, what is hostile stays text, filters and keys work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.report.page import Page, pages_folder
from tests.report.support import HOSTILE, LINE
from tests.search_support import TASKS

Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Opens a report at a place in it; at the end no page may have complained."""
    complaints: list[str] = []
    contexts = []

    def opened(file: Path, place: str = "", **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith("file:") else complaints.append(sent.url))
        page.goto(f"{file.as_uri()}{place}")
        page.wait_for_selector("main")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def go(page: Any, place: str) -> None:
    """Another place of the same report, once it is shown."""
    page.evaluate("document.querySelector('main').dataset.old = '1'")
    page.evaluate("place => { location.hash = place; }", place)
    page.wait_for_selector("main:not([data-old])")


def keep_picture(page: Any, name: str) -> None:
    """Keep a screenshot, where somebody wants to look at it."""
    if folder := os.environ.get("SOAR_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name.replace('#', '')}.png", full_page=True)


@pytest.mark.parametrize("name", ["plain", "hostile", "sizes", "begun", "loop", "both"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_opens_on_a_desk_and_a_phone(name: str, theme: Any, pages: dict[str, Path], open_page: Open) -> None:
    for size in ({"width": 1280, "height": 900}, {"width": 390, "height": 844}):
        page = open_page(pages[name], viewport=size, color_scheme=theme)
        places = page.evaluate("[...document.querySelectorAll('header nav a')].map(one => one.getAttribute('href'))")
        assert len(places) >= 2
        for place in [*places, "#/s0/t0", "#/s0/t1", "#/s0/t99", "#/nonsense"]:
            go(page, place)
            assert page.locator("main").inner_text().strip()
            page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
            keep_picture(page, f"{name}-{theme}-{size['width']}{place.replace('/', '-')}")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} {place} is {wide} pixels too wide at {size}"


def test_what_is_hostile_stays_text(pages: dict[str, Path], open_page: Open) -> None:
    page = open_page(pages["hostile"], "#/s0/tasks")
    titles = page.locator(".gallery strong").all_inner_texts()
    assert titles[0] == HOSTILE[0] and titles[1] == HOSTILE[1] and titles[2] == HOSTILE[2]
    assert titles[3].startswith("⟨U+202E⟩right to left⟨U+202C⟩") and "\u202e" not in titles[3]
    for number in range(5):
        for attempt in range(12):
            go(page, f"#/s0/t{number}/a{attempt}")
            page.locator("summary", has_text="Reply, whole").click()
            page.locator("summary", has_text="Prompt").click()
    assert page.evaluate("globalThis.broken") is None
    assert page.locator("main img, main script, main iframe").count() == 0
    assert page.evaluate("/[\\u202e\\u2066\\u200b]/.test(document.body.innerText)") is False


def test_a_line_of_a_million_letters_is_shown_whole_on_demand(pages: dict[str, Path], open_page: Open) -> None:
    page = open_page(pages["hostile"], "#/s0/t0")
    page.get_by_label("Show").select_option("none")
    page.locator("table.attempts a").first.click()
    reply = page.locator("pre[aria-label=reply]")
    reply.wait_for()
    assert reply.evaluate("one => one.textContent.length") < LINE / 10
    page.get_by_role("button", name="Show all").click()
    assert reply.evaluate("one => one.textContent.length") > LINE


def test_filters_show_what_they_say(pages: dict[str, Path], runs: dict[str, Path], open_page: Open) -> None:
    results = soar.load_run(runs["sizes"])
    page = open_page(pages["sizes"], "#/s0/tasks")
    names = page.locator(".gallery strong")
    assert names.all_inner_texts() == list(results)
    page.get_by_label("State").select_option("solved")
    assert names.all_inner_texts() == [id for id, one in results.items() if one.solved]
    page.get_by_label("State").select_option("waiting")
    assert names.count() == 0 and "No task is like that" in page.locator("main").inner_text()
    page.get_by_label("State").select_option("")
    page.keyboard.press("/")
    page.get_by_label("Find").fill("30")
    assert names.all_inner_texts() == [id for id in results if "30" in id]
    page.reload()
    page.wait_for_selector(".gallery")
    assert names.all_inner_texts() == [id for id in results if "30" in id], "a filter is part of the address"
    go(page, "#/s0/t1")
    rows = page.locator("table.attempts tbody tr")
    page.get_by_label("Show").select_option("none")
    wrong = sum(one.program is None for one in results[1].attempts)
    assert rows.count() == wrong > 0


def test_keys_lead_from_task_to_task(pages: dict[str, Path], open_page: Open) -> None:
    page = open_page(pages["plain"])
    for key, seen in (("t", ".gallery"), ("o", ".cards"), ("t", ".gallery")):
        page.keyboard.press(key)
        page.wait_for_selector(seen)
    page.locator(".gallery a").first.click()
    page.wait_for_selector("h2.title:has-text('task0')")
    for key, seen in (("j", "h2.title:has-text('task1')"), ("k", "h2.title:has-text('task0')"), ("u", ".gallery")):
        page.keyboard.press(key)
        page.wait_for_selector(seen)
    page.keyboard.press("?")
    assert page.get_by_role("dialog").inner_text().count("\n") > 5
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def test_pictures_show_the_grids_in_the_colours_that_were_chosen(pages: dict[str, Path], open_page: Open) -> None:
    page = open_page(pages["sizes"], "#/s0/t0")  # a task of single cells
    canvas = page.locator("section canvas").first
    index = page.evaluate(UNPACKED)
    cell = int(index["searches"][0]["tasks"][0]["pair"][0][0])
    middle = "one => [...one.getContext('2d').getImageData(one.width / 2, one.height / 2, 1, 1).data].slice(0, 3)"

    def colour() -> str:
        return "#" + "".join(f"{part:02X}" for part in canvas.evaluate(middle))

    assert colour() == index["palette"][cell]
    assert canvas.get_attribute("aria-label") == f"grid of 1 row and 1 column: {cell}"
    page.evaluate("document.querySelector('main').dataset.old = '1'")
    page.get_by_label("colour-blind-safe").check()
    page.wait_for_selector("main:not([data-old]) canvas")
    assert colour() == index["safe"][cell]


UNPACKED = """async () => {
  const bytes = Uint8Array.from(atob(document.getElementById('index').textContent), one => one.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).json();
}"""


def test_wrong_cells_are_counted_and_named(pages: dict[str, Path], runs: dict[str, Path], open_page: Open) -> None:
    results = soar.load_run(runs["sizes"])
    page = open_page(pages["sizes"], "#/s0/t1")
    page.locator("table.attempts a", has_text="0/sample/-/0/1").first.click()
    page.wait_for_selector("#attempt code:text('0/sample/-/0/1')")
    (attempt,) = (one for one in results[1].attempts if one.key == "0/sample/-/0/1")
    wanted = results[1].task.train[0].output
    got: Any = attempt.train[0].value
    wrong = sum(a != b for row, right in zip(got, wanted, strict=True) for a, b in zip(row, right, strict=True))
    assert f"got, {wrong} cells wrong" in page.locator("#attempt").inner_text()


def test_curves_tell_their_figures_under_the_pointer(pages: dict[str, Path], open_page: Open) -> None:
    page = open_page(pages["plain"])
    chart = page.locator("figure.chart").first
    assert "vote" in chart.locator(".readout").inner_text()
    chart.locator("svg[role=img]").hover()
    assert "completions a task" in chart.locator(".readout").inner_text()
    assert "%" in chart.locator(".readout").inner_text()


def test_the_tree_leads_to_its_attempts(pages: dict[str, Path], runs: dict[str, Path], open_page: Open) -> None:
    results = soar.load_run(runs["plain"])
    page = open_page(pages["plain"], "#/s0/t0")
    related = {one.key for one in results[0].attempts if one.parents}
    related |= {parent for one in results[0].attempts for parent in one.parents}
    nodes = page.locator(".tree a.node")
    assert nodes.count() == len(related) > 1
    child = next(one for one in results[0].attempts if one.parents)
    page.locator(f'.tree a.node[aria-label^="attempt {child.key},"]').click()
    page.wait_for_selector(f"#attempt code:text('{child.key}')")
    assert page.locator(".lineage > li").count() == 2


def test_rows_learnt_from_are_drawn(pages: dict[str, Path], open_page: Open) -> None:
    page = open_page(pages["loop"])
    page.locator("summary", has_text="Rows (").click()
    page.wait_for_selector(".learnt canvas")
    assert page.locator(".learnt").count() > 0 and "Loss" in page.locator("main").inner_text()


def test_files_beside_the_page_are_loaded_when_they_are_needed(
    runs: dict[str, Path], tmp_path: Path, open_page: Open
) -> None:
    target = tmp_path / "large & 'odd'.html"
    report, page = soar.make_report(runs["plain"]), Page(pages_folder(target), room=0)
    target.write_text(page.html(report._read(page, live=False)))
    opened = open_page(target, "#/s0/t1")
    assert opened.locator("table.attempts tbody tr").count() == 12
    for file in pages_folder(target).iterdir():
        file.unlink()
    fresh = opened.context.new_page()
    fresh.goto(f"{target.as_uri()}#/s0/t2")
    fresh.wait_for_selector(".failure")
    assert "load the page again" in fresh.locator("main").inner_text()


def test_a_page_that_is_renewed_loads_itself_anew(tmp_path: Path, open_page: Open) -> None:
    options: dict[str, Any] = {"run": tmp_path / "run", "refinements": 0, "workers": 1}
    soar.search(TASKS, soar.ScriptedModel(["no program"]), samples=2, **options)
    report = soar.make_report(tmp_path / "run")
    page = open_page(report.save(tmp_path / "a.html", live=True), "#/s0/tasks")
    page.clock.install()
    page.reload()
    page.wait_for_selector(".card:has-text('2 attempts')")
    soar.search(TASKS, soar.ScriptedModel(["no program"]), samples=5, **options)
    report.save(tmp_path / "a.html")
    page.clock.fast_forward(11_000)
    page.wait_for_selector(".card:has-text('5 attempts')")
    assert page.get_by_label("stay as it is").count() == 0, "the last page is renewed no more"


def test_in_a_notebook_the_page_runs_in_a_frame_of_its_own(
    runs: dict[str, Path], tmp_path: Path, open_page: Open
) -> None:
    file = tmp_path / "notebook.html"
    file.write_text(f"<!doctype html><main>{soar.make_report(runs['hostile'])._repr_html_()}</main>")
    page = open_page(file)
    frame = page.frame_locator("iframe")
    frame.locator("a", has_text="Tasks").click()
    frame.locator(".gallery a").first.click()
    frame.locator("#attempt").wait_for()
    assert page.evaluate("globalThis.broken") is None
