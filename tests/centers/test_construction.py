from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosshash.centers import code_search, construction
from crosshash.centers.bounds import best_known_distance
from crosshash.centers.construction import code_words, draw_tie_bits, make_centers
from crosshash.codes.hamming import distances
from crosshash.codes.hashcodes import pack
from crosshash.errors import CrosshashError


def names(count: int) -> list[str]:
    return [f"class {i:05}" for i in range(count)]


def centers(count: int, bits: int, seed: int = 0, labels: np.ndarray | None = None) -> np.ndarray:
    return make_centers(names(count), bits, seed, "short", labels)[0].centers


def closest(words: np.ndarray) -> int:
    """Compare every pair of words."""
    if len(words) <= 100:
        return min(int((one != other).sum()) for one, other in combinations(words, 2))
    found = distances(pack(words), pack(words))
    return int(found[~np.eye(len(words), dtype=bool)].min())


def splits(words: np.ndarray) -> list[frozenset[int]]:
    """Give for each bit the classes that differ from class 0."""
    return [frozenset(np.flatnonzero(column != column[0]).tolist()) for column in words.T]


def antipodes(words: np.ndarray) -> list[tuple[int, int]]:
    return [pair for pair in combinations(range(len(words)), 2) if (words[pair[0]] == -words[pair[1]]).all()]


