"""`crosshash search`: what lies nearest to a text or a picture."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crosshash.commands.options import AsJson, Project, told


def search(
    text: Annotated[str | None, typer.Argument(help="What the images should show.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture, to find texts for.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
    project: Project = Path(),
    as_json: AsJson = False,
) -> None:
    """Find the images nearest to a text, or the texts nearest to a picture."""
    with told():
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
