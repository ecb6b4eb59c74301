"""`crosshash encode`: new pictures and captions into an index, without training."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from crosshash.commands.options import AsJson, Project, told
from crosshash.errors import CrosshashError


def encode(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Pictures, or a pairs.csv (image, caption, labels) with the images it names."),
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Id of an item to take out.")] = None,
    remove_from: Annotated[Path | None, typer.Option(help="A file with such an id per line.")] = None,
    into: Annotated[Path | None, typer.Option(help="Another folder for the collection.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out pictures that are broken.")] = False,
    project: Project = Path(),
    as_json: AsJson = False,
) -> None:
    """Take new pictures and captions into the project's collection, without training, or items out of it."""
    with told():
        from crosshash.library.collection import add_folder, remove_items
        from crosshash.library.questions import read_lines

        ids = [*(remove or []), *(read_lines(remove_from) if remove_from else [])]
        if (folder is None) == (not ids):
            raise CrosshashError("encode takes a folder, or --remove with ids, one of both.")
        change = (
            remove_items(project, ids, into)
            if folder is None
            else add_folder(project, folder, into, skip_bad)
        )
    for line in change.skipped:
        print(f"skipped {line}", file=sys.stderr)
    if as_json:
        print(json.dumps(dataclasses.asdict(change), indent=2, ensure_ascii=False))
        return
    counts = ("new", "replaced", "unchanged", "removed")
    told_counts = ", ".join(f"{getattr(change, name)} {name}" for name in counts)
    skipped = f", {len(change.skipped)} skipped" if change.skipped else ""
    print(f"{told_counts}{skipped}; {change.collection} has {change.images} images and {change.texts} texts")