REQUIRED = [
    *(
        (80, bits, least)
        for bits, least in ((12, 4), (16, 6), (24, 10), (32, 14), (48, 24), (64, 32), (96, 48))
    ),
    *((count, bits, bits // 2) for count in (18, 21, 24) for bits in (16, 32, 64)),
    (255, 16, 6),
    (255, 32, 12),
    (255, 64, 28),
    (8, 16, 8),
    (8, 32, 16),
    (10, 64, 32),
    (80, 512, 256),
    (24, 2048, 1024),
    (300, 512, 256),
    (24, 4096, 2048),
]


@pytest.mark.parametrize(("count", "bits", "least"), REQUIRED)
def test_least_distances(count: int, bits: int, least: int) -> None:
    for seed in (0, 1) if count < 255 else (2,):
        words = centers(count, bits, seed)
        assert words.shape == (count, bits)
        assert least <= closest(words) <= best_known_distance(count, bits)[0]
        found = splits(words)
        assert frozenset() not in found
        assert len(set(found)) == bits


@pytest.mark.parametrize("seed", range(8))
def test_long_centers_have_no_constant_and_no_repeated_bit(seed: int) -> None:
    """Regression: the first 24 rows of order 512 have 32 different columns, 16 of them constant."""
    book, _ = make_centers(names(24), 512, seed, "long")
    found = splits(book.centers)
    assert frozenset() not in found
    assert len(set(found)) == 512
    assert closest(book.centers) == 256


def test_few_classes_use_every_split() -> None:
    """8 classes split in 127 ways; 512 bits are 4 times all of them and 4 more, 4 x 64 + 2 apart."""
    words = centers(8, 512)
    found = splits(words)
    assert len(set(found)) == 127
    assert frozenset() not in found
    assert {found.count(split) for split in set(found)} <= {4, 5, 6}
    assert closest(words) >= 256


@pytest.mark.parametrize(("count", "bits", "least"), [(4, 9, 5), (7, 66, 33), (8, 130, 65), (8, 129, 64)])
def test_bits_beyond_all_splits_are_words_of_their_own(
    count: int, bits: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 63 splits of 7 classes set each pair 32 bits apart; 3 more bits have 8 different words, so 33.

    The 127 splits of 8 classes set them 64 apart; 3 more bits suffice for 8 words, 2 do not.
    """
    monkeypatch.setattr(code_search, "TRIALS", 8)
    for seed in range(6):
        assert closest(centers(count, bits, seed)) == least


NORDSTROM_ROBINSON = [(32, 12, 5), (25, 13, 6), (64, 14, 6), (128, 15, 6), (256, 16, 6)]


@pytest.mark.parametrize(("count", "bits", "distance"), NORDSTROM_ROBINSON)
def test_nordstrom_robinson_words_of_fewer_bits(
    count: int, bits: int, distance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fixed bit halves the words; 32 words of 13 bits at distance 6 are at 5 without one of the bits."""
    monkeypatch.setattr(code_search, "TRIALS", 8)
    monkeypatch.setattr(construction, "GREEDY_BITS", 0)
    book, name = make_centers(names(count), bits, 0, "short")
    assert name == "words of the Nordstrom-Robinson code"
    assert closest(book.centers) == distance


@pytest.mark.parametrize(
    ("count", "bits"), [*(pair[:2] for pair in NORDSTROM_ROBINSON), (257, 16), (33, 13), (20, 11)]
)
def test_every_candidate_has_as_many_words_as_classes(
    count: int, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_search, "TRIALS", 8)
    monkeypatch.setattr(construction, "DRAWS", 2)
    monkeypatch.setattr(construction, "GREEDY_TRIES", 1)
    monkeypatch.setattr(construction, "GREEDY_BITS", 11)
    for words, _ in construction._candidates(count, bits, np.random.default_rng(0)):
        assert words.shape == (count, bits)
        assert words.dtype == np.int8
        assert len({word.tobytes() for word in words}) == count


def test_one_and_two_classes() -> None:
    for bits in (1, 2, 16, 33):
        assert centers(1, bits).shape == (1, bits)
        assert (centers(2, bits)[0] == -centers(2, bits)[1]).all()


def test_every_word_is_used_when_they_just_suffice() -> None:
    for bits in (1, 2, 3, 6, 8):
        assert len({word.tobytes() for word in centers(2**bits, bits)}) == 2**bits


def test_more_classes_than_words_are_refused_with_the_remedy() -> None:
    with pytest.raises(CrosshashError, match=r"80 classes do not fit into 6 bits.* at least 7"):
        make_centers(names(80), 6, 0, "short")
    with pytest.raises(CrosshashError, match=r"5 classes do not fit into 2 bits.* at least 3"):
        make_centers(names(5), 2, 0, "short")
    with pytest.raises(CrosshashError, match="no class"):
        make_centers([], 6, 0, "short")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_any_numbers(count: int, bits: int, seed: int) -> None:
    bits = max(bits, (count - 1).bit_length())
    book, construction = make_centers(names(count), bits, seed, "short")
    words = book.centers
    assert words.shape == (count, bits)
    assert construction
    if count > 1:
        assert closest(words) >= 1
        assert all((column != column[0]).any() for column in words.T)


@pytest.mark.parametrize(("count", "bits", "least"), [(3, 3, 2), (12, 17, 8), (10, 100, 49), (100, 101, 49)])
def test_odd_lengths(count: int, bits: int, least: int) -> None:
    assert closest(centers(count, bits)) >= least


@pytest.mark.parametrize(("count", "bits", "distance"), [(17, 8, 3), (17, 9, 4), (33, 10, 4)])
def test_few_bits_hold_more_words_than_linear_codes(
    count: int, bits: int, distance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linear codes of these distances have 16, 16 and 32 words; there are 20, 20 and 40."""
    monkeypatch.setattr(code_search, "TRIALS", 8)
    monkeypatch.setattr(construction, "GREEDY_BITS", bits)
    book, name = make_centers(names(count), bits, 0, "short")
    assert closest(book.centers) == distance
    assert name == "greedy code"


@pytest.mark.parametrize(("count", "bits"), [(1, 5), (3, 8), (6, 8), (12, 8), (17, 8), (40, 16), (200, 16)])
def test_there_are_as_many_words_as_classes(count: int, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_search, "TRIALS", 8)
    words, _ = code_words(count, bits, np.random.default_rng(0))
    assert words.shape == (count, bits)
    assert words.dtype == np.int8


def test_where_a_greedy_choice_does_not_reach_the_bound_the_next_distance_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There are 20 words of 8 bits at distance 3; one try does not find them."""
    monkeypatch.setattr(construction, "GREEDY_TRIES", 1)
    assert best_known_distance(20, 8)[0] == 3
    found = [words for words, _ in construction._greedy(20, 8, np.random.default_rng(0))]
    assert [closest(words) for words in found] == [2]


@pytest.mark.parametrize(("count", "bits", "least"), [(10, 63, 32), (12, 11, 6), (20, 39, 20)])
def test_one_bit_less_than_a_hadamard_matrix_costs_no_distance(
    count: int, bits: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows may be negated until one column is constant; that holds for all of the rows as well."""
    monkeypatch.setattr(code_search, "TRIALS", 8)
    monkeypatch.setattr(construction, "GREEDY_BITS", 0)
    assert closest(centers(count, bits)) == least


def test_rows_are_drawn_until_no_two_bits_are_equal() -> None:
    """Columns of 6 out of 15 rows are often equal, so that a first draw does not do."""
    for seed in range(20):
        found = set(splits(code_words(6, 16, np.random.default_rng(seed))[0]))
        assert len(found) == 16
        assert frozenset() not in found


def test_words_are_chosen_regardless_of_their_first_bit() -> None:
    """Of 32 pairs of a word and its negative 20 words: none of one pair, and each bit is 1 in about half."""
    every = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(np.uint8)
    found = np.concatenate([construction._chosen(every, 20, np.random.default_rng(i)) for i in range(10)])
    assert all(60 < ones < 140 for ones in found.sum(axis=0))
    for words in found.reshape(10, 20, 6).astype(int):
        assert antipodes(2 * words - 1) == []


def test_the_construction_is_named() -> None:
    assert make_centers(names(1), 5, 0, "short")[1] == "one word"
    assert make_centers(names(10), 64, 0, "short")[1] == "rows of a Hadamard matrix of order 64"
    assert make_centers(names(10), 62, 0, "short")[1].endswith(" of order 64, brought to 62 bits")
    assert make_centers(names(17), 33, 0, "short")[1].endswith(", brought to 33 bits")
    assert make_centers(names(3), 8, 0, "short")[1] == "all 3 splits of 3 classes, in turn"
    assert make_centers(names(4), 7, 0, "short")[1] == "all 7 splits of 4 classes, in turn"


def test_sixty_four_bits_are_not_two_copies_of_thirty_two() -> None:
    assert len(set(splits(centers(18, 64)))) == 64


def test_no_antipodes_where_another_code_does_without() -> None:
    for count, bits in (
        (6, 5),
        (16, 9),
        (20, 10),
        (18, 16),
        (20, 16),
        (80, 64),
        (42, 32),
        (80, 32),
        (80, 16),
    ):
        assert antipodes(centers(count, bits)) == []
    assert len(antipodes(centers(24, 16))) == 4


def test_a_word_and_its_negative_only_when_no_other_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 256 Nordstrom-Robinson words are 128 pairs: of 130 words two have their negative beside them."""
    monkeypatch.setattr(code_search, "TRIALS", 8)
    book, construction = make_centers(names(130), 16, 0, "short")
    assert "Nordstrom-Robinson" in construction
    assert len(antipodes(book.centers)) == 2


def test_antipodes_go_to_classes_that_do_not_meet() -> None:
    """Classes of one half of 24 never meet those of the other half; the four pairs lie across."""
    generator = np.random.default_rng(0)
    labels = np.zeros((400, 24), dtype=np.uint8)
    for row, half in zip(labels, generator.integers(0, 2, 400), strict=True):
        row[12 * half + generator.choice(12, 3, replace=False)] = 1
    for seed in range(3):
        found = antipodes(centers(24, 16, seed, labels))
        assert len(found) == 4
        assert all(one < 12 <= other for one, other in found)


def test_classes_up_to_the_length_do_not_depend_on_labels() -> None:
    labels = np.random.default_rng(0).integers(0, 2, (50, 18))
    other = make_centers(names(18), 64, 0, "long", 1 - labels)[0]
    assert np.array_equal(make_centers(names(18), 64, 0, "long", labels)[0].centers, other.centers)


def test_the_seed_and_the_name_decide() -> None:
    for count, bits in ((18, 64), (80, 16), (80, 64)):
        one, again = (
            make_centers(names(count), bits, 3, "short"),
            make_centers(names(count), bits, 3, "short"),
        )
        assert np.array_equal(one[0].centers, again[0].centers)
        assert np.array_equal(one[0].tie_bits, again[0].tie_bits)
        for seed, name in ((4, "short"), (3, "long")):
            other = make_centers(names(count), bits, seed, name)[0]
            assert not np.array_equal(one[0].centers, other.centers)
            assert not np.array_equal(one[0].tie_bits, other.tie_bits)


def test_tie_bits_are_drawn_anew_for_each_seed() -> None:
    """40 seeds give more different ones than a single draw of 32 could."""
    ties = {make_centers(names(2), 16, seed, "short")[0].tie_bits.tobytes() for seed in range(40)}
    assert len(ties) > 32


@pytest.mark.parametrize(("count", "bits"), [(1, 16), (2, 16), (4, 16), (8, 16), (24, 16), (80, 16)])
def test_no_class_and_no_bit_has_a_telling_sign(
    count: int, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 40 seeds each bit of the first and of the last class is +1 in 20 +- 3.2 of them, here within 12.

    Splits, linear codes and Hadamard matrices have words all of whose bits are equal.
    """
    monkeypatch.setattr(code_search, "TRIALS", 8)
    words = np.stack([centers(count, bits, seed)[[0, -1]] for seed in range(40)])
    assert (abs((words > 0).sum(axis=0) - 20) <= 12).all()
    assert (abs(words.sum(axis=2, dtype=int)) < bits).all()


def test_tie_bits_keep_away_from_every_class() -> None:
    """The lot alone brings some class within a quarter of 16 bits in most draws."""
    nearest = []
    for seed in range(20):
        words = centers(8, 16, seed)
        ties = draw_tie_bits(words, np.random.default_rng(seed))
        nearest.append(int((words != ties).sum(axis=1).min()))
    assert min(nearest) >= 5


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 115, 188])
def test_tie_bits_are_the_draw_that_is_least_like_the_classes(seed: int) -> None:
    """Likeness of the 32 draws in plain loops: the sum over classes of (products of equal signs)^2."""
    words = centers(9, 16, seed)
    draws = np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), (32, 16))
    found = []
    for draw in draws.tolist():
        products = [sum(a * b for a, b in zip(draw, word, strict=True)) for word in words.tolist()]
        found.append(sum(max(0, product) ** 2 for product in products))
    ties = draw_tie_bits(words, np.random.default_rng(seed)).tolist()
    assert found[draws.tolist().index(ties)] == min(found)


@pytest.mark.slow
def test_forty_thousand_classes() -> None:
    words = centers(40_000, 64)
    packed = pack(words)
    assert len(np.unique(packed, axis=0)) == 40_000
    some = np.random.default_rng(0).choice(40_000, 1500, replace=False)
    found = distances(packed[some], packed)
    found[np.arange(1500), some] = 64
    assert found.min() == 24
