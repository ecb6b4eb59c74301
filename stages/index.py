"""Put the codes of the retrieval set into search indexes, and measure what approximate ones would find."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crosshash.artifacts import atomic_path, read_json, write_json, write_npz
from crosshash.codes.different_rows import different_rows
from crosshash.codes.encoder_digest import NAME
from crosshash.codes.hashcodes import unpack
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.index import IndexPlan
from crosshash.errors import CrosshashError, listed
from crosshash.index.code_index import AUTO_IVF, CodeIndex
from crosshash.index.comparison import compare_kinds
from crosshash.index.large.build import build as build_large
from crosshash.index.large.large_index import AUTO_LARGE, large_folder
from crosshash.index.large.shards import Chosen
from crosshash.index.recall import Figures
from crosshash.pairs.table import NAME as PAIRS
from crosshash.pairs.table import read_columns
from crosshash.parquet import in_groups, write_parquet
from crosshash.retrieval.codefiles.codeset import CodeSet, Modality, read_code_set
from crosshash.retrieval.rerank.quantised import QuantisedSet, read_quantised
from crosshash.seeding import stream_seed
from stages import data_set, run

CODES = Path("artifacts/codes/retrieval.npz")
QUANTISED = Path("artifacts/codes/quantised.npz")
ENCODER, DISTANCE = Path("artifacts/codes") / NAME, Path("artifacts/codes/distance.json")
TIMINGS = Path("timings.json")
log = logging.getLogger(__name__)
ASKING: dict[Modality, tuple[Modality, str]] = {"image": ("text", "t2i"), "text": ("image", "i2t")}
"""Which modality asks for another, and the name of that task."""


def main() -> None:
    """Write artifacts/index: an index per modality, the quantiser if there is one, the items, statistics."""
    dataset, started = data_set(), time.perf_counter()
    plan = read_plan("index", IndexPlan)
    codes = read_code_set(CODES)
    if codes.bits != plan.bits:
        raise CrosshashError(
            f"{CODES} has {codes.bits} bits, plan/index.yaml says {plan.bits}; run `dvc repro`."
        )
    items = _items(Path("data") / dataset, codes)
    quantised = read_quantised(QUANTISED, len(codes))
    measured: dict[str, list[Figures]] = {}
    with atomic_path(Path("artifacts/index")) as folder:
        folder.mkdir()
        statistics: dict[str, Any] = {"bits": codes.bits, "encoder": read_json(ENCODER)}
        statistics["distance"] = plan.distance if plan.distance != "auto" else read_json(DISTANCE)["chosen"]
        if codes.vector_code is not None:
            statistics["vectors"] = codes.vector_code.kind
        for modality, (asking, task) in ASKING.items():
            if is_large(codes, modality, plan):
                statistics[modality], measured[task] = large(folder, codes, modality, asking, plan), []
                continue
            index, measured[task] = build(codes, modality, asking, plan)
            index.save(folder / f"{modality}.faiss")
            size = (folder / f"{modality}.faiss").stat().st_size
            statistics[modality] = _statistics(index, codes, size)
            tell(index, modality, plan.kind, statistics[modality]["distinct_codes"])
        statistics["search"] = search_section(plan.kind, measured)
        if quantised is not None:
            write_npz(folder / "quantiser.npz", quantiser(quantised))
            statistics["quantiser_bytes"] = (folder / "quantiser.npz").stat().st_size
        write_parquet(folder / "items.parquet", items.schema, in_groups(items))
        write_json(folder / "statistics.json", statistics)
    write_timings(time.perf_counter() - started, measured)
    counts = [statistics[modality]["items"] for modality in ASKING]
    print(f"indexed {counts[0]} images and {counts[1]} texts, searched by {statistics['distance']} distance")


def build(
    codes: CodeSet, modality: Modality, asking: Modality, plan: IndexPlan
) -> tuple[CodeIndex, list[Figures]]:
    """Index the items that have this modality; measured by codes of the other one, own pairs included."""
    rows = np.flatnonzero(codes.has(modality))
    queries = codes.packed(asking)[codes.has(asking)]
    seed = stream_seed(plan.seed, "index", modality)
    if codes.vector_code is not None:
        return CodeIndex.build(codes.packed(modality)[rows], rows), []
    index = CodeIndex.build(codes.packed(modality)[rows], rows, plan.kind, queries, seed)
    return index, compare_kinds(index, queries, seed)


def is_large(codes: CodeSet, modality: Modality, plan: IndexPlan) -> bool:
    """Say whether an index is to be mapped files, built in blocks."""
    many = int(codes.has(modality).sum()) >= AUTO_LARGE
    return plan.kind == "auto" and many and codes.vector_code is None


def large(
    folder: Path, codes: CodeSet, modality: Modality, asking: Modality, plan: IndexPlan
) -> dict[str, Any]:
    """Write the codes of a modality of a large collection; gives their statistics, with what was measured."""
    blocks = Chosen(codes.packed(modality), np.flatnonzero(codes.has(modality)))
    queries = codes.packed(asking)[codes.has(asking)]
    seed = stream_seed(plan.seed, "index", modality)
    target = large_folder(folder, modality)
    index = build_large(target, blocks, queries=queries, seed=seed)
    size = sum(path.stat().st_size for path in target.iterdir())
    if index.remark:
        log.warning("warning: %s: flat instead of ivf: %s", modality, index.remark)
    ones = np.zeros(codes.bits, np.int64)
    for block, _ in blocks:
        ones += np.unpackbits(block, axis=1, count=codes.bits).sum(axis=0, dtype=np.int64)
    return {
        "items": len(index),
        "kind": index.kind,
        "remark": index.remark,
        "bytes": size,
        "bytes_per_item": round(size / len(index), 3),
        "bit_balance": (ones / len(index)).round(6).tolist(),
        "search": index.description.get("search", []),
    }


def tell(index: CodeIndex, modality: Modality, kind: str, distinct: int) -> None:
    """Log what became of the kind that was asked for, and that `distinct` codes are too few to search."""
    if index.remark:
        asked = "ivf" if kind == "auto" else kind
        log.warning("warning: %s: flat instead of %s: %s", modality, asked, index.remark)
    elif kind == "auto":
        side = "below" if len(index) < AUTO_IVF else "from"
        log.info("%s: %s (%d items, %s %d)", modality, index.kind, len(index), side, AUTO_IVF)
    if distinct == 1 and len(index) > 1:
        log.warning("warning: all %d %ss have the same code: searches find anything", len(index), modality)


def search_section(kind: str, measured: Mapping[str, list[Figures]]) -> dict[str, Any]:
    """Lay out what was measured by task, the index's own figures first; tasks without items have none."""
    return {"kind": kind} | {
        task: [
            {"kind": one.kind, "setting": one.setting, "chosen": place == 0}
            | {name: round(value, 6) for name, value in one.recalls.items()}
            | {"compared": round(one.compared, 6)}
            for place, one in enumerate(figures)
        ]
        for task, figures in measured.items()
        if figures
    }


