"""Write the hash codes of queries and retrieval set: delivered length, trained length, targets as codes."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from crosshash.artifacts import atomic_path, write_json, write_npz
from crosshash.centers.center_book import CenterBook, read_centers
from crosshash.centers.transform import Matrix, read_transform
from crosshash.codes.bit_index import BitIndex, cut, write_bit_index
from crosshash.codes.encoder_digest import NAME as ENCODER
from crosshash.codes.encoder_digest import describe_encoder
from crosshash.codes.hashcodes import pack, unpack
from crosshash.codes.quantiser import Codebook
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.encode import EncodePlan
from crosshash.errors import run_stage
from crosshash.formats.mat import write_mat
from crosshash.inference.bit_choice import choose_bits
from crosshash.inference.device import make_deterministic, settled_device
from crosshash.inference.encoding import EncodedItems, encode_items, joined
from crosshash.inference.model_folder import Model, load_model
from crosshash.models.method import Method
from crosshash.pairs.info import DatasetInfo, read_info
from crosshash.pairs.labels import label_matrix
from crosshash.protocols import BitScalable, Quantising
from crosshash.shards.prepared import prepared
from crosshash.shards.tar_files import read_items

PARTS = {"query": ("query",), "retrieval": ("train", "val", "rest")}
MODEL, TRANSFORM = Path("artifacts/model"), Path("artifacts/transform.npz")
CENTERS = Path("artifacts/centers/short.npz")
CODES = Path("artifacts/codes")
Arrays = dict[str, np.ndarray]


def main(dataset: str) -> None:
    """Write artifacts/codes, all files or none."""
    plan = read_plan("encode", EncodePlan)
    data = Path("data") / dataset
    make_deterministic(plan.threads)
    device = settled_device(plan.device)
    model = load_model(MODEL)
    model.method.to(device)
    transform = read_transform(TRANSFORM)
    book = read_centers(CENTERS)
    info = read_info(data)
    encoded = encode_parts(model, transform, data, info, plan, torch.device(device))
    chosen = bit_index(model, encoded, info.classes, plan)
    sides = {
        name: joined([encoded[part] for part in parts if part in encoded]) for name, parts in PARTS.items()
    }
    with atomic_path(CODES) as folder:
        folder.mkdir()
        write_sides(folder, sides, info.classes, chosen, book, plan)
        write_quantised(folder, model.method, sides["query"], sides["retrieval"])
        write_bit_index(folder, chosen)
        kept = None if chosen is None else chosen.index
        write_json(folder / ENCODER, describe_encoder(model.digest, transform, kept, plan.bits))
    for name, items in sides.items():
        logging.getLogger(__name__).info(
            "%s: %d items, %d bits on %s", name, len(items.ids), plan.bits, device
        )


def encode_parts(
    model: Model,
    transform: Matrix | None,
    data: Path,
    info: DatasetInfo,
    plan: EncodePlan,
    device: torch.device,
) -> dict[str, EncodedItems]:
    """Encode all parts that have items."""
    return {
        part: encode_items(
            model.method,
            prepared(read_items(data, part), model.prepare_image, model.prepare_text),
            transform,
            plan.caption,
            plan.batch,
            device,
            keep_real=isinstance(model.method, Quantising),
        )
        for part in ("query", *PARTS["retrieval"])
        if info.counts[part]
    }


def write_sides(
    folder: Path,
    sides: dict[str, EncodedItems],
    classes: tuple[str, ...],
    chosen: BitIndex | None,
    book: CenterBook | None,
    plan: EncodePlan,
) -> None:
    """Write the codes of queries and retrieval set, their targets as codes, and both for MATLAB."""
    targets: Arrays = {"used": np.array(book is not None)}
    delivered: dict[str, Arrays] = {}
    for name, items in sides.items():
        labels = label_matrix(items.labels, classes)
        long = code_arrays(items, labels, classes, plan.train_bits, short=False)
        write_npz(folder / f"{name}_long.npz", long)
        short = items if chosen is None else shortened_to(chosen, items, plan.train_bits)
        delivered[name] = code_arrays(short, labels, classes, plan.bits, short=True)
        write_npz(folder / f"{name}.npz", delivered[name])
        if book is not None:
            targets[name] = target_codes(book, labels)
    write_npz(folder / "targets.npz", targets)
    write_mat(folder / "codes.mat", matlab_arrays(delivered, plan.bits))


def bit_index(
    model: Model, encoded: dict[str, EncodedItems], classes: tuple[str, ...], plan: EncodePlan
) -> BitIndex | None:
    """Choose which bits are delivered, where the method's code is one that is cut."""
    if not isinstance(model.method, BitScalable) or plan.significance is None:
        return None
    significances = {
        name: values.double().cpu().numpy() for name, values in model.method.significances().items()
    }
    val, train = encoded.get("val"), encoded["train"]
    return choose_bits(significances, plan.significance, plan.bits, val, train, classes)


