"""Real codes of items: the trained networks over images and texts, each modality by itself, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosshash.codes.real_codes import to_half
from crosshash.codes.trained_codes import Block
from crosshash.config.plans.infer import InferPlan
from crosshash.embeddings.embedded_items import embedded_reader, items_of_shards
from crosshash.embeddings.vectors import Embeddings
from crosshash.inference.device import settled_device
from crosshash.inference.model_folder import Model
from crosshash.models.method import Method
from crosshash.pairs.table import PARTS
from crosshash.shards.prepared import PreparedItem, prepared
from crosshash.shards.tar_files import shard_names
from crosshash.workers.progress import counted

Encoder = Callable[[Tensor], Tensor]
Half = NDArray[np.float16]


def shard_encoder(
    model: Model, data: Path, embeddings: Embeddings, plan: InferPlan
) -> Callable[[str, int], Iterator[Block]]:
    """Make the function that runs the networks over a shard of a data set, told by part and number."""
    device = torch.device(settled_device(plan.device))
    model.method.to(device)
    reader = embedded_reader(embeddings, model.prepare_image, model.prepare_text)
    read = items_of_shards(data, embeddings)

    def encoded(part: str, number: int) -> Iterator[Block]:
        ready = prepared(read(part, number), reader)
        return encode_items(model.method, ready, plan.caption, plan.batch, device)

    return encoded


def run_networks(
    model: Model, data: Path, embeddings: Embeddings, plan: InferPlan, items: int
) -> Iterator[Block]:
    """Run the networks over all `items` items of a data set's folder, shard by shard as the infer stage."""
    encoded = shard_encoder(model, data, embeddings, plan)
    with counted(items, "inferred", "items") as advance:
        for part in PARTS:
            for number, _ in enumerate(shard_names(data, part)):
                for block in encoded(part, number):
                    advance(len(block.rows))
                    yield block


def soft_codes(encoder: Encoder, inputs: Sequence[np.ndarray], batch: int, device: torch.device) -> Half:
    """Encode prepared inputs with a network in eval mode; gives float16[N, K], whose sign is the code."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(inputs), batch):
            stacked = torch.from_numpy(np.stack(inputs[start : start + batch]))
            parts.append(to_half(encoder(stacked.to(device)).float().cpu().numpy()))
    return np.concatenate(parts)


def text_codes(
    method: Method, texts: Sequence[Sequence[np.ndarray]], batch: int, device: torch.device
) -> Half:
    """Encode items of several captions each; gives the mean float16[N, K], zero for items without any."""
    flat = [text for captions in texts for text in captions]
    none = np.zeros((0, method.train_bits), np.float16)
    soft = soft_codes(method.encode_text, flat, batch, device) if flat else none
    return item_means(soft, [len(captions) for captions in texts])


def item_means(soft: Half, counts: Sequence[int]) -> Half:
    """Average the rows of each item, which stand one after the other; zero for items without any."""
    means = np.zeros((len(counts), soft.shape[1]), np.float32)
    np.add.at(means, np.repeat(np.arange(len(counts)), counts), soft)
    return to_half(means / np.maximum(counts, 1)[:, None])


def encode_items(
    method: Method,
    items: Iterable[PreparedItem],
    caption: Literal["first", "all"],
    batch: int,
    device: torch.device,
) -> Iterator[Block]:
    """Encode items of both modalities, holding no more than a batch of pictures, in the order they come."""
    for chunk in _chunks(items, batch):
        image = soft_codes(method.encode_image, [item.image for item in chunk], batch, device)
        shown = [item.texts if caption == "all" else item.texts[:1] for item in chunk]
        yield Block(
            rows=np.array([item.row for item in chunk], np.int64),
            image=image,
            text=text_codes(method, shown, batch, device),
            has_text=np.array([len(item.texts) > 0 for item in chunk]),
        )


def _chunks(items: Iterable[PreparedItem], size: int) -> Iterator[list[PreparedItem]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
