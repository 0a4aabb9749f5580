"""Something to look at: a page that shows any run, to be opened in a browser or a notebook. See docs/report.md."""

from __future__ import annotations

from soar.report.making import Report, make_report
from soar.report.page import ReportError

__all__ = ["Report", "ReportError", "make_report"]
