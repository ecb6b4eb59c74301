"""Write the hash codes of queries and retrieval set: delivered length, trained length, targets as codes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from crosshash.artifacts import atomic_path, write_json, write_npz
from crosshash.centers.center_book import CenterBook, read_centers
from crosshash.centers.transform import Matrix, read_transform
from crosshash.codes.bit_index import BitIndex, cut, write_bit_index
from crosshash.codes.encoder_digest import NAME as ENCODER
from crosshash.codes.encoder_digest import describe_encoder
from crosshash.codes.hashcodes import HashCodes, pack, unpack
from crosshash.codes.quantiser import Codebook
from crosshash.codes.real_codes import query_levels
from crosshash.codes.trained_codes import Block, ModelFacts, TrainedCodes, read_trained_codes
from crosshash.codes.vector_code import VectorCode
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.encode import EncodePlan
from crosshash.config.plans.infer import InferPlan
from crosshash.errors import CrosshashError
from crosshash.formats.matlab.mat import write_mat
from crosshash.formats.matlab.mat_pieces import LARGEST
from crosshash.inference.bit_choice import choose_bits
from crosshash.inference.distance_choice import choose_distance
from crosshash.inference.packing import Packed, PackedItems, delivered, pack_items
from crosshash.pairs.labelled_items import LabelledItems, read_labelled_items
from crosshash.retrieval.codefiles.codeset import MODALITIES, CodeSet, Modality
from crosshash.retrieval.codefiles.foreign_files import VECTORS
from crosshash.retrieval.codefiles.real_queries import NAME as REAL_QUERIES
from stages import data_set, run

PARTS = {"query": ("query",), "retrieval": ("train", "val", "rest")}
MODEL, OUTPUTS = Path("artifacts/model"), Path("artifacts/outputs")
EMBEDDINGS = Path("artifacts/embeddings")
TRANSFORM = Path("artifacts/transform.npz")
CENTERS = Path("artifacts/centers/short.npz")
CODES = Path("artifacts/codes")
DISTANCE = "distance.json"
Arrays = dict[str, np.ndarray]
log = logging.getLogger(__name__)


def main(dataset: str) -> None:
    """Write artifacts/codes, all files or none."""
    plan = read_plan("encode", EncodePlan)
    data = Path("data") / dataset
    matrix, book = read_transform(TRANSFORM), read_centers(CENTERS)
    items = read_labelled_items(data)
    outputs = read_trained_codes(OUTPUTS)
    facts = outputs.facts
    if facts.train_bits != plan.train_bits or outputs.items != len(items):
        raise CrosshashError(f"{OUTPUTS}: is of another model or data set. Run `dvc repro infer`.")
    asked = np.arange(len(items)) if facts.dictionaries is not None else items.rows("query", "val")
    code = facts.vector_code
    packed = pack_items(real_codes(outputs, data), len(items), plan.train_bits, matrix, asked, code)
    chosen = bit_index(facts, packed, items, plan)
    short = short_codes(packed, chosen, plan)
    with atomic_path(CODES) as folder:
        folder.mkdir()
        write_sides(folder, packed, short, items, book, plan, code)
        queries = real_levels(packed, items.rows("query"), matrix, chosen)
        write_npz(folder / REAL_QUERIES, {str(one): levels for one, levels in queries.items()})
        write_distance(
            folder,
            code_set(short, packed, items, items.rows("val"), plan.bits, code),
            real_levels(packed, items.rows("val"), matrix, chosen),
            code_set(short, packed, items, items.rows("train"), plan.bits, code),
        )
        write_quantised(folder, facts, packed, items)
        write_bit_index(folder, chosen)
        kept = None if chosen is None else chosen.index
        write_json(folder / ENCODER, describe_encoder(facts.digest, matrix, kept, plan.bits))
    for name, parts in PARTS.items():
        log.info("%s: %d items, %d bits", name, len(items.rows(*parts)), plan.bits)


def real_codes(outputs: TrainedCodes, data: Path) -> Iterator[Block]:
    """Read the real codes; where they were too large to keep, run the networks again."""
    if outputs.kept:
        return outputs.blocks()
    from crosshash.embeddings.vectors import read_embeddings
    from crosshash.inference.device import set_up_inference
    from crosshash.inference.encoding import run_networks
    from crosshash.inference.model_folder import load_model

    plan = read_plan("infer", InferPlan)
    set_up_inference(plan.threads)
    model = load_model(MODEL)
    if model.digest != outputs.facts.digest:
        raise CrosshashError(f"{OUTPUTS}: is of another model than {MODEL}. Run `dvc repro infer`.")
    return run_networks(model, data, read_embeddings(EMBEDDINGS), plan, outputs.items)


def bit_index(
    facts: ModelFacts, packed: PackedItems, items: LabelledItems, plan: EncodePlan
) -> BitIndex | None:
    """Choose which bits are delivered, where the method's code is one that is cut."""
    if facts.significances is None or plan.significance is None:
        return None
    val, train = (
        code_set(packed.long, packed, items, items.rows(part), plan.train_bits) for part in ("val", "train")
    )
    asking = val if len(val) else None
    return choose_bits(dict(facts.significances), plan.significance, plan.bits, asking, train)


