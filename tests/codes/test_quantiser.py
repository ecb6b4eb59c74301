from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from crosshash.codes import quantiser
from crosshash.codes.quantiser import RIDGE, Codebook, fit_codebook, revived, start_codebook
from crosshash.errors import CrosshashError
from crosshash.seeding import stream, stream_seed

M, W, D, N = 3, 5, 6, 60


def drawn(seed: int = 0, items: int = N) -> tuple[Codebook, np.ndarray, np.ndarray]:
    """A codebook, vectors, and words that have nothing to do with them."""
    generator = np.random.default_rng(seed)
    book = Codebook(generator.normal(0, 1, (M, W, D)).astype(np.float32))
    vectors = generator.normal(0, 2, (items, D)).astype(np.float32)
    return book, vectors, generator.integers(0, W, (items, M))


def error(book: np.ndarray, vector: np.ndarray, words: list[int]) -> float:
    """|| v - sum of words ||^2 in plain float64 loops."""
    total = 0.0
    for column in range(len(vector)):
        total += (float(vector[column]) - sum(float(book[m, w, column]) for m, w in enumerate(words))) ** 2
    return total


def loop_sweep(book: np.ndarray, vector: np.ndarray, words: list[int]) -> list[int]:
    words = list(words)
    for m in range(len(book)):
        errors = [error(book, vector, [*words[:m], w, *words[m + 1 :]]) for w in range(book.shape[1])]
        words[m] = errors.index(min(errors))
    return words


def test_decoding_adds_up_the_words() -> None:
    book, _, words = drawn()
    expected = [
        [sum(book.dictionaries[m, w, c] for m, w in enumerate(row)) for c in range(D)] for row in words
    ]
    assert np.allclose(book.decode(words), expected, atol=1e-5)
    assert book.decode(words.astype(np.uint8)).tolist() == book.decode(words).tolist()
    assert book.decode(words).dtype == np.float32


def test_a_sweep_is_that_of_a_loop() -> None:
    book, vectors, words = drawn()
    expected = [loop_sweep(book.dictionaries, v, w) for v, w in zip(vectors, words.tolist(), strict=True)]
    assert book.sweep(vectors, words).tolist() == expected


def test_encoding_takes_the_best_of_sweeps_from_the_nearest_known_words() -> None:
    book, vectors, _ = drawn()
    known = np.random.default_rng(1).integers(0, W, (9, M))
    found = book.encode(vectors, known)
    for vector, words in zip(vectors, found.tolist(), strict=True):
        near = sorted(known.tolist(), key=lambda row: error(book.dictionaries, vector, row))
        settled = []
        for row in near[: quantiser.STARTS]:
            for _ in range(quantiser.SWEEPS):
                row = loop_sweep(book.dictionaries, vector, row)
            settled.append(row)
        assert words == min(settled, key=lambda row: error(book.dictionaries, vector, row))


def test_words_that_only_make_sense_together_are_found() -> None:
    """1 = 10 - 9. From 3 + 3 no single exchange helps: 10 + 3 and 3 - 9 are farther from 1 than 6 is."""
    book = Codebook(np.array([[[10], [3]], [[-9], [3]]], np.float32))
    vectors = np.ones((1, 1), np.float32)
    assert book.sweep(vectors, np.array([[1, 1]])).tolist() == [[1, 1]]
    assert book.encode(vectors, np.array([[1, 1]])).tolist() == [[1, 1]]
    assert book.encode(vectors, np.array([[1, 1], [0, 0]])).tolist() == [[0, 0]]


def test_of_equally_good_words_the_first_known_ones_are_taken() -> None:
    """Words i of both dictionaries add up to zero for each i, and no single exchange keeps that.

    Every second known combination is worse: a sort that is not stable mixes the others.
    """
    numbers = np.arange(1000, dtype=np.float32)[:, None]
    book = Codebook(np.stack([numbers, -numbers]))
    order = np.random.default_rng(0).permutation(1000)
    known = np.stack([order, np.where(np.arange(1000) % 2, order, 0)], axis=1)
    assert order[0]
    found = book.encode(np.zeros((1, 1), np.float32), known)
    assert found.tolist() == [[order[1], order[1]]]


def test_errors_are_squared_distances() -> None:
    book, vectors, words = drawn()
    expected = [error(book.dictionaries, v, w) for v, w in zip(vectors, words.tolist(), strict=True)]
    assert np.allclose(book.errors(vectors, words), expected, rtol=1e-5)


