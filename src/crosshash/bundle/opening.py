"""What `search` and `serve` ask: a project's model and index, or a bundle's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from crosshash.bundle.opened import read_bundle
from crosshash.errors import CrosshashError
from crosshash.retrieval.scoring.metrics_file import scores_of, warning_of
from crosshash.search import Searcher


@dataclass(frozen=True)
class Opened:
    """A model with its index, the warning beside its scores, and these by task: mAP, mAP_low, mAP_high."""

    searcher: Searcher
    warning: str | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def of_project(
    project: Path,
    index: Path | None,
    store: str | None = None,
    before: Searcher | None = None,
    mapped: bool = True,
) -> Opened:
    """Open what `dvc repro` left in a folder; store: address of a store in place of its index.

    before: what was opened of it earlier, whose model is used again where it is still the one on disk.
    mapped: as of `CodeIndex.load`.

    Raises:
        CrosshashError: it has no model and index that fit together.
    """
    found = Searcher.open(project, index, store, before, mapped)
    told = (project / "metrics.json", found.method, found.dataset, found.bits)
    return Opened(found, warning_of(*told), scores_of(*told))


def of_bundle(
    folder: Path,
    index: Path | None = None,
    store: str | None = None,
    whole: bool = False,
    mapped: bool = True,
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
    found = bundle.searcher(mapped) if store is None else bundle.over_store(store)
    return Opened(found, bundle.manifest.warning, bundle.manifest.card.get("scores", {}))