def code_set(
    codes: Packed,
    packed: PackedItems,
    items: LabelledItems,
    rows: np.ndarray,
    bits: int,
    code: VectorCode | None = None,
) -> CodeSet:
    """Put codes of some rows together with what is known of the items; code: how vectors are stored."""
    return CodeSet(
        HashCodes(codes["image"][rows], bits, items.ids[rows]),
        HashCodes(codes["text"][rows], bits, items.ids[rows]),
        items.labels[rows],
        np.array(items.classes, dtype=np.str_),
        packed.has_text[rows],
        np.asarray(items.labels[rows].any(axis=1)),
        code,
    )


def write_sides(
    folder: Path,
    packed: PackedItems,
    short: Packed,
    items: LabelledItems,
    book: CenterBook | None,
    plan: EncodePlan,
    code: VectorCode | None,
) -> None:
    """Write the codes of queries and retrieval set, their targets as codes, and both for MATLAB."""
    targets: Arrays = {"used": np.array(book is not None)}
    sides: dict[str, CodeSet] = {}
    for name, parts in PARTS.items():
        rows = items.rows(*parts)
        long = code_set(packed.long, packed, items, rows, plan.train_bits)
        write_npz(folder / f"{name}_long.npz", code_arrays(long))
        sides[name] = code_set(short, packed, items, rows, plan.bits, code)
        write_npz(folder / f"{name}.npz", code_arrays(sides[name]))
        if book is not None:
            targets[name] = target_codes(book, items.labels[rows])
    write_npz(folder / "targets.npz", targets)
    write_matlab(folder / "codes.mat", sides)


def write_matlab(path: Path, sides: dict[str, CodeSet]) -> None:
    """Write the codes for MATLAB, unless one of their arrays would be larger than a variable may be."""
    largest = max(len(side) * max(_numbers(side), len(side.classes)) for side in sides.values())
    if largest <= LARGEST:
        write_mat(path, matlab_arrays(sides))
        return
    finding = f"a variable of MATLAB version 5 holds at most {LARGEST:,} bytes, not {largest:,}"
    log.warning("warning: no %s is written: %s", path.name, finding)


def _numbers(side: CodeSet) -> int:
    """Bytes of an item's code as numbers: int8, or float32 of a vector."""
    return side.bits if side.vector_code is None else 4 * side.dims


def short_codes(packed: PackedItems, chosen: BitIndex | None, plan: EncodePlan) -> Packed:
    """Give the delivered codes: the chosen bits of the trained ones, or what the transform made of them."""
    if chosen is None:
        return packed.short
    return {modality: cut(codes, plan.train_bits, chosen.index) for modality, codes in packed.long.items()}


