"""Two runs side by side as Markdown, for the comment of a pull request."""

from __future__ import annotations

from crosshash.experiments.comparison import Comparison, Difference
from crosshash.experiments.table.markdown import line


def comparison_markdown(found: Comparison) -> str:
    """Write a row per task and measure, differences whose interval leaves out 0 in bold, and what to know."""
    rows = [
        line(["task", "measure", "A", "B", "B - A", "95 % interval", "p"]),
        line(["---"] * 2 + ["---:"] * 5),
    ]
    rows += [line(_cells(one)) for one in found.differences]
    settings = [f"- `{key}`: {a} -> {b}" for key, (a, b) in found.settings.items()]
    queries = ", ".join(dict.fromkeys(f"{one.task} {one.queries}" for one in found.differences))
    below = [
        f"Queries: {queries}. p: two-sided, of {found.resamplings} resamplings of the queries, for each "
        "measure by itself; it says nothing of other seeds.",
        *found.notes,
    ]
    return "\n".join([f"A: {found.a}, B: {found.b}", *settings, "", *rows, "", *below]) + "\n"


def _cells(one: Difference) -> list[str]:
    change = f"{one.difference:+.4f}"
    shown = f"**{change}**" if one.low > 0 or one.high < 0 else change
    interval = f"{one.low:+.4f} to {one.high:+.4f}"
    return [one.task, one.measure, f"{one.a:.4f}", f"{one.b:.4f}", shown, interval, f"{one.p:.4f}"]
