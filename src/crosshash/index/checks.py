"""What an index refuses: codes and queries that do not fit it."""

from __future__ import annotations

import numpy as np

from crosshash.errors import CrosshashError, listed
from crosshash.index.asymmetric import Reals
from crosshash.index.exact import Codes, Rows


def check_codes(packed: Codes, rows: Rows, width: int, known: Rows) -> None:
    """Refuse codes that do not fit their rows, the index of `width` bytes, or the rows that it knows.

    Raises:
        CrosshashError: with all that does not fit.
    """
    problems = []
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != width or not width:
        problems.append(f"codes are {packed.dtype}{list(packed.shape)}, not uint8[N, {width}]")
    if rows.dtype.kind not in "iu" or rows.shape != packed.shape[:1]:
        problems.append(f"rows are {rows.dtype}{list(rows.shape)}, not one whole number per code")
    else:
        values = np.sort(rows)
        problems += [f"row {row} stands twice" for row in np.unique(values[1:][values[1:] == values[:-1]])]
        problems += [f"row {row} is in the index already" for row in values[np.isin(values, known)]]
        problems += [f"row {row} is below 0" for row in values[values < 0]]
    if problems:
        raise CrosshashError(f"these codes cannot be indexed:\n{listed(problems)}")


def check_top(items: int, top: int) -> None:
    """Refuse a search in nothing, or for nothing.

    Raises:
        CrosshashError: there are no items, or `top` is below 1.
    """
    if not items:
        raise CrosshashError("the index is empty: no item of the retrieval set has a code of this kind.")
    if top < 1:
        raise CrosshashError(f"top is {top}; at least 1 item must be asked for.")


def check_queries(queries: Codes, width: int) -> None:
    """Refuse query codes that are not uint8[Q, width].

    Raises:
        CrosshashError: they are not.
    """
    if queries.dtype != np.uint8 or queries.ndim != 2 or queries.shape[1] != width:
        raise CrosshashError(
            f"the query codes are {queries.dtype}{list(queries.shape)}, the index holds codes of "
            f"{width} bytes; encode the queries with the model and the bits of the index."
        )


def checked_reals(queries: Reals, width: int) -> Reals:
    """Give real-valued queries float[Q, K] as float32[Q, 8 width], zeros at the pad bits.

    Raises:
        CrosshashError: K is not that of codes of `width` bytes, or a query is all zeros or not finite.
    """
    most = 8 * width
    if queries.dtype.kind != "f" or queries.ndim != 2 or not most - 8 < queries.shape[1] <= most:
        raise CrosshashError(
            f"the real-valued queries are {queries.dtype}{list(queries.shape)}, the index holds codes of "
            f"{most - 7} to {most} bits; give float[Q, bits] of the model and the bits of the index."
        )
    padded = np.ascontiguousarray(queries)
    if queries.dtype != np.float32 or queries.shape[1] != most:
        padded = np.zeros((len(queries), most), np.float32)
        with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
            padded[:, : queries.shape[1]] = queries
    largest = np.abs(padded).max(axis=1)
    if not (largest.min(initial=1) > 0 and largest.max(initial=1) < np.inf):  # nor where one is not a number
        problems = [f"query {row} is not finite" for row in np.flatnonzero(~np.isfinite(largest))]
        problems += [f"query {row} is all zeros" for row in np.flatnonzero(largest == 0)]
        raise CrosshashError(f"these queries cannot be compared with codes:\n{listed(problems)}")
    return padded
