from __future__ import annotations

import numpy as np

from crosshash.seeding import stream, stream_seed


def test_a_stream_is_the_same_on_every_machine() -> None:
    """sha256("0/centers/long") begins 17b12e8c199b3e48; halved, so that it fits 63 bits: 0bd897460ccd9f24."""
    assert stream_seed(0, "centers", "long") == 0x0BD897460CCD9F24
    assert stream(0, "centers").integers(0, 2**32, 3).tolist() == [2406296073, 3993392970, 986032049]


def test_streams_of_other_names_or_seeds_differ() -> None:
    names = (("a",), ("b",), ("a", 1), ("a", 2), ("a", "b"))
    seeds = [stream_seed(seed, *parts) for seed in (0, 1) for parts in names]
    assert len(set(seeds)) == len(seeds)


def test_a_stream_starts_anew_each_time_it_is_opened() -> None:
    assert stream(3, "x").random(4).tolist() == stream(3, "x").random(4).tolist()


def test_a_stream_neither_reads_nor_moves_the_global_generator() -> None:
    np.random.seed(0)
    untouched = np.random.random(3).tolist()
    np.random.seed(0)
    first = stream(0, "x").random(10).tolist()
    assert np.random.random(3).tolist() == untouched
    assert stream(0, "x").random(10).tolist() == first
