from __future__ import annotations

import numpy as np

from crosshash.index.large.lists import Lists

CODES = np.array([[0b00000001], [0b00000011], [0b11110000], [0b11111000], [0b11111111]], np.uint8)
ROWS = np.array([9, 4, 7, 2, 5], np.uint32)
STARTS = np.array([0, 2, 2, 4, 5])
CENTROIDS = np.array([[0b00000001], [0b00000010], [0b11110000], [0b11111111]], np.uint8)
"""Lists of 2, 0, 2 and 1 codes."""


def test_the_nearest_of_the_lists_looked_at() -> None:
    """Query 0, two lists: the centroids with codes are 1, 4 and 8 bits away, so lists 0 and 2, whose codes
    are 1, 2, 4 and 5 away. Of the first list alone come two; a third makes the next list come, too.
    """
    query = np.zeros((1, 1), np.uint8)
    for nprobe, top in ((2, 1), (2, 4), (1, 2), (1, 3), (1, 5), (4, 5)):
        rows, distances = Lists(CODES, ROWS, STARTS, CENTROIDS, nprobe).nearest(query, top)
        assert (rows.dtype, distances.dtype) == (np.int64, np.int32)
        assert rows.tolist() == [[9, 4, 7, 2, 5][:top]]
        assert distances.tolist() == [[1, 2, 4, 5, 8][:top]]


def test_items_of_other_lists_are_missed() -> None:
    """Query 01111111 is 1, 5 and 6 bits from the centroids of lists 3, 2 and 0. List 3 holds row 5 at 1,
    list 2 rows 7 and 2 at 5 and 4, list 0 rows 9 and 4 at 6 and 5: row 4 is met where all three are.
    """
    query = np.array([[0b01111111]], np.uint8)
    for nprobe, top, expected in ((1, 1, [5]), (1, 2, [5, 2]), (2, 3, [5, 2, 7]), (3, 4, [5, 2, 4, 7])):
        assert Lists(CODES, ROWS, STARTS, CENTROIDS, nprobe).nearest(query, top)[0].tolist() == [expected]


def test_real_queries_look_at_twice_as_many_lists() -> None:
    """All values 1: a code of b set bits scores 2 b - 8. The centroids have 1, 4 and 8, so at nprobe 1 come
    lists 3 and 2, with 8 of row 5, 2 of row 2 and 0 of row 7; at nprobe 2 also -4 of row 4, -6 of row 9.
    """
    query = np.ones((1, 8), np.float32)
    for nprobe, top in ((1, 3), (2, 5), (1, 5)):
        rows, scores = Lists(CODES, ROWS, STARTS, CENTROIDS, nprobe).best(query, top)
        assert rows.tolist() == [[5, 2, 7, 4, 9][:top]]
        assert scores.tolist() == [[8, 2, 0, -4, -6][:top]]


def test_the_share_that_is_compared() -> None:
    """Query 0 looks at list 0, 2 codes, and query 255 at list 3, 1 code; each at the 3 centroids with codes:
    5 and 4 of 5 codes, 0.9 on average. For 2 items query 255 looks at list 2, too: 5 and 6 of 5, 1.1 on
    average. For 3 both do: 7 and 6 of 5, 1.3 on average.
    """
    queries = np.array([[0], [255]], np.uint8)
    lists = Lists(CODES, ROWS, STARTS, CENTROIDS, 1)
    assert lists.compared(queries, 1) == 0.9
    assert lists.compared(queries, 2) == 1.1
    assert lists.compared(queries, 3) == 1.3
