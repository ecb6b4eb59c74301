"""The files of an index, of the run (`artifacts/index`) or of a collection, read and checked before use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import missing, read_json, read_npz
from crosshash.checksums import folder_digest
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.convert import ConvertPlan
from crosshash.config.plans.evaluate import EvaluatePlan
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.large.large_index import LargeIndex, large_folder
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.segments import SEGMENTS, Changes, read_changes, segment_paths
from crosshash.search.folders.made_by import check_fresh, remedy, run_index, told_of_collections
from crosshash.search.folders.own_picture import read_own_picture
from crosshash.search.grown.grown_codes import AnyIndex, grown_codes, grown_words
from crosshash.search.grown.grown_items import GrownItems
from crosshash.search.item_groups import Items, NumberedItems, read_items

OTHER = "Give --index the folder of an index or a collection, or leave it out: the project's is taken then."
COLLECTION = "collection"
INDEX = "index"
ITEMS, QUANTISER, STATISTICS = "items.parquet", "quantiser.npz", "statistics.json"
NUMBERED = "numbered_items"
"""Key of the statistics of an index whose items are known by their numbers alone: how many there are."""


@dataclass(frozen=True)
class Quantiser:
    """The second stage: codebook float32[M, W, d], word numbers uint[N, M] by modality, candidates R_h."""

    codebook: NDArray[np.float32]
    words: dict[Modality, NDArray[np.integer]]
    rerank: int


@dataclass(frozen=True)
class IndexFolder:
    """An index: codes by modality under the row numbers of the items, and what is known of these.

    digest: of the folder's files.
    """

    folder: Path
    digest: str
    dataset: str
    codes: dict[Modality, AnyIndex]
    items: Items
    quantiser: Quantiser | None
    statistics: dict[str, Any]

    def picture(self, name: str) -> bytes | None:
        """Give a picture of the collection's own by its name; None where the file is gone.

        Raises:
            CrosshashError: it is damaged.
        """
        try:
            return read_own_picture(self.folder.parent, name)
        except OSError:
            return None


def index_folder(project: Path, chosen: Path | None = None) -> Path:
    """Find the folder that holds the index's files: the chosen one, the collection's, or the run's."""
    if chosen is not None:
        return chosen / INDEX if (chosen / INDEX).is_dir() else chosen
    collection = project / COLLECTION / INDEX
    return collection if collection.is_dir() else run_index(project)


def read_index(project: Path, folder: Path, encoder: dict[str, Any], mapped: bool = True) -> IndexFolder:
    """Read an index that fits the encoder, as `describe_encoder` describes it.

    A folder that another process replaces meanwhile is read again, so that all files are of one state.
    mapped: as of `CodeIndex.load`.

    Raises:
        CrosshashError: a file is missing, cut, or does not fit the others, the encoder, or the run's index.
    """
    while True:
        before = _state(folder)
        try:
            found = _read(project, folder, encoder, mapped)
        except CrosshashError:
            if _state(folder) == before:
                raise
        else:
            if _state(folder) == before:
                return found


def _read(project: Path, folder: Path, encoder: dict[str, Any], mapped: bool) -> IndexFolder:
    if not folder.is_dir():
        raise missing(folder) if folder == run_index(project) else missing(folder, OTHER)
    with told_of_collections(folder):
        statistics = read_json(folder / STATISTICS)
    check_fresh(project, folder, statistics, encoder)
    dataset = read_plan("convert", ConvertPlan, project / "plan").dataset

    def rerank() -> int | None:
        return read_plan("evaluate", EvaluatePlan, project / "plan").rerank

    with told_of_collections(folder):
        return read_index_files(folder, dataset, rerank, mapped)


