"""`crosshash export`: what a run has made, taken out of its project, as a bundle or into a store."""

from __future__ import annotations

import typer

from crosshash.commands.export.bundle import bundle
from crosshash.commands.export.stores import register

export = typer.Typer(help="Take what a run has made out of its project.", no_args_is_help=True)
export.command()(bundle)
register(export)
