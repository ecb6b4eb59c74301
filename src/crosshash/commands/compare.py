"""`crosshash compare`: two runs in pairs, query by query."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crosshash.commands.options import AsJson, Project, told

if TYPE_CHECKING:
    from crosshash.experiments.comparison import Comparison

RUN = "An experiment, commit, branch or tag; `workspace`; or the folder of a project."


def compare(
    a: Annotated[str, typer.Argument(help=RUN)],
    b: Annotated[str, typer.Argument(help="The run that is compared with it: differences are B - A.")],
    resamplings: Annotated[int, typer.Option(min=100, help="Of the queries, by the bootstrap.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamplings.")] = 0,
    project: Project = Path(),
    markdown: Annotated[bool, typer.Option("--markdown", help="As a table of Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two runs: differences of all measures, with 95 % intervals and p, by a paired bootstrap."""
    with told():
        from crosshash.experiments.comparison import compare as compare_runs
        from crosshash.experiments.revisions import find_run

        found = compare_runs(find_run(a, project), find_run(b, project), resamplings, seed)
    if as_json:
        print(json.dumps(dataclasses.asdict(found), indent=2, ensure_ascii=False))
    elif markdown:
        from crosshash.experiments.table.compared import comparison_markdown

        print(comparison_markdown(found), end="")
    else:
        _show(found)


def _show(found: Comparison) -> None:
    console = Console()
    table = Table("task", "measure", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("A", "B", "B - A", "95 % interval", "p"):
        table.add_column(name, justify="right")
    task = ""
    for one in found.differences:
        if task not in ("", one.task):
            table.add_section()
        values = (f"{one.a:.4f}", f"{one.b:.4f}", f"{one.difference:+.4f}")
        interval = f"{one.low:+.4f} {one.high:+.4f}"
        first = "" if one.task == task else one.task
        table.add_row(first, escape(one.measure), *values, interval, f"{one.p:.4f}")
        task = one.task
    console.print(f"A: {found.a}\nB: {found.b}", markup=False, highlight=False)
    for key, (ours, theirs) in found.settings.items():
        console.print(f"  {key}: {ours} -> {theirs}", markup=False, highlight=False)
    console.print(table)
    queries = ", ".join(dict.fromkeys(f"{one.task} {one.queries}" for one in found.differences))
    console.print(
        f"Queries: {queries}. p: two-sided, of {found.resamplings} resamplings of the queries, for each "
        "measure by itself; it says nothing of other seeds.",
        highlight=False,
    )
    for note in found.notes:
        console.print(f"Note: {note}", markup=False, highlight=False)
