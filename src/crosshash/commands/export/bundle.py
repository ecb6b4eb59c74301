"""`crosshash export bundle`: a folder that answers without its project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosshash.commands.options import Project, told

if TYPE_CHECKING:
    from crosshash.export.verify import Agreement

SHOWN = 10
"""Ids of items that differ, at most."""


def bundle(
    target: Annotated[Path, typer.Argument(help="Folder to write; with --verify it may be there already.")],
    pictures: Annotated[
        int | None,
        typer.Option(
            min=16,
            max=2048,
            help="Take small pictures along: pixels of their longest side.",
            show_default="none",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the bundle with torch, on up to 2,000 items.")
    ] = False,
    index: Annotated[
        Path | None,
        typer.Option(
            help="Folder of an index or collection.", show_default="collection/ if there, else the run's"
        ),
    ] = None,
    project: Project = Path(),
) -> None:
    """Write one folder that answers without the project and without torch: networks, index, items, a card."""
    with told():
        from crosshash.bundle.manifest import NAME
        from crosshash.export.bundle import write_bundle

        if not (verify and (target / NAME).is_file()):
            write_bundle(project, target, index, pictures)
            size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
            print(f"{target}: {size / 1e6:.1f} MB. crosshash serve {target}")
        if verify:
            from crosshash.export.verify import verify_bundle

            _show(verify_bundle(project, target))


def _show(agreements: Sequence[Agreement]) -> None:
    """Print how far bundle and torch agree; exit status 1 where it is not far enough."""
    from crosshash.export.verify import LEAST, TOP

    for one in agreements:
        print(
            f"{one.modality}: {one.items} items, {one.other} of {one.bits} bits differ "
            f"({one.share:.4%} agree), {len(one.rankings)} rankings of the first {TOP} differ"
        )
        for what, ids in (("code", one.differing), ("ranking", one.rankings)):
            if ids:
                more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
                print(f"  other {what}: {', '.join(ids[:SHOWN])}{more}")
    if any(one.share < LEAST for one in agreements):
        print(f"error: fewer than {LEAST:.2%} of the bits agree")
        raise typer.Exit(1)
