"""The `crosshash` command."""

from __future__ import annotations

from typing import Annotated

import typer

from crosshash import __version__
from crosshash.commands import (
    compare,
    data,
    encode,
    init,
    leaderboard,
    preset,
    score,
    search,
    serve,
    stored,
    weights,
)
from crosshash.commands.export import export

app = typer.Typer(
    help="Images and texts as short binary codes: search them, score them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command()(init.init)
for command in (data.data, search.search, score.score, score.scores, preset.preset, stored.stored):
    app.command()(command)
app.command()(encode.encode)
app.command(context_settings={"auto_envvar_prefix": serve.PREFIX})(serve.serve)
app.command()(compare.compare)
app.command()(leaderboard.leaderboard)
app.add_typer(export, name="export")
of_weights = typer.Typer(help="Published weights.", no_args_is_help=True)
of_weights.command()(weights.convert)
app.add_typer(of_weights, name="weights")


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Images and texts as short binary codes: search them, score them."""