def real_levels(
    packed: PackedItems, rows: np.ndarray, matrix: Matrix | None, chosen: BitIndex | None
) -> dict[Modality, np.ndarray]:
    """Give what the delivered codes of some rows are the signs of, in whole numbers."""
    kept, place = None if chosen is None else chosen.index, np.searchsorted(packed.rows, rows)
    return {one: query_levels(delivered(real[place], matrix, kept)) for one, real in packed.real.items()}


def write_distance(folder: Path, val: CodeSet, real: dict[Modality, np.ndarray], train: CodeSet) -> None:
    """Choose how the model is searched where nobody says so, and log it."""
    found = choose_distance(val if len(val) else None, real, train)
    log.info("searched by %s distance: %s", found.chosen, found.reason)
    write_json(folder / DISTANCE, {"chosen": found.chosen, "validation": found.validation})


def write_quantised(folder: Path, facts: ModelFacts, packed: PackedItems, items: LabelledItems) -> None:
    """Write words and real vectors of a method that quantises; for the others, that there are none."""
    used = facts.dictionaries is not None
    quantised: Arrays = {"used": np.array(used)}
    real = quantised.copy()
    if facts.dictionaries is not None and facts.known is not None:
        book = Codebook(facts.dictionaries)
        kind = np.uint8 if book.dictionaries.shape[1] <= 256 else np.uint16
        quantised["codebook"] = book.dictionaries
        query, retrieval = (items.rows(*parts) for parts in PARTS.values())
        for modality in MODALITIES:
            real[modality] = packed.real[modality][retrieval].astype(np.float32)
            quantised[modality] = book.encode(real[modality], facts.known).astype(kind)
            quantised[f"query_{modality}"] = packed.real[modality][query].astype(np.float32)
    write_npz(folder / "quantised.npz", quantised)
    write_npz(folder / "real.npz", real)


def code_arrays(codes: CodeSet) -> Arrays:
    """Lay out codes of one length as docs/architecture.md says."""
    told = {} if codes.vector_code is None else codes.vector_code.arrays()
    return told | {
        "image": codes.image.packed,
        "text": codes.text.packed,
        "labels": codes.labels,
        "ids": codes.ids,
        "bits": np.array(codes.bits, np.int64),
        "classes": codes.classes,
        "has_text": codes.has_text,
        "has_labels": codes.has_labels,
    }


def target_codes(book: CenterBook, labels: np.ndarray) -> np.ndarray:
    """Pack the short targets of labelled items; items without labels have none and stay zero."""
    packed = np.zeros((len(labels), -(-book.bits // 8)), np.uint8)
    labelled = labels.any(axis=1)
    packed[labelled] = pack(book.targets(labels[labelled]))
    return packed


def matlab_arrays(sides: dict[str, CodeSet]) -> Arrays:
    """Lay out codes as published code writes them: +-1 int8 for images and texts, 0/1 labels.

    What is stored as vectors is written decoded, float32, beside a mark that it is no code. That layout has
    no word for an absent text or label: items that lack one are left out (labels count only where some item
    has any).
    """
    arrays: Arrays = {}
    labelled = any(side.has_labels.any() for side in sides.values())
    for letter, name in (("q", "query"), ("r", "retrieval")):
        side = sides[name]
        whole = side.has_text & (side.has_labels | (not labelled))
        for key, codes in (("img", side.image.packed), ("txt", side.text.packed)):
            if side.vector_code is None:
                arrays[f"{letter}_{key}"] = unpack(codes[whole], side.bits)
            else:
                arrays[f"{letter}_{key}"] = side.vector_code.decode(codes[whole]).astype(np.float32)
        arrays[f"{letter}_l"] = side.labels[whole]
        if side.vector_code is not None:
            arrays[VECTORS] = np.ones(1, np.uint8)
    return arrays


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run(lambda: main(data_set()))
