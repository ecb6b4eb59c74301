"""How much of the exact answer an approximate search finds, and for how much work; settings chosen by it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosshash.index.distinct import flat_or_distinct
from crosshash.index.exact import Codes, Found, Rows
from crosshash.index.structures import SETTINGS, Kind, Structure, build_structure
from crosshash.seeding import stream

DEPTHS = (10, 100)
WANTED = 0.97  # recall on the sample: 0.95 with a margin for other queries
MOST = 1 / 8  # share of the codes compared; above it no structure is faster than going through all of them
FEWEST = 2_000  # items; below, everything is compared in a few microseconds
SAMPLE = 256  # queries


@dataclass(frozen=True)
class Figures:
    """What one setting finds. Everything but the time is the same on each run.

    recalls: `recall@k` counts an item as found whose distance is at most that of the k-th exact one,
    `recall@k[id]` only the items of the exact answer itself; compared: share of the codes that a query was
    compared with; seconds: of a query, on one thread.
    """

    kind: str
    setting: int | None
    recalls: dict[str, float]
    compared: float
    seconds: float


def recall(found: Found, exact: Found, depth: int) -> dict[str, float]:
    """Give the mean recall over the queries, by distance and by id.

    found: rows int64[Q, T] and distances int32[Q, T]; exact: the same of an exact search.
    """
    rows, distances = found[0][:, :depth], found[1][:, :depth]
    true_rows, true_distances = exact[0][:, :depth], exact[1][:, :depth]
    same = [len(np.intersect1d(a, b)) for a, b in zip(rows, true_rows, strict=True)]
    return {
        f"recall@{depth}": float(((rows >= 0) & (distances <= true_distances[:, -1:])).mean()),
        f"recall@{depth}[id]": float(np.sum(same) / true_rows.size),
    }


def measure(structure: Structure, queries: Codes, exact: Found, settings: Iterable[int]) -> Iterator[Figures]:
    """Try settings one after the other; the structure keeps the last.

    queries: packed uint8[Q, W], Q > 0; exact: their answers, whose length is how far is looked.
    """
    top = exact[0].shape[1]
    for setting in settings:
        structure.tune(setting)
        start = time.perf_counter()
        found, compared = structure.compared(queries, top)
        seconds = (time.perf_counter() - start) / len(queries)
        recalls = {name: value for depth in DEPTHS for name, value in recall(found, exact, depth).items()}
        yield Figures(structure.kind, setting, recalls, compared, seconds)


def curve(structure: Structure, queries: Codes, exact: Found) -> list[Figures]:
    """Measure more and more work, until all is found or half of the codes are compared."""
    points = []
    for figures in measure(structure, queries, exact, SETTINGS[structure.kind]):
        points.append(figures)
        if figures.compared > 1 / 2 or min(figures.recalls.values()) == 1:
            break
    return points


def exact_figures(queries: Codes, packed: Codes, rows: Rows) -> tuple[Figures, Found]:
    """Search exactly, which finds everything; gives the answers too, as many as recall looks at.

    queries, packed: uint8[Q, W], uint8[N, W], neither empty; rows: int64[N], rising.
    """
    flat = flat_or_distinct(packed)
    start = time.perf_counter()
    places, distances = flat.nearest(queries, min(max(DEPTHS), len(packed)))
    seconds = (time.perf_counter() - start) / len(queries)
    exact = (rows[places], distances)
    recalls = {name: value for depth in DEPTHS for name, value in recall(exact, exact, depth).items()}
    return Figures("flat", None, recalls, 1.0, seconds), exact


def tuned(
    kind: Kind, packed: Codes, rows: Rows, queries: Codes | None, seed: int
) -> tuple[Structure | None, str]:
    """Build a structure and give it the least work that finds enough; None and why where there is none.

    queries: packed uint8[Q, W] like those to come; without any, some of the codes themselves.
    """
    if len(packed) < FEWEST:
        return None, f"{len(packed)} items are too few for {kind}, which starts at {FEWEST}; searched exactly"
    structure = build_structure(kind, packed, rows, seed)
    sample = sampled(packed if queries is None or not len(queries) else queries, seed)
    _, exact = exact_figures(sample, packed, rows)
    for figures in measure(structure, sample, exact, SETTINGS[kind]):
        if figures.compared > MOST:
            break
        if min(figures.recalls[f"recall@{depth}"] for depth in DEPTHS) >= WANTED:
            return structure, ""
    return None, (
        f"{kind} does not find {WANTED:.0%} of what an exact search finds by comparing {MOST:.1%} of these "
        f"{len(packed)} codes; searched exactly"
    )


def sampled(codes: Codes, seed: int) -> NDArray[np.uint8]:
    """Draw codes that are asked for: packed uint8[at most SAMPLE, W]."""
    chosen = stream(seed, "index", "queries").permutation(len(codes))[:SAMPLE]
    return codes[np.sort(chosen)]
