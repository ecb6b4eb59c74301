"""Where a service gets its model and index from, once and whenever newer ones lie there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crosshash.bundle.manifest import NAME
from crosshash.bundle.opening import Opened, of_bundle, of_project
from crosshash.search import Searcher
from crosshash.search.folders.index_folder import INDEX, STATISTICS, index_folder
from crosshash.stores.places import files_of

MODEL = ("model", "encoders", "transform.npz", "codes/bit_index.json", "codes/bit_index.npz")
ARTIFACTS = (*(f"artifacts/{name}" for name in MODEL), "metrics.json")
"""A model and its scores. Plans are read and not watched: they change when a run begins."""


class Source(Protocol):
    """A project or a bundle."""

    def files(self) -> list[Path]:
        """List files and folders; as long as they are the same, so is all that is opened."""
        ...

    def open(self, before: Searcher | None) -> Opened:
        """Open it; before: what was opened earlier, of which what has not changed may be used again.

        Raises:
            CrosshashError: it cannot be opened, or does not fit together.
        """
        ...


@dataclass(frozen=True)
class ProjectSource:
    """A project's folder, with another index or a store in place of its own."""

    project: Path
    index: Path | None = None
    store: str | None = None

    def files(self) -> list[Path]:
        """List model, index and scores; of a store, its file if it is one."""
        codes = [index_folder(self.project, self.index)] if self.store is None else files_of(self.store)
        return [*(self.project / name for name in ARTIFACTS), *codes]

    @property
    def grows(self) -> bool:
        """Say whether what is served is a collection, also one that begins with the first item."""
        return self.store is None and (self.index is None or not (self.index / STATISTICS).is_file())

    def open(self, before: Searcher | None) -> Opened:
        """Open it; codes in memory, where nobody who writes over their file changes them."""
        return of_project(self.project, self.index, self.store, before, mapped=False)


@dataclass(frozen=True)
class BundleSource:
    """A bundle's folder, with a store in place of its own index, if one is named."""

    folder: Path
    index: Path | None = None
    store: str | None = None

    def files(self) -> list[Path]:
        """List the manifest, which names the digests of all files but the pictures, and the index."""
        return [self.folder / NAME, *([self.folder / INDEX] if self.store is None else files_of(self.store))]

    def open(self, before: Searcher | None) -> Opened:
        """Open it, networks included; codes in memory, as of a project."""
        return of_bundle(self.folder, self.index, self.store, whole=True, mapped=False)
