"""A report of runs and loops: all their searches, what was learnt from, and searches compared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

from soar.core.errors import expect_path
from soar.core.files import write_whole
from soar.evaluation.evaluation import Evaluation
from soar.evolution.results import SearchResults
from soar.report.comparing import comparisons
from soar.report.loop_page import is_loop, read_loop, searches_of
from soar.report.page import Page, ReportError, check_target, page_at
from soar.report.search_page import Search, SearchPage
from soar.tasks.draw.svg import PALETTE, SAFE_PALETTE

Run: TypeAlias = str | Path | SearchResults


@dataclass(slots=True)
class Report:
    """A report of one or several runs; draws itself in a notebook.

    Args:
        runs: folders of runs or loops, or results. Of a plain run the last round is shown, and with "RUN@N" round N;
            of a loop every search.

    Raises:
        ReportError: no run was given.
        ConfigError: a folder holds no search.
    """

    runs: Sequence[Run]
    _rows: dict[str, Any] = field(default_factory=dict)  # of loops, which never change

    def __post_init__(self) -> None:
        if isinstance(self.runs, (str, Path, SearchResults)):
            self.runs = [self.runs]
        if not self.runs:
            raise ReportError("a report is of a run: give its folder")
        self._searches()

    @property
    def folders(self) -> list[Path]:
        """The folders that are read."""
        return list(dict.fromkeys(_place(run)[0] for run in self.runs))

    def save(self, path: str | Path, live: bool = False) -> Path:
        """Write the report, whole or not at all; return its path.

        Data beyond some 14 MB lies in a folder beside it, `NAME-pages`.

        Args:
            path: of the file, ending in .html.
            live: the page loads itself anew from time to time.

        Raises:
            ReportError: nothing can be written there.
            ArchiveError: an archive cannot be read.
        """
        target = expect_path(path, "the file of a report").absolute()
        check_target(target)
        with page_at(target) as page:
            write_whole(target, page.html(self._read(page, live)))
        return target

    def _searches(self) -> list[Search]:
        found: list[Search] = []
        for run in self.runs:
            folder, iteration = _place(run)
            whole_loop = iteration is None and is_loop(folder)
            name = folder.name if iteration is None else f"{folder.name}@{iteration}"
            several = len(self.runs) > 1
            for search in searches_of(folder) if whole_loop else [Search.of(folder, iteration, name)]:
                title = f"{folder.name}: {search.title}" if whole_loop and several else search.title
                found.append(Search(search.folder, search.iteration, title))
        return found

    def _read(self, page: Page, live: bool) -> dict[str, Any]:
        searches, evaluations = [], list[Evaluation]()
        for search in self._searches():
            reader = SearchPage(search, page.keep)
            searches.append(reader.read())
            assert reader.evaluation is not None
            evaluations.append(reader.evaluation)
        loops = [folder for folder in self.folders if is_loop(folder)]
        return {
            "title": " and ".join(folder.name for folder in self.folders),
            "made": time.time(),
            "live": live,
            "palette": PALETTE,
            "safe": SAFE_PALETTE,
            "searches": searches,
            "loops": [read_loop(folder, page.keep, self._rows) for folder in loops],
            "comparisons": comparisons(evaluations),
        }

    def _repr_html_(self) -> str:
        page = Page(beside=None)
        text = escape(page.html(self._read(page, live=False)))
        style = "width:100%;height:720px;border:1px solid #8888;border-radius:6px"
        return f'<iframe title="report" style="{style}" sandbox="allow-scripts" srcdoc="{text}"></iframe>'


def make_report(runs: Run | Sequence[Run]) -> Report:
    """Return a report of one or several runs, of loops too: `make_report("runs/a").save("a.html")`.

    In a notebook it shows itself; there all data are held in the notebook, so for large runs `save` is better.

    Raises:
        ReportError: no run was given.
        ConfigError: a folder holds no search.
    """
    return Report([runs] if isinstance(runs, (str, Path, SearchResults)) else list(runs))


def _place(run: Run) -> tuple[Path, int | None]:
    """A run's folder, and the round of it that is meant; None: the last, or of a loop all."""
    if isinstance(run, SearchResults):
        return run.run, run.config.iteration
    folder, _, iteration = str(run).rpartition("@")
    if folder and iteration.isdigit() and not Path(run).exists():
        return Path(folder).absolute(), int(iteration)
    return expect_path(run, "a run").absolute(), None
