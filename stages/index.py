"""Put the codes of the retrieval set into a search index, both modalities."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crosshash.artifacts import atomic_path, missing, write_json, write_npz
from crosshash.codes.hashcodes import unpack
from crosshash.errors import CrosshashError, listed, run_stage
from crosshash.index.code_index import CodeIndex
from crosshash.plans.base import read_plan
from crosshash.plans.index import IndexPlan
from crosshash.retrieval.codeset import CodeSet, Modality, read_code_set
from crosshash.retrieval.quantised import QuantisedSet, read_quantised

CODES = Path("artifacts/codes/retrieval.npz")
QUANTISED = Path("artifacts/codes/quantised.npz")
MODALITIES: tuple[Modality, ...] = ("image", "text")


def main() -> None:
    """Write artifacts/index: an index per modality, the quantiser if there is one, the items, statistics."""
    if len(sys.argv) != 2:
        raise CrosshashError("the index stage takes the data set's name: python -m stages.index scenes")
    plan = read_plan("index", IndexPlan)
    codes = read_code_set(CODES)
    if codes.bits != plan.bits:
        raise CrosshashError(
            f"{CODES} has {codes.bits} bits, plan/index.yaml says {plan.bits}; run `dvc repro`."
        )
    items = _items(Path("data") / sys.argv[1] / "pairs.parquet", codes)
    quantised = read_quantised(QUANTISED, len(codes))
    with atomic_path(Path("artifacts/index")) as folder:
        folder.mkdir()
        statistics: dict[str, Any] = {"bits": codes.bits}
        for modality in MODALITIES:
            rows = np.flatnonzero(codes.has(modality))
            index = CodeIndex.build(codes.packed(modality)[rows], rows)
            index.save(folder / f"{modality}.faiss")
            size = (folder / f"{modality}.faiss").stat().st_size
            statistics[modality] = _statistics(codes.packed(modality)[rows], codes.bits, size)
        if quantised is not None:
            write_npz(folder / "quantiser.npz", quantiser(quantised))
        pq.write_table(items, folder / "items.parquet")
        write_json(folder / "statistics.json", statistics)
    print(f"indexed {statistics['image']['items']} images and {statistics['text']['items']} texts")


def quantiser(found: QuantisedSet) -> dict[str, np.ndarray]:
    """Keep what a second stage of search needs of the items: codebook and words, never a real vector."""
    return {
        "codebook": found.codebook.dictionaries,
        "image": found.words["image"],
        "text": found.words["text"],
    }


def _items(path: Path, codes: CodeSet) -> pa.Table:
    """Describe the retrieval items, in the order of the codes; `row` is the row in the pair table."""
    if not path.is_file():
        raise missing(path)
    pairs = pq.read_table(path, columns=["id", "image", "captions", "labels"])
    places = {item: row for row, item in enumerate(pairs["id"].to_pylist())}
    strangers = [f"id '{item}'" for item in codes.ids.tolist() if item not in places]
    if strangers:
        raise CrosshashError(
            f"{CODES} holds items that {path} does not know; run `dvc repro`:\n{listed(strangers)}"
        )
    rows = [places[item] for item in codes.ids.tolist()]
    chosen = pairs.take(rows)
    captions = [captions[0] if captions else "" for captions in chosen["captions"].to_pylist()]
    return pa.table(
        {
            "id": chosen["id"],
            "row": pa.array(rows, pa.int64()),
            "image": chosen["image"],
            "caption": pa.array(captions, pa.string()),
            "labels": chosen["labels"],
        }
    )


def _statistics(packed: np.ndarray, bits: int, size: int) -> dict[str, Any]:
    """Count items, bytes of the file, distinct codes, and the share of +1 for each bit."""
    balance = (unpack(packed, bits) > 0).mean(axis=0).round(6).tolist() if len(packed) else []
    return {
        "items": len(packed),
        "bytes": size,
        "bytes_per_item": round(size / len(packed), 3) if len(packed) else None,
        "distinct_codes": len(np.unique(packed, axis=0)),
        "bit_balance": balance,
    }


if __name__ == "__main__":
    run_stage(main)
