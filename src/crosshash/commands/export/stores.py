"""`crosshash export parquet | numpy | faiss | usearch | lancedb | pgvector`: codes into stores, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosshash.commands.options import Project, told
from crosshash.errors import CrosshashError

if TYPE_CHECKING:
    from crosshash.stores.places import Name

STORES: dict[Name, str] = {
    "parquet": "Write items and codes to a parquet file. Kinds: flat.",
    "numpy": "Write codes, ids and labels to an .npz, as the encode stage does. Kinds: flat.",
    "faiss": "Write a folder of FAISS indexes, as the index stage does. Kinds: flat, ivf, hnsw, multihash.",
    "usearch": "Write a folder of usearch indexes. Kinds: flat, hnsw.",
    "lancedb": "Write a LanceDB table into a folder. Kinds: flat, ivf.",
    "pgvector": "Write a table of PostgreSQL, postgresql://USER@HOST/DATABASE#TABLE. Kinds: flat, hnsw.",
}


def register(export: typer.Typer) -> None:
    """Add a command per store."""
    for name, what in STORES.items():
        export.command(name, help=what)(_exporting(name))


def _exporting(name: Name) -> Callable[..., None]:
    def run(
        target: Annotated[str, typer.Argument(help="Where to; nothing may be there yet.")],
        source: Annotated[
            str | None,
            typer.Option(
                help="Any store to take the codes from; also query.npz of a run.",
                metavar="ADDRESS",
                show_default="the collection, else the run's index",
            ),
        ] = None,
        kind: Annotated[str, typer.Option(help="How it is searched; flat is exact.")] = "flat",
        replace: Annotated[bool, typer.Option("--replace", help="Write over a store that is there.")] = False,
        project: Project = Path(),
    ) -> None:
        with told():
            import dataclasses

            from crosshash.search.folders.index_folder import index_folder
            from crosshash.stores import places

            if (project / "artifacts").resolve() in Path(target).resolve().parents:
                raise CrosshashError(f"{target}: belongs to the run, and DVC keeps it; choose another place.")
            found = places.load(source or f"faiss:{index_folder(project)}")
            head = dataclasses.replace(found.head, kind=kind)
            store = places.build(name, target, found.items(), head, replace)
            counts = f"{store.count('image')} image and {store.count('text')} text codes"
            print(f"{store.place}: {store.head.items} items, {counts} of {store.head.bits} bits")
            found.close()
            store.close()

    return run