def test_words_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    book, vectors, words = drawn()
    known = words[:11]
    whole = book.encode(vectors, known), book.sweep(vectors, words), book.errors(vectors, words)
    monkeypatch.setattr(quantiser, "CELLS", 7 * max(W, D))
    cut = book.encode(vectors, known), book.sweep(vectors, words), book.errors(vectors, words)
    for a, b in zip(whole, cut, strict=True):
        assert np.allclose(a, b)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_neither_a_sweep_nor_a_fit_makes_the_error_larger(seed: int) -> None:
    book, vectors, words = drawn(seed)
    before = book.errors(vectors, words).astype(np.float64)
    swept = book.sweep(vectors, words)
    after = book.errors(vectors, swept).astype(np.float64)
    assert (after <= before * (1 + 1e-5) + 1e-5).all()  # item by item
    fitted = fit_codebook(vectors, swept, W)
    shrunk = RIDGE * float(np.square(book.dictionaries).sum())  # least squares also pays for long words
    assert fitted.errors(vectors, swept).sum() <= after.sum() * (1 + 1e-5) + shrunk


def test_a_sweep_by_hand() -> None:
    """Two dictionaries of two words over 8 bits, four vectors; a, b are the halves of 4 bits.

    First: (1, 0), (-1, 0); second: (0, 1), (0, -1), repeated over the halves. Vectors (1, 1), (1, -1),
    (-1, 1), (-2, -3): each half takes the word of its sign, from any start. Errors: 0, 0, 0, and
    4 x 1^2 + 4 x 2^2 = 20.
    """
    one, zero = np.ones(4), np.zeros(4)
    half = np.array([[[*one, *zero], [*-one, *zero]], [[*zero, *one], [*zero, *-one]]], np.float32)
    pairs = ((1, 1), (1, -1), (-1, 1), (-2, -3))
    vectors = np.array([[*(a * one), *(b * one)] for a, b in pairs], np.float32)
    book = Codebook(half)
    for start in (0, 1):
        words = book.sweep(vectors, np.full((4, 2), start))
        assert words.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert book.errors(vectors, words).tolist() == [0, 0, 0, 20]


def test_a_fit_by_hand() -> None:
    """One dictionary of three words, four vectors of 8 bits. H'H = diag(3, 1, 0), so Cb = H'U / (n + 0.001).

    Word 0: 1s, 2s and 3s add up to 6s: 6 / 3.001 = 1.999334. Word 1: 5s: 5 / 1.001 = 4.995005. Word 2: zero.
    """
    vectors = np.repeat(np.array([[1.0], [2.0], [3.0], [5.0]], np.float32), 8, axis=1)
    book = fit_codebook(vectors, np.array([[0], [0], [0], [1]]), 3)
    expected = np.repeat([[1.999334], [4.995005], [0.0]], 8, axis=1)
    assert np.allclose(book.dictionaries[0], expected, atol=1e-6)
    assert book.dictionaries.dtype == np.float32


def test_a_fit_is_the_least_squares_optimum() -> None:
    """No step away from it lowers || U - H Cb ||^2 + 0.001 || Cb ||^2, all in float64 with H written out."""
    _, vectors, words = drawn()
    chosen = np.zeros((N, M * W))
    for item, row in enumerate(words):
        for m, w in enumerate(row):
            chosen[item, m * W + w] = 1

    def objective(flat: np.ndarray) -> float:
        return float(np.square(vectors - chosen @ flat).sum() + RIDGE * np.square(flat).sum())

    found = fit_codebook(vectors, words, W).dictionaries.reshape(M * W, D).astype(np.float64)
    normal = chosen.T @ chosen + RIDGE * np.eye(M * W)
    assert np.allclose(found, np.linalg.inv(normal) @ chosen.T @ vectors, atol=1e-4)
    generator = np.random.default_rng(1)
    for size in (1e-2, 1e-1, 1.0):
        for _ in range(20):
            assert objective(found + size * generator.normal(0, 1, found.shape)) > objective(found)


def test_unused_words_get_a_use() -> None:
    """Words 3 and 4 of the second dictionary are unused: they take what the two worst vectors lack."""
    _, vectors, words = drawn()
    words[:, 1] %= 3
    book = fit_codebook(vectors, words, W)
    assert not book.dictionaries[1, 3:].any()
    better = revived(book, vectors, words)
    changed = np.argwhere((better.dictionaries != book.dictionaries).any(axis=2)).tolist()
    assert changed == [[1, 3], [1, 4]]
    assert np.array_equal(better.decode(words), book.decode(words))
    worst = np.argsort(-book.errors(vectors, words))[:2]
    taken = words[worst].copy()
    taken[:, 1] = [3, 4]
    assert better.errors(vectors[worst], taken) == pytest.approx([0, 0], abs=1e-9)
    swept = better.sweep(vectors, words)
    assert set(swept[:, 1]) >= {3, 4}


def test_of_equally_bad_vectors_the_first_ones_give_words() -> None:
    """400 vectors in different directions, every second twice as long, all coded by the word zero.

    Two more words are unused.
    """
    vectors = np.diag(np.tile([1, 2], 200)).astype(np.float32)
    book = Codebook(np.zeros((1, 3, 400), np.float32))
    better = revived(book, vectors, np.zeros((400, 1), np.int64))
    assert np.array_equal(better.dictionaries[0], [np.zeros(400), vectors[1], vectors[3]])


