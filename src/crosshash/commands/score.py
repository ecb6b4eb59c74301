"""`crosshash score` and `crosshash scores`: scores of files from anywhere, and of the last run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from crosshash.commands.options import AsJson, Project, told


def score(
    codes: Annotated[
        Path,
        typer.Argument(
            help="A .mat or .npz with q_img, q_txt, r_img, r_txt, q_l, r_l; a folder, or the beginning of "
            "the names, of six such .npy; or query.npz."
        ),
    ],
    retrieval: Annotated[
        Path | None, typer.Argument(help="retrieval.npz, if the first is query.npz.")
    ] = None,
    ties: Annotated[
        Literal["expected", "by_id", "optimistic", "pessimistic"],
        typer.Option(help="How equal distances count."),
    ] = "expected",
    undefined: Annotated[
        Literal["skip", "skip_without_hit", "zero", "error"] | None,
        typer.Option(help="Queries without a relevant item; skip unless the protocol says otherwise."),
    ] = None,
    protocol: Annotated[
        str, typer.Option(metavar="strict|METHOD", help="The convention: this project's, or a paper's.")
    ] = "strict",
    bootstrap: Annotated[int, typer.Option(min=1, help="Resamplings behind the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamplings.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Score hash codes from anywhere, as metrics.json does."""
    with told():
        from crosshash.retrieval.scoring.score_files import score as score_files

        result = score_files(codes, retrieval, ties, undefined, bootstrap, seed, protocol)
    _show_scores(result, as_json)


def scores(
    project: Project = Path(),
    markdown: Annotated[bool, typer.Option("--markdown", help="As a page of Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the scores of the last run, and where its report lies."""
    with told():
        from crosshash.retrieval.scoring.metrics_file import read_metrics

        result = read_metrics(project / "metrics.json")
    if markdown:
        from crosshash.experiments.table.scores import score_page

        print(score_page(f"{result['method']}, {result['dataset']}, {result['bits']} bits", result))
        return
    _show_scores(result, as_json)
    if as_json:
        return
    report = (project / "report" / "index.html").resolve()
    none = "none yet, `dvc repro` writes it; until then the figures are those of the last commit"
    print(f"report: {report if report.is_file() else none}")


def _show_scores(result: dict[str, Any], as_json: bool) -> None:
    """Print scores as JSON, or as a table with what the files were read as."""
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    from crosshash.retrieval.scoring.printed_table import score_table

    if "read_as" in result:
        print(f"read as: {result['read_as']}")
    Console().print(score_table(result))
    if result.get("warning"):
        print(f"warning: {result['warning']}")
