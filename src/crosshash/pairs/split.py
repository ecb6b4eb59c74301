"""Who asks, who is trained on, who chooses the epoch: drawn from the ids or given, checked when read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosshash.artifacts import write_json
from crosshash.checksums import file_sha256
from crosshash.errors import CrosshashError, listed
from crosshash.pairs.source import SplitSizes
from crosshash.pairs.table import NAME as PAIRS
from crosshash.seeding import stream_seed

NAME = "split.json"
SMALLEST_WITH_VAL = 20


@dataclass(frozen=True)
class Split:
    """Ids by role. `train` is without `val_query`; queries search `retrieval`, all that is not query.

    Raises:
        CrosshashError: an id stands twice, or train and val_query are not inside retrieval.
    """

    query: tuple[str, ...]
    train: tuple[str, ...]
    val_query: tuple[str, ...]
    retrieval: tuple[str, ...]

    def __post_init__(self) -> None:
        taken = (*self.query, *self.train, *self.val_query)
        retrieval = set(self.retrieval)
        problems = []
        if len(set(taken)) < len(taken):
            problems.append("an item stands in two of query, train and val_query, or twice in one")
        if len(retrieval) < len(self.retrieval):
            problems.append("an item stands twice in the retrieval set")
        if retrieval & set(self.query):
            problems.append("a query stands in the retrieval set")
        if not retrieval.issuperset((*self.train, *self.val_query)):
            problems.append("a training item is missing from the retrieval set")
        if problems:
            raise CrosshashError(f"the split is not clean:\n{listed(problems)}")

    def rest(self) -> tuple[str, ...]:
        """Give the retrieval items that are neither trained on nor validation queries, in their order."""
        trained = {*self.train, *self.val_query}
        return tuple(item for item in self.retrieval if item not in trained)


def make_split(
    ids: Sequence[str], eligible: Sequence[bool], sizes: SplitSizes, val: float, seed: int
) -> Split:
    """Draw a split; `sizes` are counts, or shares (below 1) of the eligible items; `val` is a share of train.

    The order is drawn from each id by itself: texts and labels have no say in it, and an item added or taken
    away moves no other. A share that asks for more than is left takes what is left.

    Raises:
        CrosshashError: fewer eligible items than a count asks for, or nothing left to train on.
    """
    order = _drawn_order(ids, seed)
    may_be_chosen = {item for item, chosen in zip(ids, eligible, strict=True) if chosen}
    candidates = [item for item in order if item in may_be_chosen]
    n_query = _size("query", sizes.query, len(candidates))
    n_train = _size("train", sizes.train, len(candidates))
    if isinstance(sizes.train, float):
        n_train = max(1, min(n_train, len(candidates) - n_query))
    if n_query + n_train > len(candidates):
        raise CrosshashError(
            f"{len(candidates)} of {len(ids)} items can be queries or training items (those with a text, and "
            f"with a label where the data set has any), but the split asks for {n_query} "
            f"{'query' if n_query == 1 else 'queries'} and {n_train} training item{'s' * (n_train != 1)}. "
            "Lower split.query or split.train in params.yaml, or add items."
        )
    n_val = _val_count(val, n_train)
    query = candidates[:n_query]
    trained = candidates[n_query : n_query + n_train]
    asking = set(query)
    return Split(
        query=tuple(query),
        train=tuple(trained[n_val:]),
        val_query=tuple(trained[:n_val]),
        retrieval=tuple(item for item in order if item not in asking),
    )


def given_split(
    ids: Sequence[str],
    query: Sequence[str],
    train: Sequence[str],
    val_query: Sequence[str] | None,
    val: float,
    seed: int,
) -> Split:
    """Take queries and training items as given, in their order; all other items are searched.

    Without `val_query` the share `val` of the training items is drawn from their ids, as in `make_split`.
    """
    asking = set(query)
    if val_query is None:
        val_query = _drawn_order(train, seed)[: _val_count(val, len(train))]
        taken = set(val_query)
        train = [item for item in train if item not in taken]
    return Split(
        query=tuple(query),
        train=tuple(train),
        val_query=tuple(val_query),
        retrieval=tuple(item for item in _drawn_order(ids, seed) if item not in asking),
    )


def _drawn_order(ids: Sequence[str], seed: int) -> list[str]:
    """Sort ids by numbers drawn from each by itself, equal ones by id; there may be millions of them."""
    ids = sorted(ids)
    drawn = np.fromiter((stream_seed(seed, "split", item) for item in ids), np.int64, len(ids))
    return [ids[place] for place in np.argsort(drawn, kind="stable").tolist()]


def _val_count(val: float, n_train: int) -> int:
    """Give the number of validation queries: a share, at least one of a larger set, never all."""
    count = round(val * n_train)
    if val > 0 and n_train >= SMALLEST_WITH_VAL:
        count = max(count, 1)
    return min(count, n_train - 1)


def _size(key: str, asked: float, count: int) -> int:
    """Turn a count or a share into a count; a share is at least one item."""
    if isinstance(asked, int):
        return asked
    if asked >= 1:
        raise CrosshashError(
            f"params.yaml: split.{key}: {asked} is neither a share below 1 nor a count of items; "
            "write a count without a decimal point."
        )
    return max(1, round(asked * count))


def write_split(folder: Path, split: Split) -> None:
    """Write `split.json` beside the pair table, whose sha256 it keeps."""
    value = {
        "query": split.query,
        "train": split.train,
        "val_query": split.val_query,
        "pairs_sha256": file_sha256(folder / PAIRS),
    }
    write_json(folder / NAME, value)
