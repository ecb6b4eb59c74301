"""`crosshash.open_bundle(DIR)`: a bundle, checked and ready to encode and to search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crosshash.bundle.encoder import BundleEncoder, bundle_encoder
from crosshash.bundle.manifest import NAME, REMEDY, Manifest, read_manifest
from crosshash.errors import CrosshashError
from crosshash.search.folders.index_folder import INDEX, read_index_files
from crosshash.search.hasher import Hasher
from crosshash.search.searcher import Searcher
from crosshash.shards.stored_pictures import ShardPictures


@dataclass(frozen=True)
class Bundle:
    """A bundle as it was opened."""

    folder: Path
    manifest: Manifest
    encoder: BundleEncoder

    def searcher(self, mapped: bool = True) -> Searcher:
        """Read the index; mapped: as of `CodeIndex.load`.

        Raises:
            CrosshashError: it is not of the bundle's model.
        """
        rerank = self.manifest.rerank
        found = read_index_files(self.folder / INDEX, self.manifest.dataset, lambda: rerank, mapped)
        if found.statistics.get("encoder") != self.encoder.description:
            raise CrosshashError(f"{self.folder / NAME}: is of another model than the index. {REMEDY}")
        return Searcher(self.encoder, found, ShardPictures(self.folder))

    def over_store(self, address: str) -> Searcher:
        """Search a store instead of the index.

        Raises:
            CrosshashError: as `Searcher.over_store`.
        """
        pictures = ShardPictures(self.folder)
        return Searcher.over_store(self.encoder, address, self.manifest.dataset, self.folder, pictures)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle, once all of its files are what they were.

    Raises:
        CrosshashError: it is none, of another version, or not whole.
    """
    manifest = read_manifest(folder)
    return Bundle(folder, manifest, bundle_encoder(folder, manifest))


def open_bundle(folder: str | Path) -> Hasher:
    """Open a bundle, which needs neither its project nor torch.

    Raises:
        CrosshashError: it is none, of another version, or not whole.
    """
    bundle = read_bundle(Path(folder))
    return Hasher(bundle.encoder, bundle.searcher)
