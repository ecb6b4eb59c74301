"""`crosshash export bundle`: what answers in a project, written as one folder that answers without it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from crosshash import __version__
from crosshash.artifacts import atomic_path, write_json, write_npz
from crosshash.bundle.encoder import PARTS, SHORTENING
from crosshash.bundle.manifest import NAME, VERSION, count_pictures, described_files
from crosshash.collection.grown_index import write_codes
from crosshash.collection.own_pictures import store_picture
from crosshash.errors import CrosshashError
from crosshash.export.card import card_of_run, card_text
from crosshash.export.graphs import write_graph
from crosshash.export.readers import described_reader
from crosshash.index.large.large_index import large_folder
from crosshash.parquet import write_parquet
from crosshash.readers.described import Described, reader_of
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality
from crosshash.retrieval.codefiles.segments import segment_paths
from crosshash.search.decoding import clean_picture
from crosshash.search.folders.index_folder import INDEX, ITEMS, QUANTISER, STATISTICS, IndexFolder
from crosshash.search.items import COLUMNS, PICTURE
from crosshash.search.searcher import Searcher
from crosshash.search.trained import TrainedEncoder, load_encoder
from crosshash.workers.progress import tracked


def write_bundle(project: Path, target: Path, index: Path | None = None, side: int | None = None) -> None:
    """Write a project's model and index as a folder, complete or not at all.

    index: as of `Searcher.open`. side: of the small pictures that come along, in pixels; None: none do.

    Raises:
        CrosshashError: the folder is there already, the project has no model and index that fit together, or
            a network or tokenizer cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CrosshashError(f"{target}: is there already and not empty. Name a new folder.")
    encoder = load_encoder(project)
    searcher = Searcher.over(encoder, project, index)
    with atomic_path(target) as folder:
        folder.mkdir()
        readers = {one: _write_network(folder, encoder, one) for one in MODALITIES}
        _write_shortening(folder, encoder)
        _write_index(folder, searcher, side)
        card = card_of_run(project, encoder.model, searcher)
        (folder / "README.md").write_text(card_text(card), encoding="utf-8")
        write_json(folder / NAME, _manifest(folder, searcher, encoder, readers, card))


def _manifest(
    folder: Path,
    searcher: Searcher,
    encoder: TrainedEncoder,
    readers: dict[Modality, Described],
    card: dict[str, Any],
) -> dict[str, Any]:
    facts, quantiser, code = encoder.facts, searcher.index.quantiser, encoder.vector_code
    return {
        "version": VERSION,
        "crosshash": __version__,
        "method": facts.method,
        "dataset": searcher.dataset,
        "bits": encoder.bits,
        "train_bits": facts.train_bits,
        "digest": facts.digest,
        "max_side": encoder.max_side,
        "dims": dict(facts.dims),
        "readers": readers,
        "quantises": facts.quantises,
        "vectors": None if code is None else code.kind,
        "rerank": None if quantiser is None else quantiser.rerank,
        "warning": card["warning"],
        "pictures": count_pictures(folder),
        "card": card,
        "files": described_files(folder),
    }


def _write_network(folder: Path, encoder: TrainedEncoder, modality: Modality) -> Described:
    """Write the graph of a modality and the long parts of its reader; gives the reader's description."""
    model = encoder.model
    frozen = model.frozen.get(modality)
    spec = frozen.spec if frozen else model.card.text if modality == "text" else model.card.image
    described = described_reader(spec, modality)
    write_graph(model, modality, torch.from_numpy(_example(described)), folder / f"{modality}.onnx")
    told = dict(described)
    for key, name in PARTS.items():
        if key in told:
            lines = told[key] if isinstance(told[key], str) else "".join(f"{word}\n" for word in told[key])
            (folder / name).write_text(lines, encoding="utf-8", newline="\n")
            told[key] = name
    return told


def _example(described: Described) -> np.ndarray:
    """Give two inputs of a network, of which one is shorter than the other where they have a length."""
    if described["kind"] == "vectors":
        return np.zeros((2, described["dim"]), np.float32)
    if described["kind"] == "pictures":
        return np.zeros((2, 3, described["size"], described["size"]), np.uint8)
    read = reader_of(described)
    return np.stack([read("a"), read("a red circle")])


def _write_shortening(folder: Path, encoder: TrainedEncoder) -> None:
    code = encoder.vector_code
    words = None if code is None else code.words
    found = {"matrix": encoder.matrix, "kept": encoder.kept, "words": words}
    write_npz(folder / SHORTENING, {name: one for name, one in found.items() if one is not None})


def _write_index(folder: Path, searcher: Searcher, side: int | None) -> None:
    """Copy the index; the table of items names the small pictures, and no others."""
    index, target = searcher.files, folder / INDEX
    if large_folder(index.folder, MODALITIES[0]).is_dir():
        raise CrosshashError(f"{index.folder}: an index of very many codes is served from its project alone.")
    target.mkdir()
    if segment_paths(index.folder):
        write_json(target / STATISTICS, index.statistics | write_codes(target, index))
    else:
        for name in (*(f"{one}.faiss" for one in MODALITIES), STATISTICS, QUANTISER):
            if (index.folder / name).is_file():
                shutil.copyfile(index.folder / name, target / name)
    table = index.items.whole().table.select(COLUMNS)
    if side is not None:
        names = _pictures(folder, searcher, index, side)
        table = table.append_column(PICTURE, pa.array(names, pa.string()))
    write_parquet(target / ITEMS, table.schema, [table])


def _pictures(folder: Path, searcher: Searcher, index: IndexFolder, side: int) -> Sequence[str | None]:
    """Write a small picture of each item that has one; gives their names, by row."""
    if not searcher.of_pictures:
        raise CrosshashError("--pictures: this project's images are vectors; there are no pictures of them.")
    ids = index.items.whole().table["id"].to_pylist()
    names: list[str | None] = []
    for item in tracked(ids, len(ids), "shrunk", "pictures"):
        found = None if item is None else searcher.picture(item)
        names.append(store_picture(folder, clean_picture(found, side)) if found else None)
    return names
