"""The report of a run: one self-contained HTML page, and the summary that a notebook shows."""

from limner.tracing.report.page import summary_html, write_report

__all__ = ["summary_html", "write_report"]
