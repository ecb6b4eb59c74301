"""`crosshash search`: what lies nearest to a text, a picture or an item, or to a text beside one of both."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crosshash.commands.options import AsJson, Project, Store, check_one, told

if TYPE_CHECKING:
    from crosshash.codes.real_codes import Distance
    from crosshash.search import Hit

Index = Annotated[
    Path | None,
    typer.Option(
        help="Folder of an index or a collection.", show_default="collection/ if there, else the run's"
    ),
]


def search(
    text: Annotated[str | None, typer.Argument(help="What the images should show.")] = None,
    image: Annotated[
        Path | None, typer.Option(help="A picture, to find texts for; .npy for models of vectors.")
    ] = None,
    like: Annotated[str | None, typer.Option(help="Id of an item, to find images like it.")] = None,
    weight: Annotated[
        float, typer.Option(min=0, max=1, help="Of the text, where --image or --like stands beside it.")
    ] = 0.5,
    queries: Annotated[
        Path | None,
        typer.Option(help="A file with a text per line; with --task i2t or i2i the path of a picture."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="t2i, i2t, t2t or i2i: what asks and what is found.", show_default="t2i or i2t"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
    offset: Annotated[
        int | None, typer.Option(min=0, help="How many nearer ones to leave out, within the first 1000.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Only items with this label, or any of several.")
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option(help="hamming | asymmetric (the query's real code).", show_default="the index's"),
    ] = None,
    index: Index = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of `crosshash export bundle`, in place of a project.")
    ] = None,
    store: Store = None,
    project: Project = Path(),
    as_json: AsJson = False,
) -> None:
    """Find images by a text, an item, or a text beside a picture or item; texts by a picture."""
    with told():
        from crosshash.bundle.opening import of_bundle, of_project
        from crosshash.search.questions import check_labels, encode_question, read_question

        question = read_question(text, image, queries, task, like)
        check_one(index, store)
        if bundle is None:
            if store is None:
                check_labels(project, index, label or ())
            opened = of_project(project, index, store)
        else:
            opened = of_bundle(bundle, index, store)
        searcher = opened.searcher
        asked = encode_question(searcher, question, weight)
        if asked.unknown_words:
            print(f"warning: the model has never seen: {', '.join(asked.unknown_words)}", file=sys.stderr)
        by = checked_distance(distance)
        found = searcher.find(asked.encoded, question.task, top, label or (), by, offset)
    if opened.warning:
        print(f"warning: {opened.warning}", file=sys.stderr)
    several = queries is not None or len(found) > 1
    if as_json:
        told_hits = [[dataclasses.asdict(hit) for hit in hits] for hits in found]
        named = [{"query": name, "hits": hits} for name, hits in zip(asked.names, told_hits, strict=True)]
        print(json.dumps(named if several else told_hits[0], indent=2, ensure_ascii=False))
        return
    for name, hits in zip(asked.names, found, strict=True):
        Console().print(_table(hits, name if several else None))


def checked_distance(name: str | None) -> Distance | None:
    """Take the name of a distance; None stays.

    Raises:
        CrosshashError: there is no such distance.
    """
    from crosshash.codes.real_codes import DISTANCES
    from crosshash.errors import CrosshashError

    for distance in DISTANCES:
        if name == distance:
            return distance
    if name is None:
        return None
    raise CrosshashError(f"--distance: there is no '{name}', but {' and '.join(DISTANCES)}.")


def _table(hits: Sequence[Hit], title: str | None) -> Table:
    """Lay out hits; scores only where items were ordered by them, distances where there are any."""
    scored = any(hit.score is not None for hit in hits)
    far = any(hit.distance is not None for hit in hits)
    heads = (*(["distance"] if far else []), *(["score"] if scored else []), "id", "caption", "labels")
    table = Table(*heads, box=SIMPLE_HEAD, title=title and escape(title), title_justify="left")
    for hit in hits:
        score = "" if hit.score is None else f"{hit.score:.3f}"
        distance = [str(hit.distance)] if far else []
        cells = (*distance, *([score] if scored else []), hit.id, hit.caption, ", ".join(hit.labels))
        table.add_row(*map(escape, cells))  # a caption may hold what rich takes for markup
    return table
