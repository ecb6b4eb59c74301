"""The best items of each query, exactly: nearly all codes are ruled out by short sums, the rest is scored.

What an item loses against the best score a query can get is a sum over groups of four bits. Rounded down to
whole steps of a 250th of what the worst kept item loses, it fits a byte: a sum that is not below that of the
worst kept one cannot stand for a better item. As items get better, the steps get smaller.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from crosshash.index.lookup.kept import rise, sink, sort_kept
from crosshash.index.lookup.short_sums import (
    LANES,
    MASK_TYPE,
    TOGETHER,
    below_limit,
    below_limits,
    lowest_bit,
)
from crosshash.retrieval.ranking.compiled import compiled

STEPS, ENOUGH = 250, 180  # that the worst kept item loses, when steps are chosen and when they are anew
EVERY = 64  # a sample of one block in so many tells what is likely to be among the best of all
CHUNK = 1 << 15  # bytes of codes that all queries look at in turn
LARGE_PAGE = 1 << 21  # bytes, on x86
ROUNDED = 1e-13  # of what a query can lose at all: more than the rounding of sums

Asked = tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64], float]
"""Queries, the sums of their sizes, their byte tables, and the least step."""

State = tuple[
    NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]
]
"""Of each query: short tables uint8[Q, 2 W, 16], limit, step, how many are kept, what to score above."""

Best = tuple[NDArray[np.int64], NDArray[np.float64]]


def sampled_rank(blocks: NDArray[np.uint8], top: int) -> int:
    """Give the rank in the sample whose score `top` of all are likely to reach; 0 where it has too few."""
    rank = top // EVERY + 3 * math.isqrt(top // EVERY) + 2
    return rank if len(blocks) // EVERY * LANES >= rank else 0


@compiled
def best_of_all(
    blocks: NDArray[np.uint8],
    items: int,
    queries: NDArray[np.float32],
    tables: NDArray[np.float64],
    least_step: float,
    top: int,
    rank: int,
) -> Best:
    """Find places int64[Q, top] and scores float64[Q, top] of the items, by falling score, then place.

    blocks: uint8[ceil(N / LANES), W, LANES], the bytes of so many codes side by side, zeros behind the last
    item; items: N, at least `top`; queries: float32[Q, 8 W]; tables: float64[Q, W, 256], their `byte_tables`;
    least_step: what different scores differ by in what they lose, where that is known (1 for +-1 queries),
    else 0; rank: `sampled_rank`.

    All of it is compiled: a scan leaves nothing of Python in the cache, whose steps are slow after it.
    """
    most = np.zeros(len(queries))
    for query in range(len(queries)):
        for bit in range(queries.shape[1]):
            most[query] += abs(np.float64(queries[query, bit]))
    asked = queries, most, tables, least_step
    floors = np.full(len(queries), -np.inf)
    if rank:
        likely = _search(blocks, items, asked, rank, floors, EVERY)[1]
        for query in range(len(queries)):
            floors[query] = likely[query, rank - 1] - max(2 * least_step, most[query] * ROUNDED)
    places, scores, kept = _search(blocks, items, asked, top, floors, 1)
    short = np.flatnonzero(kept < top)
    if len(short):
        asked = queries[short], most[short], tables[short], least_step
        again = _search(blocks, items, asked, top, np.full(len(short), -np.inf), 1)
        for number in range(len(short)):
            places[short[number]], scores[short[number]] = again[0][number], again[1][number]
    return places, scores


@compiled
def _search(
    blocks: NDArray[np.uint8], items: int, asked: Asked, top: int, floors: NDArray[np.float64], every: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Go through every so many blocks for what scores above float64[Q]; gives also how many were found."""
    queries = len(floors)
    groups = -(-queries // TOGETHER) * TOGETHER
    short, limits = np.zeros((groups, 2 * blocks.shape[1], 16), np.uint8), np.zeros(groups, np.uint8)
    limits[:queries] = 255  # where nothing is known yet, nothing is ruled out
    kept = np.zeros(queries, np.int64)
    state = short, limits, np.zeros(queries), kept, floors.copy()
    places, scores = np.empty((queries, top), np.int64), np.empty((queries, top), np.float64)
    _scan(blocks, items, every, asked, state, np.zeros(TOGETHER, MASK_TYPE), places, scores)
    return places, scores, kept


def in_blocks(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay codes uint8[N, W] out for `best_of_all`."""
    count, width = packed.shape
    blocks = _on_large_pages(-(-count // LANES), width, LANES)
    full = count // LANES
    blocks[:full] = packed[: full * LANES].reshape(full, LANES, width).transpose(0, 2, 1)
    if full < len(blocks):
        blocks[full, :, : count - full * LANES] = packed[full * LANES :].T
    return blocks


def _on_large_pages(*shape: int) -> NDArray[np.uint8]:
    """Give zeros that begin where a large page does, so that Linux has none of small ones at either end."""
    size = math.prod(shape)
    room = np.zeros(size + LARGE_PAGE if size > LARGE_PAGE else size, np.uint8)
    start = -room.ctypes.data % LARGE_PAGE if size > LARGE_PAGE else 0
    return room[start : start + size].reshape(shape)


@compiled
def _scan(
    blocks: NDArray[np.uint8],
    items: int,
    every: int,
    asked: Asked,
    state: State,
    masks: NDArray[np.unsignedinteger],
    places: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> None:
    """Fill `places` and `scores` of all queries, as many as are kept, best first."""
    queries = len(places)
    for query in range(queries):
        if state[4][query] > -np.inf:
            _lower(query, asked, state)
    chunk = max(1, CHUNK // (blocks.shape[1] * LANES)) * every
    for begin in range(0, len(blocks), chunk):
        end = min(begin + chunk, len(blocks))
        for first in range(0, queries, TOGETHER):
            _look(blocks, items, begin, end, every, first, asked, state, masks, places, scores)
    for query in range(queries):
        sort_kept(query, state[3][query], places, scores)


@compiled
def _look(
    blocks: NDArray[np.uint8],
    items: int,
    begin: int,
    end: int,
    every: int,
    first: int,
    asked: Asked,
    state: State,
    masks: NDArray[np.unsignedinteger],
    places: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> None:
    """Go through a chunk of blocks for a group of queries."""
    short, limits = state[0], state[1]
    width, last = blocks.shape[1], min(first + TOGETHER, len(places))
    stride = short.shape[1] * short.shape[2]
    tables_at = short.ctypes.data + np.uintp(first * stride)
    limits_at, masks_at = limits.ctypes.data + np.uintp(first), masks.ctypes.data
    blocks_at, size = blocks.ctypes.data, width * LANES
    for number in range(begin, end, every):
        block_at = blocks_at + np.uintp(number * size)
        if first + 1 == last:
            some = below_limit(block_at, width, tables_at, stride, limits_at, masks_at)
        else:
            some = below_limits(block_at, width, tables_at, stride, limits_at, masks_at)
        if some:
            for query in range(first, last):
                mask = masks[query - first]
                if mask:
                    _take(blocks, number, items, mask, query, asked, state, places, scores)


@compiled
def _take(
    blocks: NDArray[np.uint8],
    number: int,
    items: int,
    mask: np.unsignedinteger,
    query: int,
    asked: Asked,
    state: State,
    places: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> None:
    """Score the codes of a block that may be better, keep those that are, and lower the limit."""
    tables, kept, floors = asked[2], state[3], state[4]
    better = False
    while mask:
        lane = np.int64(lowest_bit(mask))
        mask &= mask - MASK_TYPE(1)
        place, score = number * LANES + lane, 0.0
        if place >= items:
            break
        for byte in range(blocks.shape[1]):
            score += tables[query, byte, blocks[number, byte, lane]]
        if score > floors[query]:  # of equal ones the first stays
            if kept[query] < places.shape[1]:
                rise(query, places, scores, kept[query], place, score)
                kept[query] += 1
            else:
                sink(query, places, scores, places.shape[1], place, score)
            if kept[query] == places.shape[1]:
                floors[query] = scores[query, 0]
                better = True
    if better:
        _lower(query, asked, state)


@compiled
def _lower(query: int, asked: Asked, state: State) -> None:
    """Set the limit by the worst kept score; where few steps are left below it, choose smaller ones."""
    values, most, _, least_step = asked
    short, limits, steps, _, floors = state
    lost = (most[query] - floors[query]) / 2 + most[query] * ROUNDED
    if steps[query] == 0 or (lost < ENOUGH * steps[query] and steps[query] > least_step):
        steps[query] = max(lost / STEPS, least_step)
        for group in range(short.shape[1]):
            last = 8 * (group // 2) + (3 if group % 2 else 7)  # upper four bits stand first in `values`
            for word in range(16):
                loses = 0.0
                for bit in range(4):
                    value = np.float64(values[query, last - bit])
                    if (value > 0) != ((word >> bit) & 1 == 1):
                        loses += abs(value)
                short[query, group, word] = min(255, np.floor(loses / steps[query]))
    limits[query] = min(255, np.ceil((lost - least_step / 2) / steps[query]))
