"""What all figures share: ink and series in the colours of the page, the same bytes for the same numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib as mpl
from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK = "#010101"
"""Stands for the page's own text colour in what matplotlib writes."""

SERIES = ("#010102", "#010103", "#010104", "#010105")
"""Stand for the page's colours --series-1 to --series-4."""

DASHES = ("-", "--", ":", "-.")
"""Lines differ by more than colour."""

MARKERS = ("o", "s", "^", "D")
"""So do points."""

SIZE = (4.8, 3.1)
"""Inches at 72 units each; the page scales it. Narrow enough for a phone to show its letters at full size."""

PANEL = (3.5, 2.5)
"""Size of one of several figures that share a caption."""

STYLE = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}


@contextmanager
def canvas(size: tuple[float, float] = SIZE) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure with one pair of axes, whatever style the user has set for matplotlib."""
    with style.context(["default", STYLE]):
        figure = Figure(figsize=size, layout="constrained")
        yield figure, figure.subplots()


def _lay_out(figure: Figure) -> None:
    """Place what is in it, as `savefig` would, which draws everything once more for that."""
    FigureCanvasSVG(figure)  # its letters are as wide as those that are written
    if layout := figure.get_layout_engine():
        layout.execute(figure)
        figure.set_layout_engine("none")


def svg(figure: Figure, name: str, title: str) -> Markup:
    """Write a figure for the inside of an HTML page, which gives it its size, font and colours.

    name: makes the ids inside it differ from those of other figures. title: what it shows, for who cannot
    see it.
    """
    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": f"crosshash {name}"}):
        _lay_out(figure)
        figure.savefig(buffer, format="svg", metadata=metadata, transparent=True)
    text = buffer.getvalue()
    view = re.search(r'viewBox="[^"]*"', text)
    # What stands before it is matplotlib's style sheet, which would apply to the whole page.
    body = text[text.index("</defs>") + len("</defs>") :]
    for pattern in (
        r"<!--.*?-->\s*",
        r'(?<=<g) id="[^"]*"',
        r"font-family: [^;]*; ",
        r"\btransform=\"rotate\(-0 [^\"]*\"",
    ):
        body = re.sub(pattern, "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href").replace(INK, "currentColor")
    for number, colour in enumerate(SERIES, start=1):
        body = body.replace(colour, f"var(--series-{number})")
    drawn = f'<svg role="img" aria-label="{escape(title)}" {view[0] if view else ""}>{body}'
    return Markup(drawn)  # noqa: S704 - drawn here; matplotlib escapes the texts inside
