"""What `search` and `serve` ask: a project's model and index, or a bundle's."""

from __future__ import annotations

from pathlib import Path

from crosshash.bundle.opened import read_bundle
from crosshash.errors import CrosshashError
from crosshash.retrieval.scoring.metrics_file import warning_of
from crosshash.search import Searcher

Opened = tuple[Searcher, str | None]
"""A model with its index, and the warning beside its scores, if there is one."""


def of_project(project: Path, index: Path | None, store: str | None = None) -> Opened:
    """Open what `dvc repro` left in a folder; store: address of a store in place of its index.

    Raises:
        CrosshashError: it has no model and index that fit together.
    """
    found = Searcher.open(project, index, store)
    return found, warning_of(project / "metrics.json", found.method, found.dataset, found.bits)


def of_bundle(
    folder: Path, index: Path | None = None, store: str | None = None, whole: bool = False
) -> Opened:
    """Open a bundle; store: address of a store in place of its index; whole: with all that is loaded late.

    Raises:
        CrosshashError: it is none, of another version, not whole, or another index is asked for.
    """
    if index is not None:
        raise CrosshashError("a bundle has an index of its own: leave --index out.")
    bundle = read_bundle(folder)
    if whole:
        bundle.encoder.load_all()
    found = bundle.searcher() if store is None else bundle.over_store(store)
    return found, bundle.manifest.warning
