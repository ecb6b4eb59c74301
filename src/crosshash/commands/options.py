"""What several commands take, and how all of them tell of an error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from crosshash.errors import CrosshashError, by_ctrl_c, in_words, let_go, pipeline_named

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Project = Annotated[Path, typer.Option(help="Folder in which `dvc repro` has run.")]

Store = Annotated[
    str | None,
    typer.Option(
        help="Search a store instead: postgresql://..., lance:DIR, a .parquet file (docs/stores.md).",
        metavar="ADDRESS",
    ),
]


@contextmanager
def told() -> Iterator[None]:
    """Show a CrosshashError as one message, exit status 1; so too where the pipeline is not installed.

    Ctrl-C, and whatever came of it, ends with that word and status 130.
    """
    try:
        with pipeline_named():
            yield
    except (Exception, KeyboardInterrupt) as error:
        if by_ctrl_c(error):
            let_go(error)
            print("stopped", file=sys.stderr)
            raise typer.Exit(130) from None
        if not isinstance(error, CrosshashError):
            raise
        print(f"error: {in_words(error)}", file=sys.stderr)
        raise typer.Exit(1) from None


def check_one(index: Path | None, store: str | None) -> None:
    """Refuse an index and a store together.

    Raises:
        CrosshashError: both are given.
    """
    if index is not None and store is not None:
        raise CrosshashError("--index and --store: give one of them.")
