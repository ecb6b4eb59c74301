"""The table as one self-contained HTML page."""

from __future__ import annotations

import re
from importlib.resources import files

from markupsafe import Markup, escape

from crosshash.experiments.table import points_table, words
from crosshash.experiments.table.leaderboard import Leaderboard
from crosshash.experiments.table.pareto_plot import pareto_svg
from crosshash.report.templates import environment_of
from crosshash.retrieval.codefiles.codeset import CROSS_MODAL


def leaderboard_page(board: Leaderboard) -> str:
    """Render the page: one table per group of columns; equal tables give equal text."""
    environment = environment_of("experiments/table")
    environment.filters["commands"] = _commands
    style = (files("crosshash.experiments.table") / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        board=board,
        tasks=CROSS_MODAL,
        words=words,
        points=points_table,
        pareto_svg=pareto_svg,
        style=Markup(style),  # noqa: S704 - a file of this package
    )


def _commands(text: str) -> Markup:
    """Set what stands between backticks as code."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(marked)  # noqa: S704 - escaped before
