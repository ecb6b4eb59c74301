"""Codes of items: the trained networks over images and texts, each modality by itself, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from crosshash.centers.transform import apply_transform
from crosshash.codes.hashcodes import pack
from crosshash.models.method import Method
from crosshash.shards.prepared import PreparedItem

Encoder = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class EncodedItems:
    """Codes of N items in one order.

    rows: int64[N] of the pair table; ids `<U`[N]; labels: names per item; has_text: bool[N]. The rest are
    packed codes uint8[N, ceil(K/8)]: `long` as trained, `short` as delivered; zeros where there is no text;
    `real` is what the trained code is the sign of, float32[N, K], or float32[N, 0] where nobody asks for it.
    """

    rows: np.ndarray
    ids: np.ndarray
    labels: list[tuple[str, ...]]
    has_text: np.ndarray
    image_long: np.ndarray
    text_long: np.ndarray
    image_short: np.ndarray
    text_short: np.ndarray
    image_real: np.ndarray
    text_real: np.ndarray


def soft_codes(
    encoder: Encoder, inputs: Sequence[np.ndarray], batch: int, device: torch.device
) -> np.ndarray:
    """Encode prepared inputs with a network in eval mode; gives float32[N, K], whose sign is the code."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(inputs), batch):
            stacked = torch.from_numpy(np.stack(inputs[start : start + batch]))
            parts.append(encoder(stacked.to(device)).float().cpu().numpy())
    return np.concatenate(parts)


def text_codes(
    method: Method, texts: Sequence[Sequence[np.ndarray]], batch: int, device: torch.device
) -> np.ndarray:
    """Encode items of several captions each; gives the mean float32[N, K], zero for items without any."""
    flat = [text for captions in texts for text in captions]
    means = np.zeros((len(texts), method.train_bits), np.float32)
    if flat:
        item = np.repeat(np.arange(len(texts)), [len(captions) for captions in texts])
        np.add.at(means, item, soft_codes(method.encode_text, flat, batch, device))
        means /= np.maximum(np.bincount(item, minlength=len(texts)), 1)[:, None]
    return means


def shortened(soft: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Pack the delivered code: the long one through the transform, or as it is where there is none."""
    return pack(soft if matrix is None else apply_transform(soft, matrix))


def encode_items(
    method: Method,
    items: Iterable[PreparedItem],
    matrix: np.ndarray | None,
    caption: Literal["first", "all"],
    batch: int,
    device: torch.device,
    keep_real: bool = False,
) -> EncodedItems:
    """Encode items of both modalities, holding no more than a batch of pictures; sorted by row.

    matrix: float32[2K, 2k] of the transform, or None: the delivered code is the trained one.
    """
    parts = []
    kept = method.train_bits if keep_real else 0
    for chunk in _chunks(items, batch):
        image = soft_codes(method.encode_image, [item.image for item in chunk], batch, device)
        shown = [item.texts if caption == "all" else item.texts[:1] for item in chunk]
        text = text_codes(method, shown, batch, device)
        has_text = np.array([len(item.texts) > 0 for item in chunk])
        parts.append(
            EncodedItems(
                rows=np.array([item.row for item in chunk], np.int64),
                ids=np.array([item.id for item in chunk]),
                labels=[item.labels for item in chunk],
                has_text=has_text,
                image_long=pack(image),
                text_long=pack(text) * has_text[:, None],
                image_short=shortened(image, matrix),
                text_short=shortened(text, matrix) * has_text[:, None],
                image_real=image[:, :kept].copy(),  # a view would hold the rest
                text_real=text[:, :kept].copy(),
            )
        )
    return joined(parts)


def joined(parts: Sequence[EncodedItems]) -> EncodedItems:
    """Put parts of the same data set together, sorted by row."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    labels = [names for part in parts for names in part.labels]
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])[order]
        for name in (field.name for field in fields(EncodedItems) if field.name not in ("rows", "labels"))
    }
    return EncodedItems(rows=rows[order], labels=[labels[place] for place in order], **arrays)


def _chunks(items: Iterable[PreparedItem], size: int) -> Iterator[list[PreparedItem]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
