"""From real codes to hash codes: signs of the trained length and of the delivered one; numpy alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.centers.transform import Matrix, transformed
from crosshash.codes.bit_index import Index
from crosshash.codes.hashcodes import pack
from crosshash.codes.trained_codes import Block
from crosshash.codes.vector_code import VectorCode
from crosshash.retrieval.codefiles.codeset import MODALITIES, Modality

Packed = dict[Modality, NDArray[np.uint8]]


@dataclass(frozen=True)
class PackedItems:
    """Hash codes of N items in the order of the pair table, and the real ones of some.

    long, short: by modality, uint8[N, ceil(K/8)] as trained and as the transform gives it, or as vectors are
    stored; zeros where there is no text. real: by modality, float16[R, K], of the rows int64[R] that were
    asked for.
    """

    has_text: NDArray[np.bool_]
    long: Packed
    short: Packed
    rows: NDArray[np.int64]
    real: dict[Modality, NDArray[np.float16]]


def delivered(real: NDArray[np.floating], matrix: Matrix | None, kept: Index | None) -> NDArray[np.float32]:
    """Shorten real codes float[N, K]: by the transform, to the bits that are delivered, or not at all."""
    if kept is not None:
        return real[:, kept].astype(np.float32)
    return real.astype(np.float32) if matrix is None else transformed(real, matrix)


def pack_items(
    blocks: Iterable[Block],
    items: int,
    train_bits: int,
    matrix: Matrix | None,
    wanted: NDArray[np.int64],
    code: VectorCode | None = None,
) -> PackedItems:
    """Pack all blocks; `wanted`: rows whose real codes are given too; code: how vectors are stored."""
    short_bits = train_bits if matrix is None else matrix.shape[1] // 2
    short_bits = short_bits if code is None else code.bits
    place = np.full(items, -1)
    place[wanted] = np.arange(len(wanted))
    found = PackedItems(
        np.zeros(items, bool),
        {one: np.zeros((items, -(-train_bits // 8)), np.uint8) for one in MODALITIES},
        {one: np.zeros((items, -(-short_bits // 8)), np.uint8) for one in MODALITIES},
        wanted,
        {one: np.zeros((len(wanted), train_bits), np.float16) for one in MODALITIES},
    )
    for block in blocks:
        found.has_text[block.rows] = block.has_text
        asked = np.flatnonzero(place[block.rows] >= 0)
        for modality in MODALITIES:
            real = block.image if modality == "image" else block.text
            there = np.ones(len(real), bool) if modality == "image" else block.has_text
            long = pack(real)
            short = long if matrix is None else pack(transformed(real, matrix))
            short = short if code is None else code.encode(real)
            found.long[modality][block.rows] = long * there[:, None]
            found.short[modality][block.rows] = short * there[:, None]
            found.real[modality][place[block.rows[asked]]] = real[asked]
    return found
