"""How good a network is on the validation queries, which alone decide the epoch that is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import chain, islice

import numpy as np
from lightning_fabric import Fabric
from torch import Tensor

from crosshash.codes.hashcodes import pack
from crosshash.models.method import Method, encoding
from crosshash.protocols import Batches, PairBatch
from crosshash.retrieval.codefiles.codeset import VALIDATED
from crosshash.retrieval.measures.mean_ap import mean_average_precision

logger = logging.getLogger(__name__)


def validation(
    fabric: Fabric, method: Method, queries: Batches, train: Batches
) -> Callable[[], dict[str, float]] | None:
    """Make the function that scores the network as it is: mAP@all of the trained code, i2t and t2i.

    The validation queries search the training items; neither the query set nor its labels are read. None
    where no validation query shares a label with what it searches: then nothing can be chosen.
    """
    query_labels = np.concatenate([batch.labels.numpy() for batch in queries.in_order()]).astype(np.uint8)
    database_labels = np.concatenate([batch.labels.numpy() for batch in _first(train)]).astype(np.uint8)

    if not (query_labels.any(axis=0) & database_labels.any(axis=0)).any():
        logger.warning("no validation query has a relevant training item: the last epoch is kept")
        return None

    def score() -> dict[str, float]:
        query_image, query_text = pair_codes(fabric, method, queries.in_order())
        image, text = pair_codes(fabric, method, _first(train))
        return {
            "i2t": mean_average_precision(query_image, text, query_labels, database_labels),
            "t2i": mean_average_precision(query_text, image, query_labels, database_labels),
        }

    return score


def pair_codes(fabric: Fabric, method: Method, batches: Iterable[PairBatch]) -> tuple[np.ndarray, np.ndarray]:
    """Encode batches; gives packed image and text codes uint8[N, ceil(K/8)]."""
    images: list[np.ndarray] = []
    texts: list[np.ndarray] = []
    with encoding(method), fabric.autocast():
        for batch in batches:
            images.append(_packed(method.encode_image(batch.image.to(fabric.device))))
            texts.append(_packed(method.encode_text(batch.text.to(fabric.device))))
    return np.concatenate(images), np.concatenate(texts)


def _packed(soft: Tensor) -> np.ndarray:
    return pack(soft.float().cpu().numpy())


def _first(train: Batches) -> Iterable[PairBatch]:
    """Batches in order up to VALIDATED items."""
    batches = train.in_order()
    first = next(iter(batches))
    wanted = -(-VALIDATED // len(first.index)) - 1
    return chain([first], islice(batches, wanted))