def test_with_fewer_vectors_than_unused_words_the_others_stay() -> None:
    vectors = np.eye(2, dtype=np.float32)
    book = Codebook(np.zeros((1, 5, 2), np.float32))
    better = revived(book, vectors, np.zeros((2, 1), np.int64))
    assert better.dictionaries[0].tolist() == [[0, 0], [1, 0], [0, 1], [0, 0], [0, 0]]


def test_a_codebook_all_of_whose_words_are_used_stays() -> None:
    _, vectors, words = drawn()
    words[:W] = np.arange(W)[:, None]
    book = fit_codebook(vectors, words, W)
    assert np.array_equal(revived(book, vectors, words).dictionaries, book.dictionaries)


def clusters(items: int = 90) -> np.ndarray:
    """Vectors around three points in each half of six dimensions, far apart."""
    generator = np.random.default_rng(0)
    centers = np.array([[10.0, 0, 0], [0, 10, 0], [0, 0, 10]])
    halves = [centers[np.arange(items) % 3], centers[np.arange(items) // 3 % 3]]
    return (np.concatenate(halves, axis=1) + generator.normal(0, 0.1, (items, 6))).astype(np.float32)


def test_words_start_as_the_means_of_their_block_and_zero_elsewhere() -> None:
    vectors = clusters()
    book = start_codebook(vectors, 2, 3, seed=7)
    assert not book.dictionaries[0, :, 3:].any()
    assert not book.dictionaries[1, :, :3].any()
    words = book.sweep(vectors, np.zeros((len(vectors), 2), np.int64))
    assert np.array_equal(words, book.sweep(vectors, np.full((len(vectors), 2), 2)))  # from anywhere
    for m, block in enumerate((slice(0, 3), slice(3, 6))):
        assert len(set(words[:, m])) == 3
        for w in range(3):
            mean = vectors[words[:, m] == w][:, block].mean(axis=0)
            assert np.allclose(book.dictionaries[m, w, block], mean, atol=1e-4)


def test_the_start_depends_on_the_seed_alone() -> None:
    _, vectors, _ = drawn(items=500)
    np.random.seed(1)
    first = start_codebook(vectors, 2, 8, seed=3).dictionaries
    np.random.seed(2)
    assert np.array_equal(start_codebook(vectors, 2, 8, seed=3).dictionaries, first)
    assert not np.array_equal(start_codebook(vectors, 2, 8, seed=4).dictionaries, first)


def test_large_sets_are_started_from_some_of_their_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many vectors as words, each word is one of them."""
    monkeypatch.setattr(quantiser, "KMEANS_ITEMS", 1)
    _, vectors, _ = drawn(items=500)
    book = start_codebook(vectors, 1, 8, seed=3)
    for word in book.dictionaries[0]:
        assert np.isclose(vectors, word, atol=1e-5).all(axis=1).any()


def test_the_start_is_k_means_from_one_draw_of_named_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 500 vectors 80 are looked at; noise has no clusters: draws and rounds show in every number."""
    monkeypatch.setattr(quantiser, "KMEANS_ITEMS", 10)
    monkeypatch.setattr(quantiser, "KMEANS_ROUNDS", 3)
    _, vectors, _ = drawn(items=500)
    book = start_codebook(vectors, 2, 8, seed=3)
    assert book.dictionaries.dtype == np.float32
    seen = vectors[stream(3, "k-means", "items").permutation(500)[:80]]
    for m, block in enumerate((slice(0, 3), slice(3, 6))):
        state = stream_seed(3, "k-means", m) % 2**32
        means = KMeans(8, n_init=1, max_iter=3, random_state=state).fit(seen[:, block])
        assert np.allclose(book.dictionaries[m, :, block], means.cluster_centers_, atol=1e-5)


def test_as_many_words_as_vectors_can_start() -> None:
    _, vectors, _ = drawn(items=4)
    words = start_codebook(vectors, 1, 4, seed=0).dictionaries[0]
    assert np.allclose(np.sort(words, axis=0), np.sort(vectors, axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("dictionaries", "words", "message"),
    [(4, 2, "hq.dictionaries: 4 does not divide 6 bits"), (2, 61, "hq.words: 61 words, but only 60")],
)
def test_what_cannot_start_is_refused(dictionaries: int, words: int, message: str) -> None:
    _, vectors, _ = drawn()
    with pytest.raises(CrosshashError, match=message):
        start_codebook(vectors, dictionaries, words, seed=0)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3), np.float32), r"float\[M, W, d\], not \[2, 3\]"),
        (np.zeros((0, 3, 4), np.float32), r"not \[0, 3, 4\]"),
        (np.full((1, 2, 3), np.nan, np.float32), "no finite numbers"),
    ],
)
def test_what_is_no_codebook_is_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(CrosshashError, match=message):
        Codebook(array)
