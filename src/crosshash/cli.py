"""The `crosshash` command: data, search, score, scores, preset, weights."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crosshash import __version__
from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError

app = typer.Typer(
    help="Images and texts as short binary codes: search them, score them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
weights = typer.Typer(help="Published weights.", no_args_is_help=True)
app.add_typer(weights, name="weights")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Project = Annotated[Path, typer.Option(help="Folder in which `dvc repro` has run.")]


@contextmanager
def _told() -> Iterator[None]:
    """Show a CrosshashError as one message, exit status 1."""
    try:
        yield
    except CrosshashError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Images and texts as short binary codes: search them, score them."""


@app.command()
def data(project: Project = Path(), as_json: AsJson = False) -> None:
    """List the data sets: what they are, how much of them is here, where to read more."""
    with _told():
        from crosshash.catalog import catalog_table, list_datasets
        from crosshash.data.source import raw_folder

        entries = list_datasets(project, raw_folder())
    if as_json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    Console().print(catalog_table(entries))
    for entry in entries:
        if entry.problem is not None:
            print(f"{entry.name}: {entry.problem}")


@app.command()
def search(
    text: Annotated[str | None, typer.Argument(help="What the images should show.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture, to find texts for.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
    project: Project = Path(),
    as_json: AsJson = False,
) -> None:
    """Find the images nearest to a text, or the texts nearest to a picture."""
    with _told():
        from crosshash.library import load

        hits = load(project).search(text, image=image, top=top)
    if as_json:
        print(json.dumps([dataclasses.asdict(hit) for hit in hits], indent=2, ensure_ascii=False))
        return
    table = Table("distance", "id", "caption", "labels")
    for hit in hits:
        cells = (str(hit.distance), hit.id, hit.caption, ", ".join(hit.labels))
        table.add_row(*map(escape, cells))  # a caption may hold what rich takes for markup
    Console().print(table)


@app.command()
def score(
    codes: Annotated[
        Path, typer.Argument(help="A .mat with q_img, q_txt, r_img, r_txt, q_l, r_l, or query.npz.")
    ],
    retrieval: Annotated[
        Path | None, typer.Argument(help="retrieval.npz, if the first is query.npz.")
    ] = None,
    ties: Annotated[
        Literal["expected", "by_id", "optimistic", "pessimistic"],
        typer.Option(help="How equal distances count."),
    ] = "expected",
    undefined: Annotated[
        Literal["skip", "zero", "error"], typer.Option(help="Queries without a relevant item.")
    ] = "skip",
    bootstrap: Annotated[int, typer.Option(min=1, help="Resamplings behind the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamplings.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Score hash codes from anywhere, as metrics.json does."""
    with _told():
        from crosshash.retrieval.score_files import score as score_files

        result = score_files(codes, retrieval, ties, undefined, bootstrap, seed)
    _show_scores(result, as_json)


@app.command()
def scores(project: Project = Path(), as_json: AsJson = False) -> None:
    """Show the scores of the last run, and where its report lies."""
    with _told():
        result = read_json(project / "metrics.json")
    _show_scores(result, as_json)
    if not as_json:
        print(f"report: {(project / 'report' / 'index.html').resolve()}")


@app.command()
def preset(
    name: Annotated[str | None, typer.Argument(help="Which one; without it, all are listed.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Put it into params.yaml.")] = False,
    project: Annotated[Path, typer.Option(help="Folder with params.yaml and presets.")] = Path(),
) -> None:
    """Show settings that belong together: dvc exp run $(crosshash preset fair) -S method=hq."""
    from crosshash.presets import list_presets, read_preset, write_preset

    with _told():
        if name is None:
            presets = list_presets(project)
            width = max(len(one.name) for one in presets)
            for one in presets:
                print(f"{one.name:<{width}}  {one.title}")
            return
        chosen = read_preset(project, name)
        if write:
            write_preset(project, chosen)
            print(f"{project / 'params.yaml'}: {len(chosen.settings)} settings of {name}")
        else:
            print(" ".join(f"-S {setting}" for setting in chosen.settings))


@weights.command()
def convert(
    source: Annotated[
        Path, typer.Argument(help="OpenAI's own .pt archive; it is trusted to be what it says.")
    ],
    target: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
) -> None:
    """Turn OpenAI's TorchScript archive into a safetensors file for model.pretrained."""
    with _told():
        from crosshash.models.weights import convert_openai

        count = convert_openai(source, target)
    print(f"{target}: {count} tensors. Use it with: model.pretrained={target.resolve()}")


def _show_scores(result: dict[str, Any], as_json: bool) -> None:
    """Print scores as JSON, or as a table with what the files were read as."""
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return
    from crosshash.retrieval.tables import score_table

    if "read_as" in result:
        print(f"read as: {result['read_as']}")
    Console().print(score_table(result))
