"""`crosshash export`: what a run has made, taken out of its project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crosshash.commands.options import Project, told

export = typer.Typer(help="Take what a run has made out of its project.", no_args_is_help=True)


@export.command()
def bundle(
    target: Annotated[Path, typer.Argument(help="Folder to write; it must not be there yet.")],
    project: Project = Path(),
) -> None:
    """Write one folder that answers without the project: networks, index, items, a card."""
    with told():
        from crosshash.errors import CrosshashError

        raise CrosshashError(f"{target}: bundles of {project} are not written yet.")