def write_timings(seconds: float, measured: Mapping[str, list[Figures]]) -> None:
    """Keep how long it took, and a query of each setting, in a file that no stage and no hash looks at."""
    search = {
        task: [
            {"kind": one.kind, "setting": one.setting, "ms_per_query": round(1000 * one.seconds, 4)}
            for one in figures
        ]
        for task, figures in measured.items()
    }
    others = read_json(TIMINGS) if TIMINGS.is_file() else {}
    write_json(TIMINGS, others | {"index": {"seconds": round(seconds, 1), "search": search}})


def quantiser(found: QuantisedSet) -> dict[str, np.ndarray]:
    """Keep what a second stage of search needs of the items: codebook and words, never a real vector."""
    return {
        "codebook": found.codebook.dictionaries,
        "image": found.words["image"],
        "text": found.words["text"],
    }


def _items(data: Path, codes: CodeSet) -> pa.Table:
    """Describe the retrieval items, in the order of the codes; `row` is the row in the pair table."""
    pairs = read_columns(data, ["id", "image", "captions", "labels"])
    ids = pa.array(codes.ids)
    rows = pc.index_in(ids, value_set=pairs["id"].combine_chunks())
    if rows.null_count:
        strangers = [f"id '{item}'" for item in ids.filter(rows.is_null()).to_pylist()]
        raise CrosshashError(
            f"{CODES} holds items that {data / PAIRS} does not know; run `dvc repro`:\n{listed(strangers)}"
        )
    chosen = pairs.take(rows)
    return pa.table(
        {
            "id": chosen["id"],
            "row": rows.cast(pa.int64()),
            "image": chosen["image"],
            "caption": _first(chosen["captions"]),
            "labels": chosen["labels"],
        }
    )


def _first(captions: pa.ChunkedArray) -> pa.ChunkedArray:
    """Take the first caption of each item; an empty text where there is none."""
    return pc.binary_join(pc.list_slice(captions, 0, 1), "")


def _statistics(index: CodeIndex, codes: CodeSet, size: int) -> dict[str, Any]:
    """Say what the index is; count items, bytes of the file, distinct codes, the share of +1 for each bit.

    Bytes of vectors have no such share.
    """
    signs = len(index) and codes.vector_code is None
    balance = (unpack(index.packed, codes.bits) > 0).mean(axis=0).round(6).tolist() if signs else []
    return {
        "items": len(index),
        "kind": index.kind,
        "remark": index.remark,
        "bytes": size,
        "bytes_per_item": round(size / len(index), 3) if len(index) else None,
        "distinct_codes": len(different_rows(index.packed)[0]),
        "bit_balance": balance,
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(main)
