from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosshash.codes.vector_code import KINDS, Kind, VectorCode, fit_words
from crosshash.config.methods.cca import MethodSection
from crosshash.errors import CrosshashError


def vectors(items: int = 200, dims: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(items, dims)).astype(np.float16)


def code(kind: Kind, dims: int = 12, seed: int = 0) -> VectorCode:
    return VectorCode(kind, dims, fit_words(vectors(dims=dims, seed=seed), 0) if kind == "pq" else None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dims", [4, 12, 20, 64])
def test_the_length_is_the_one_that_the_plan_reckons_with(kind: Kind, dims: int) -> None:
    made = code(kind, dims)
    assert made.encode(vectors(dims=dims)).shape == (200, -(-made.bits // 8))
    section = MethodSection(quantiser=kind, penalty="auto")
    assert section.trained_bits(made.bits) == dims
    assert section.stores_vectors()


def test_floats_come_back_as_they_are() -> None:
    assert (code("none").decode(code("none").encode(vectors())) == vectors()).all()


def test_rabitq_by_hand() -> None:
    """(3, -1, 0): |v|^2 = 10, sum |v| = 4, factor 2.5, signs + - +; its product with v is 7.5 + 2.5 = 10."""
    made, rows = VectorCode("rabitq", 3), np.array([[3, -1, 0], [0, 0, 0]], np.float16)
    stored = made.encode(rows)
    assert stored.tolist() == [[0, 0x41, 0b10100000], [0, 0, 0b11100000]]  # 0x4100 is 2.5
    assert made.decode(stored).tolist() == [[2.5, -2.5, 2.5], [0, 0, 0]]


def test_rabitq_by_hand_of_a_short_vector() -> None:
    """(1/4, -1/8, 0): |v|^2 = 5/64, sum |v| = 3/8, factor 5/24, as float16 1707 / 8192."""
    made = VectorCode("rabitq", 3)
    decoded = made.decode(made.encode(np.array([[0.25, -0.125, 0]], np.float16)))
    assert decoded.tolist() == [[1707 / 8192, -1707 / 8192, 1707 / 8192]]


def test_rabitq_is_that_of_faiss_around_zero() -> None:
    """FAISS takes the mean of what it is trained on for the centre: that of v and -v is 0."""
    rows = vectors(60, 32).astype(np.float32)
    index = faiss.IndexRaBitQ(32, faiss.METRIC_INNER_PRODUCT)
    index.qb = 0  # its queries are rounded to 4 bits unless told not to
    index.train(np.concatenate([rows, -rows]))
    index.add(rows)
    queries = vectors(5, 32, seed=1).astype(np.float32)
    values, places = index.search(queries, 60)
    made = VectorCode("rabitq", 32)
    mine = queries @ made.decode(made.encode(rows.astype(np.float16))).T
    assert np.abs(np.take_along_axis(mine, places, axis=1) - values).max() < 2e-3 * np.abs(values).max()


def test_pq_takes_the_nearest_word_of_each_group() -> None:
    made, rows = code("pq"), vectors(50, seed=2)
    found = made.decode(made.encode(rows))
    assert made.words is not None
    for row, decoded in zip(rows.astype(float), found, strict=True):
        for group, words in enumerate(made.words.astype(float)):
            part = slice(4 * group, 4 * group + 4)
            distances = [float(((row[part] - word) ** 2).sum()) for word in words]
            assert (decoded[part] == words[int(np.argmin(distances))]).all()


def test_pq_is_that_of_faiss_with_the_same_words() -> None:
    made, rows = code("pq", 16), vectors(50, 16, seed=2)
    assert made.words is not None
    index = faiss.IndexPQ(16, 4, 4)
    faiss.copy_array_to_vector(made.words.ravel(), index.pq.centroids)
    index.is_trained = True
    index.add(rows.astype(np.float32))
    assert (index.reconstruct_n(0, 50) == made.decode(made.encode(rows))).all()


def test_words_are_fitted_as_well_as_those_of_faiss() -> None:
    made, rows = code("pq", 16), vectors(200, 16)
    index = faiss.IndexPQ(16, 4, 4)
    index.train(rows.astype(np.float32))
    index.add(rows.astype(np.float32))
    mine, theirs = made.decode(made.encode(rows)), index.reconstruct_n(0, len(rows))
    errors = [float(np.square(rows.astype(float) - one).sum()) for one in (mine, theirs)]
    assert errors[0] < 1.05 * errors[1]


def test_pad_bits_are_zero_where_words_end_within_a_byte() -> None:
    assert not (code("pq").encode(vectors()) & [[0, 15]]).any()


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([1e-5, 1.0, 30000.0]))
def test_sums_are_exact_and_an_item_has_one_code(kind: Kind, seed: int, scale: float) -> None:
    """So scores do not depend on the order of the sum, nor codes on what else is encoded."""
    generator = np.random.default_rng(seed)
    rows = (scale * generator.uniform(-1, 1, (20, 12))).astype(np.float16)
    made = VectorCode(kind, 12, fit_words(rows, 0) if kind == "pq" else None)
    stored = made.encode(rows)
    assert (stored[7:8] == made.encode(rows[7:8])).all()
    decoded, query, order = made.decode(stored), generator.integers(-63, 64, 12), generator.permutation(12)
    whole = decoded @ query.astype(float)
    assert (whole == [sum(float(v) * int(q) for v, q in zip(row[order], query[order], strict=True))
                      for row in decoded]).all()  # fmt: skip


def test_files_hold_all_of_it() -> None:
    for kind in KINDS:
        made = code(kind)
        again = VectorCode.of_arrays(made.arrays())
        assert again is not None
        assert again.same(made)
        assert not made.same(None)
    assert VectorCode.of_arrays({}) is None
    assert not code("pq").same(code("pq", seed=1))
    with pytest.raises(CrosshashError, match="no kind 'opq' of stored vectors, but none, pq, rabitq"):
        VectorCode.of_arrays({"kind": np.array("opq"), "dims": np.array(4)})


def test_words_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CrosshashError, match=r"pq, 8 dimensions, words \(3, 16, 4\)"):
        VectorCode("pq", 8, code("pq").words)
    with pytest.raises(CrosshashError, match="no finite numbers"):
        VectorCode("pq", 4, np.full((1, 16, 4), np.nan, np.float32))


def test_words_for_other_dimensions_and_kinds_that_there_are_not_are_refused() -> None:
    """Three words of 4 dimensions are no code of 14; a single dimension can be stored as it is."""
    for kind, dims, words in (("pq", 14, code("pq").words), ("none", 0, None), ("opq", 4, None)):
        with pytest.raises(CrosshashError, match=rf"no code of vectors: {kind}, {dims} dimensions"):
            VectorCode(kind, dims, words)  # type: ignore[arg-type]
    assert VectorCode("none", 1).bits == 16


def test_words_are_the_same_each_time_and_fewer_vectors_than_words_are_refused() -> None:
    assert (fit_words(vectors(), 3) == fit_words(vectors(), 3)).all()
    assert (fit_words(vectors(), 3) != fit_words(vectors(), 4)).any()
    with pytest.raises(CrosshashError, match=r"pq needs 16 vectors .* only 15 images and texts"):
        fit_words(vectors(15), 0)
    assert fit_words(vectors(16), 0).shape == (3, 16, 4)