def read_index_files(
    folder: Path, dataset: str, rerank: Callable[[], int | None], mapped: bool = True
) -> IndexFolder:
    """Read an index, whoever made it, with the changes beside it.

    rerank: gives the candidates of methods that quantise, asked where the index has a second stage.

    Raises:
        CrosshashError: a file is missing, cut, or does not fit the others.
    """
    statistics = read_json(folder / STATISTICS)
    changes = read_changes(folder)
    numbered = statistics.get(NUMBERED)
    items = read_items(folder / ITEMS) if numbered is None else NumberedItems(numbered)
    codes: dict[Modality, AnyIndex] = {
        name: read_codes(folder, name, mapped and changes is None) for name in MODALITIES
    }
    quantiser = _quantiser(folder, len(items), rerank)
    strange = [name for name, index in codes.items() if len(index) > len(items)]
    if strange:
        raise CrosshashError(
            f"{folder}: {' and '.join(strange)} hold more codes than items.parquet has items; the files are "
            f"not of one run. {remedy(statistics)}"
        )
    others = [name for name, index in codes.items() if _told(statistics, name, len(index)) != len(index)]
    if others:
        raise CrosshashError(
            f"{folder}: {' and '.join(others)} hold another number of codes than statistics.json says; the "
            f"files are not of one run. {remedy(statistics)}"
        )
    found = IndexFolder(folder, _digest(folder), dataset, codes, items, quantiser, statistics)
    return found if changes is None else with_changes(found, changes)


def with_changes(index: IndexFolder, changes: Changes) -> IndexFolder:
    """Give an index with changes, as if its files had them; read for that, not mapped, it is used up.

    Raises:
        CrosshashError: codes of another length.
    """
    codes: dict[Modality, AnyIndex] = {
        name: grown_codes(one, changes, name) for name, one in index.codes.items()
    }
    items = GrownItems(index.items, changes)
    quantiser = index.quantiser
    if quantiser is not None:
        words = {name: grown_words(one, len(items), changes, name) for name, one in quantiser.words.items()}
        quantiser = replace(quantiser, words=words)
    return replace(index, codes=codes, items=items, quantiser=quantiser)


def read_codes(folder: Path, modality: Modality, mapped: bool) -> CodeIndex | LargeIndex:
    """Read the codes of a modality: a folder of mapped files where there are many, else a file of FAISS.

    Raises:
        CrosshashError: a file is missing, cut, or no index of this project.
    """
    large = large_folder(folder, modality)
    return LargeIndex.load(large) if large.is_dir() else CodeIndex.load(folder / f"{modality}.faiss", mapped)


def _quantiser(folder: Path, items: int, rerank: Callable[[], int | None]) -> Quantiser | None:
    path = folder / QUANTISER
    if not path.is_file():
        return None
    arrays = read_npz(path)
    absent = [key for key in ("codebook", *MODALITIES) if key not in arrays]
    if absent or any(len(arrays[name]) != items for name in MODALITIES):
        raise CrosshashError(f"{path}: does not fit items.parquet beside it. Run `dvc repro index`.")
    candidates = rerank()
    if candidates is None:
        raise CrosshashError(
            f"{path}: the run's plans are of another method than the index. Run `dvc repro`."
        )
    return Quantiser(arrays["codebook"], {name: arrays[name] for name in MODALITIES}, candidates)


def _told(statistics: dict[str, Any], modality: Modality, default: int) -> int:
    """Say how many items of a modality the statistics name."""
    named: int = statistics.get(modality, {}).get("items", default)
    return named


def _digest(folder: Path) -> str:
    """Give the digest of the files that count: of segments, those that others hold may go at any time."""
    try:
        segments, counting = folder / SEGMENTS, set(segment_paths(folder))
        others = set(segments.iterdir()) - counting if counting else ()
        return folder_digest(folder, others)
    except FileNotFoundError as error:  # another process replaces files
        raise missing(Path(error.filename)) from None


def _state(folder: Path) -> tuple[object, ...] | None:
    """Tell states of a folder apart that is replaced as a whole, or gets files beside its own."""
    try:
        found = folder.stat()
        segments = segment_paths(folder)
    except (FileNotFoundError, CrosshashError):
        return None
    return found.st_ino, found.st_mtime_ns, *(path.name for path in segments)
