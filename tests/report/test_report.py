"""What a report holds is what the run holds; and nothing is left half-written."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import zlib
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import soar
from soar.archive.reader import ArchiveError
from soar.archive.records import prompt_hash
from soar.evolution.config import ConfigError
from soar.models.base import Message, Prompt
from soar.report import ReportError
from soar.report.packing import LONGEST_VALUE, compressed, packed
from soar.report.page import Page, pages_folder
from soar.report.watching import watch
from soar.tasks.draw.svg import PALETTE, SAFE_PALETTE
from tests.cli.test_cli import soar as command
from tests.report.support import HOSTILE
from tests.search_support import TASKS

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=8)


def unpacked(text: str) -> Any:
    """As a browser reads it."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


def content(page: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The index of a report, and its details by number."""
    text = page.read_text()
    index = unpacked(re.search(r'id="index">([^<]*)<', text)[1])  # type: ignore[index]
    held = {int(number): unpacked(data) for number, data in re.findall(r'id="d(\d+)">([^<]*)<', text)}
    for number, name in index["paged"].items():
        file = (pages_folder(page) / f"{name}.js").read_text()
        held[int(number)] = unpacked(re.fullmatch(r'soarPage\("\w+","(.*)"\)', file)[1])  # type: ignore[index]
    return index, [held[number] for number in sorted(held)]


@given(JSON | st.text(st.characters()))
def test_packed_data_are_the_same_when_unpacked_and_no_markup(data: Any) -> None:
    text = compressed(data)
    assert unpacked(text) == data and re.fullmatch(r"[A-Za-z0-9+/=]*", text)


def test_values_are_short_and_long_ones_say_how_long_they_were() -> None:
    assert packed([[0, 1], [2, 3]]) == "01/23" and packed(None) is None and packed('a"b') == ['"a\\"b"']
    (long,) = packed("x" * 3 * LONGEST_VALUE)
    assert len(long) < 1.1 * LONGEST_VALUE and long.endswith("60,002 characters")


def test_attempts_are_those_of_the_archive(pages: dict[str, Path], runs: dict[str, Path]) -> None:
    for name in ("plain", "hostile", "sizes"):
        index, details = content(pages[name])
        results = soar.load_run(runs[name])
        assert [task["id"] for task in index["searches"][0]["tasks"]] == list(results)
        for task, result in zip(index["searches"][0]["tasks"], results.values(), strict=True):
            data = details[task["detail"]]
            read = {attempt.key: attempt for _, attempt in result.walk()}
            assert len(data["attempts"]) == len(read) == task["completions"]
            for request, position, program, tokens, reply, *_ in data["attempts"]:
                attempt = read[f"{data['requests'][request][0]}/{position}"]
                source = data["programs"][program]["source"] if program >= 0 else None
                assert source == (attempt.program and attempt.program.source) and tokens == attempt.tokens
                assert attempt.reply == (reply if isinstance(reply, str) else reply[0] + source + reply[1])
                parents = [data["attempts"][parent] for parent in data["requests"][request][1]]
                assert attempt.parents == tuple(f"{data['requests'][one[0]][0]}/{one[1]}" for one in parents)
            assert (task["state"] == "solved") == bool(result.solved)


def test_prompts_are_those_that_were_sent(pages: dict[str, Path], runs: dict[str, Path]) -> None:
    checked = 0
    for name in ("plain", "hostile"):
        results = soar.load_run(runs[name])
        with soar.Archive(runs[name]) as archive:
            for data in content(pages[name])[1]:
                sent = {one.key: one.prompt_hash for one, _ in archive.requests(data["hash"], results.config.iteration)}
                for key, _, _, _, number in data["requests"]:
                    assert prompt_hash(made_again(data, number)) == sent[key]
                    checked += 1
    assert checked > 10


def made_again(data: dict[str, Any], number: int) -> Prompt:
    """As `promptOf` in data.js makes it."""
    item = data["prompts"]["items"][number]
    tail = "".join(one if isinstance(one, str) else data["programs"][one]["source"] for one in item["tail"])
    text, at, messages = data["prompts"]["base"][: item["shared"]] + tail, 0, list[Message]()
    for role, length in item["roles"]:
        messages.append({"role": role, "content": text[at : at + length]})
        at += length
    return Prompt(tuple(messages), item["prefill"])


def test_a_prompt_set_that_has_changed_is_not_shown_as_what_was_sent(tmp_path: Path) -> None:
    from soar.prompts.prompt_set import prompts_folder

    own = tmp_path / "own"
    own.mkdir()
    for file in (prompts_folder() / "soar").iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    model = soar.ScriptedModel(["no program"])
    soar.search(TASKS, model, run=tmp_path / "run", samples=2, refinements=0, workers=1, prompt_set=str(own))
    report = soar.make_report(tmp_path / "run")
    before = content(report.save(tmp_path / "a.html"))[1]
    with (own / "sample.j2").open("a") as template:
        template.write("another word")
    after = content(report.save(tmp_path / "b.html"))[1]
    assert {one[4] for data in before for one in data["requests"]} == {0}
    assert {one[4] for data in after for one in data["requests"]} == {None}


def test_comparisons_agree_with_compare(pages: dict[str, Path], runs: dict[str, Path]) -> None:
    index, _ = content(pages["both"])
    (found,) = index["comparisons"]
    known = soar.compare(*(soar.evaluate(soar.load_run(runs["plain"], number)) for number in (0, 1)))
    tasks = index["searches"][1]["tasks"]
    for name in ("gained", "lost", "both", "neither"):
        assert tuple(tasks[b]["id"] for _, b in found[name]) == getattr(known, name)
    assert found["p"] == known.p


def test_a_loop_shows_its_searches_rows_and_losses(pages: dict[str, Path]) -> None:
    index, details = content(pages["loop"])
    assert [search["title"] for search in index["searches"]] == ["training 0", "held-out 0"]
    (learnt,) = index["loops"][0]["learnt"]
    assert [step for step, *_ in learnt["losses"]] == [1, 2, 3, 4, 5]
    rows = details[learnt["rows"]]["rows"]
    assert learnt["count"] == len(rows) > 0 and all(row["train"] and row["program"] for row in rows)


def test_what_is_too_much_for_one_file_lies_beside_it(runs: dict[str, Path], tmp_path: Path) -> None:
    report, target = soar.make_report(runs["plain"]), tmp_path / "a.html"
    whole = content(report.save(target))
    assert not pages_folder(target).exists()
    page = Page(pages_folder(target), room=1000)
    index = report._read(page, live=False)
    target.write_text(page.html(index))
    again = content(target)
    assert again[1] == whole[1] and again[0]["searches"] == whole[0]["searches"]
    assert len(list(pages_folder(target).iterdir())) >= 2
    report.save(target)
    assert not pages_folder(target).exists(), "files of the report before are left"


def damaged(run: Path, folder: Path) -> Path:
    """A copy of a run whose archive has a hole."""
    folder.mkdir()
    for name in ("config.json", "tasks.json"):
        (folder / name).write_bytes((run / name).read_bytes())
    with sqlite3.connect(run / "archive.sqlite") as source, sqlite3.connect(folder / "archive.sqlite") as copy:
        source.backup(copy)
    data = bytearray((folder / "archive.sqlite").read_bytes())
    data[4096:] = b"\x55" * (len(data) - 4096)
    (folder / "archive.sqlite").write_bytes(data)
    return folder


def test_bad_input_is_one_line_and_leaves_the_report_as_it_was(runs: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "a.html"
    target.write_text("the report before")
    broken = damaged(runs["plain"], tmp_path / "broken")
    with pytest.raises(ArchiveError, match="check the file"):
        soar.make_report(broken).save(target)
    with pytest.raises(ConfigError, match="is it the folder of a run"):
        soar.make_report(tmp_path)
    refused = {tmp_path: "is a folder", tmp_path / "a.txt": "html", tmp_path / "no" / "a.html": "no folder"}
    for bad, words in refused.items():
        with pytest.raises(ReportError, match=words):
            soar.make_report(runs["plain"]).save(bad)
    assert target.read_text() == "the report before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.html", "broken"]


def test_the_command_ends_with_2_and_one_line(runs: dict[str, Path], tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    for name in ("config.json", "tasks.json", "archive.sqlite"):
        (newer / name).write_bytes((runs["sizes"] / name).read_bytes())
    with sqlite3.connect(newer / "archive.sqlite") as archive:
        archive.execute("PRAGMA user_version = 99")
    for arguments, words in ((["newer"], "schema version 99"), (["nothing"], "is it the folder of a run")):
        done = command("report", *arguments, "--output", "x.html", folder=tmp_path)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "x.html").exists()
    done = command("report", str(runs["sizes"]), "--output", "x.html", folder=tmp_path)
    assert done.returncode == 0 and (tmp_path / "x.html").exists(), done.stderr


def test_the_run_says_nothing_that_a_browser_would_take_for_markup(pages: dict[str, Path]) -> None:
    text = pages["hostile"].read_text()
    details = len(re.findall(r'<script type="text/plain" id="d\d+">', text))
    assert text.count("</script>") == text.count("<script") == details + 2
    assert not any(one in text for one in HOSTILE)


def test_watching_renews_what_has_changed_and_holds_no_lock(tmp_path: Path) -> None:
    run, target = tmp_path / "run", tmp_path / "a.html"
    options: dict[str, Any] = {"run": run, "refinements": 0, "workers": 1}
    soar.search(TASKS, soar.ScriptedModel(["no program"]), samples=2, **options)
    written = watch(soar.make_report(run), target, pause=0.01)
    next(written)
    first, _ = content(target)
    assert first["live"] and first["searches"][0]["counts"]["completions"] == 6
    soar.search(TASKS, soar.ScriptedModel(["no program"]), samples=4, **options)  # a writer, at the same time
    next(written)
    assert content(target)[0]["searches"][0]["counts"]["completions"] == 12
    written.close()
    assert not content(target)[0]["live"]


def test_results_draw_themselves_in_a_notebook(runs: dict[str, Path]) -> None:
    text = soar.make_report(soar.load_run(runs["plain"], 0))._repr_html_()
    assert text.startswith("<iframe") and text.count("<") == 2, "the page is an attribute: nothing of it is markup here"


def test_in_the_safe_palette_no_two_colours_are_near_for_any_eye() -> None:
    def nearest(colours: tuple[str, ...]) -> float:
        labs = [[lab(matrix @ linear(colour)) for colour in colours] for matrix in EYES]
        return min(float(np.linalg.norm(a - b)) for one in labs for a, b in combinations(one, 2))

    assert nearest(SAFE_PALETTE) > 28 > 9 > nearest(PALETTE)
    assert len(SAFE_PALETTE) == len(PALETTE) == 10


# Machado, Oliveira, Fernandes 2009, severity 1: all colours seen, no red, no green, no blue cones.
EYES = [np.array(one).reshape(3, 3) for one in (
    (1, 0, 0, 0, 1, 0, 0, 0, 1),
    (0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998),
    (0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881),
    (1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900),
)]  # fmt: skip
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> Any:
    """Linear red, green, blue of "#rrggbb", 0 to 1."""
    parts = np.array([int(colour[at : at + 2], 16) for at, _ in pairwise((1, 3, 5, 7))]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(parts: Any) -> Any:
    """CIELAB, white D65."""
    x, y, z = (XYZ @ np.clip(parts, 0, 1)) / np.array([0.9505, 1, 1.089])
    a, b, c = (one ** (1 / 3) if one > 0.008856 else 7.787 * one + 16 / 116 for one in (x, y, z))
    return np.array([116 * b - 16, 500 * (a - b), 200 * (b - c)])
