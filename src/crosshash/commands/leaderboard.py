"""`crosshash leaderboard`: all experiments as one table."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from crosshash.commands.options import Project, told
from crosshash.errors import CrosshashError, listed

if TYPE_CHECKING:
    from crosshash.experiments.table.leaderboard import Leaderboard

Form = Literal["html", "latex", "markdown", "json"]
ENDINGS: dict[str, Form] = {".html": "html", ".tex": "latex", ".md": "markdown", ".json": "json"}


def leaderboard(
    form: Annotated[
        Form | None,
        typer.Option(
            "--format", help="Else the ending of --output decides (.html .tex .md .json), or markdown."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file; else the terminal.")] = None,
    measure: Annotated[
        str, typer.Option(help="mAP, P@100, nDCG@1000, or any other of metrics.json or per_query.parquet.")
    ] = "mAP",
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this data set; may be given several times.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw bytes against each measure into a .png, .svg or .pdf.")
    ] = None,
    project: Project = Path(),
) -> None:
    """Lay all experiments out as one table, method by data set and bits, and below it what a byte buys."""
    with told():
        from crosshash.artifacts import write_text
        from crosshash.experiments.collect import collect_runs
        from crosshash.experiments.table.leaderboard import build_leaderboard

        chosen = form or _form_of(output)
        if plot is not None:
            from crosshash.experiments.table.pareto_plot import check_ending, write_plot

            check_ending(plot)
        runs, left_out = collect_runs(project)
        if not runs:
            raise CrosshashError(
                "no experiment has scores yet. `dvc repro` makes the first; then, for example, "
                "`dvc exp run -S bits=16` or `dvc exp run -S seed=1`."
                + (
                    f" There are:\n{listed([f'{one.name}: {one.reason}' for one in left_out])}"
                    if left_out
                    else ""
                )
            )
        board = build_leaderboard(runs, left_out, measure, dataset or ())
        text = _written(board, chosen)
        if plot is not None:
            write_plot(board, plot)
        if output is not None:
            write_text(output, text)
    print(text if output is None else f"{output.resolve()}", end="" if output is None else "\n")


def _form_of(output: Path | None) -> Form:
    if output is None:
        return "markdown"
    if output.suffix not in ENDINGS:
        raise CrosshashError(
            f"{output}: the ending says no form. Let it end in one of {' '.join(ENDINGS)}, or give --format."
        )
    return ENDINGS[output.suffix]


def _written(board: Leaderboard, form: Form) -> str:
    if form == "html":
        from crosshash.experiments.table.page import leaderboard_page

        return leaderboard_page(board)
    if form == "latex":
        from crosshash.experiments.table.latex import latex_table

        return latex_table(board)
    if form == "json":
        return json.dumps(dataclasses.asdict(board), indent=2, ensure_ascii=False) + "\n"
    from crosshash.experiments.table.markdown import markdown_table

    return markdown_table(board)