def shortened_to(chosen: BitIndex, items: EncodedItems, bits: int) -> EncodedItems:
    """Deliver the chosen bits of the trained codes."""
    return replace(
        items,
        image_short=cut(items.image_long, bits, chosen.index),
        text_short=cut(items.text_long, bits, chosen.index),
    )


def write_quantised(folder: Path, method: Method, query: EncodedItems, retrieval: EncodedItems) -> None:
    """Write words and real vectors of a method that quantises; for the others, that there are none."""
    quantised: Arrays = {"used": np.array(isinstance(method, Quantising))}
    real = quantised.copy()
    if isinstance(method, Quantising):
        book = Codebook(method.dictionaries().cpu().numpy())
        known = method.known_words().cpu().numpy().astype(np.int64)
        kind = np.uint8 if book.dictionaries.shape[1] <= 256 else np.uint16
        quantised["codebook"] = book.dictionaries
        for modality in ("image", "text"):
            real[modality] = getattr(retrieval, f"{modality}_real")
            quantised[modality] = book.encode(real[modality], known).astype(kind)
            quantised[f"query_{modality}"] = getattr(query, f"{modality}_real")
    write_npz(folder / "quantised.npz", quantised)
    write_npz(folder / "real.npz", real)


def code_arrays(
    encoded: EncodedItems, labels: np.ndarray, classes: tuple[str, ...], bits: int, short: bool
) -> Arrays:
    """Lay out codes of one length as docs/architecture.md says."""
    return {
        "image": encoded.image_short if short else encoded.image_long,
        "text": encoded.text_short if short else encoded.text_long,
        "labels": labels,
        "ids": encoded.ids,
        "bits": np.array(bits, np.int64),
        "classes": np.array(classes, dtype=np.str_),
        "has_text": encoded.has_text,
        "has_labels": np.asarray(labels.any(axis=1)),
    }


def target_codes(book: CenterBook, labels: np.ndarray) -> np.ndarray:
    """Pack the short targets of labelled items; items without labels have none and stay zero."""
    packed = np.zeros((len(labels), -(-book.bits // 8)), np.uint8)
    labelled = labels.any(axis=1)
    packed[labelled] = pack(book.targets(labels[labelled]))
    return packed


def matlab_arrays(codes: dict[str, Arrays], bits: int) -> Arrays:
    """Lay out codes as published code writes them: +-1 int8 for images and texts, 0/1 labels.

    That layout has no word for an absent text or label: items that lack
    one are left out (labels count only where some item has any).
    """
    arrays: Arrays = {}
    labelled = any(side["has_labels"].any() for side in codes.values())
    for letter, name in (("q", "query"), ("r", "retrieval")):
        side = codes[name]
        whole = side["has_text"] & (side["has_labels"] | (not labelled))
        arrays[f"{letter}_img"] = unpack(side["image"][whole], bits)
        arrays[f"{letter}_txt"] = unpack(side["text"][whole], bits)
        arrays[f"{letter}_l"] = side["labels"][whole]
    return arrays


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_stage(lambda: main(sys.argv[1]))
