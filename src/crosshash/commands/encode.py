"""`crosshash encode`: new pictures and captions into an index, without training."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from crosshash.commands.options import Project, told
from crosshash.errors import CrosshashError

SHOWN = 10


def encode(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Pictures, or a pairs.csv (image, caption, labels) with the images it names."),
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Id of an item to take out.")] = None,
    remove_from: Annotated[Path | None, typer.Option(help="A file with such an id per line.")] = None,
    into: Annotated[
        Path | None, typer.Option(help="Folder of the collection.", show_default="collection/ of the project")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Encode the collection's own items anew, after a new model.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out pictures that are broken (--again: their items).")
    ] = False,
    project: Project = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a sentence.")] = False,
) -> None:
    """Take new pictures and captions into the project's collection, without training, or items out of it."""
    with told():
        from crosshash.collection.again import encode_again
        from crosshash.collection.collection import add_folder, remove_items
        from crosshash.search.questions import read_lines

        ids = [*(remove or []), *(read_lines(remove_from) if remove_from else [])]
        if [folder is not None, bool(ids), again].count(True) != 1:
            raise CrosshashError("encode takes a folder, or --remove with ids, or --again, one of them.")
        if again:
            change = encode_again(project, into, skip_bad)
        elif folder is None:
            change = remove_items(project, ids, into)
        else:
            change = add_folder(project, folder, into, skip_bad)
    for line in change.skipped:
        print(f"skipped {line}", file=sys.stderr)
    if change.repictured:
        print(_repictured(change.repictured), file=sys.stderr)
    if as_json:
        print(json.dumps(dataclasses.asdict(change), indent=2, ensure_ascii=False))
        return
    counts = ("new", "replaced", "unchanged", "removed")
    told_counts = ", ".join(f"{getattr(change, name)} {name}" for name in counts)
    skipped = f", {len(change.skipped)} skipped" if change.skipped else ""
    print(f"{told_counts}{skipped}; {change.collection} has {change.images} images and {change.texts} texts")


def _repictured(ids: Sequence[str]) -> str:
    """Warn of items whose picture is another one now: their folder may be another one too."""
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return (
        f"warning: {len(ids)} replaced with another picture: {', '.join(ids[:SHOWN])}{more}. An id is the "
        "path of a picture in its folder: to keep pictures of equal names, put their folders into one and "
        "encode that."
    )
