from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.item_codes import Head, items_of, write_items
from crosshash.retrieval.measures.mean_ap import Undefined
from crosshash.retrieval.scoring.evaluation import evaluate
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.score_files import score
from tests.retrieval.cases import ap
from tests.retrieval.sets import random_set, write_set


def six(seed: int = 0, bits: int = 12) -> dict[str, Any]:
    """Arrays as published code writes them: codes +-1, labels 0/1, every item with a label."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((37, 3)) < 0.5).astype(np.uint8)
    labels[labels.sum(axis=1) == 0, 0] = 1
    codes = generator.choice(np.array([-1, 1], np.int8), size=(2, 37, bits))
    return {
        "q_img": codes[0, :7],
        "q_txt": codes[1, :7],
        "r_img": codes[0, 7:],
        "r_txt": codes[1, 7:],
        "q_l": labels[:7],
        "r_l": labels[7:],
    }


def scored(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    scipy.io.savemat(path, content)
    return score(path, None, "expected", "skip", 50, 0)


def without_reading(scores: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in scores.items() if key != "read_as"}


def test_the_encode_stage_s_files_and_the_same_codes_as_mat_score_the_same(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    query, retrieval = random_set("q", generator, 8), random_set("r", generator, 50)
    write_set(tmp_path / "query.npz", query)
    write_set(tmp_path / "retrieval.npz", retrieval)
    own = score(tmp_path / "query.npz", tmp_path / "retrieval.npz", "expected", "skip", 50, 3)
    scipy.io.savemat(
        tmp_path / "codes.mat",
        {
            "q_img": query.image.signs(),
            "q_txt": query.text.signs(),
            "r_img": retrieval.image.signs(),
            "r_txt": retrieval.text.signs(),
            "q_l": query.labels,
            "r_l": retrieval.labels,
        },
    )
    foreign = score(tmp_path / "codes.mat", None, "expected", "skip", 50, 3)
    assert without_reading(own) == without_reading(foreign)
    report = evaluate(query, retrieval, bootstrap=50, seed=3)
    assert own == {
        "read_as": "packed codes of the encode stage, 16 bits, 1 = +1",
        "bits": 16,
        "protocol": "strict",
        **report.counts(),
        **report.scores(),
        "partner": report.partner_scores(),
        "measures": report.measures(),
    }
    assert list(own["measures"]["t2i"]) == ["mAP", *(str(measure) for measure in MEASURES[1:])]
    assert own["measures"]["t2i"]["mAP"] == {
        key: own["t2i"][name] for key, name in (("mean", "mAP"), ("low", "mAP_low"), ("high", "mAP_high"))
    }


def test_signs_zeros_and_ones_and_real_numbers_are_the_same_codes(tmp_path: Path) -> None:
    """tanh outputs keep their sign; a zero counts as +1."""
    content = six()
    keys = ("q_img", "q_txt", "r_img", "r_txt")
    plain = scored(tmp_path / "a.mat", content)
    assert "+-1" in plain["read_as"]
    bits = {key: (content[key] > 0).astype(np.uint8) for key in keys}
    ones = scored(tmp_path / "b.mat", {**content, **bits})
    assert "0/1" in ones["read_as"]
    generator = np.random.default_rng(0)
    real = {key: content[key] * generator.uniform(0.1, 0.9, content[key].shape) for key in keys}
    row, column = np.argwhere(real["q_img"] > 0)[0]
    real["q_img"][row, column] = 0.0
    soft = scored(tmp_path / "c.mat", {**content, **real})
    assert "signs of real numbers, 1 zeros taken as +1" in soft["read_as"]
    assert without_reading(plain) == without_reading(ones) == without_reading(soft)


def test_other_forms_of_the_six_arrays(tmp_path: Path) -> None:
    """Sparse labels, booleans, an .npz with the same keys."""
    content = six()
    plain = scored(tmp_path / "a.mat", content)
    sparse = {key: scipy.sparse.csc_array(content[key].astype(float)) for key in ("q_l", "r_l")}
    assert scored(tmp_path / "b.mat", {**content, **sparse}) == plain
    np.savez(tmp_path / "c.npz", **{**content, "q_l": content["q_l"].astype(bool)})
    assert score(tmp_path / "c.npz", None, "expected", "skip", 50, 0) == plain


def test_a_query_without_label_is_undefined_and_poisons_nothing(tmp_path: Path) -> None:
    content = six()
    content["q_l"][0] = 0
    scores = scored(tmp_path / "a.mat", content)
    assert (scores["n_undefined"], scores["n_unlabelled"]) == (1, 0)
    assert "1 items without any label, taken as relevant to nothing" in scores["read_as"]
    rest = {key: value[1:] if key.startswith("q_") else value for key, value in content.items()}
    assert scores["i2t"]["mAP"] == scored(tmp_path / "b.mat", rest)["i2t"]["mAP"]


def test_a_set_without_labels_is_scored_by_partner(tmp_path: Path) -> None:
    content = six()
    scores = scored(tmp_path / "a.mat", {**content, "q_l": content["q_l"] * 0, "r_l": content["r_l"] * 0})
    assert list(scores["i2t"]) == ["recall@1", "recall@5", "recall@10"]


def changed(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {**six(), **changes}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(q_l=np.where(np.eye(7, 3), np.nan, 1.0)), "q_l holds values other than 0 and 1 in 3 rows"),
        (changed(q_l=np.arange(7)[:, None]), "numbers of classes must be equal and above 0: q_l 1, r_l 3"),
        (
            changed(q_l=np.arange(7) - 1, r_l=np.arange(30) + 0.5),
            "q_l, a column of class numbers, .* in 1 rows, first in row 0\n.*r_l, .* in 30 rows",
        ),
        (
            changed(q_l=np.array([[1, 0, 0]] * 7), r_l=np.array([[0, 1, 0]] * 30)),
            "none of the 7 queries shares a label",
        ),
        ({k: v for k, v in six().items() if k != "r_l"}, "no array r_l; there are: q_img, q_l, q_txt"),
        (changed(q_txt=six()["q_txt"][:5]), "row counts of the query set differ: q_img 7, q_txt 5, q_l 7"),
        (changed(r_l=six()["r_l"][:9]), "row counts of the retrieval set differ"),
        (changed(q_img=six(bits=8)["q_img"]), "code lengths must be equal and above 0: q_img 8, q_txt 12"),
        (changed(q_l=np.ones((7, 4))), "numbers of classes must be equal and above 0: q_l 4, r_l 3"),
        (
            changed(q_img=six()["q_img"] * 2),
            "q_img holds the values -2, 2, neither \\+-1 nor 0/1",
        ),
        (changed(q_img=six()["q_img"] * (np.arange(12) > 0)), "values \\(-1, 0, 1\\), not two"),
        (changed(q_img=np.full((7, 12), 255, np.uint8)), "q_img holds 255: \\+-1 as uint8, which has no -1"),
        (changed(q_img=np.where(np.eye(7, 12), np.nan, 1.0)), "q_img holds NaN in 7 rows, first in row 0"),
        (changed(q_l=np.full((7, 3), 3)), "q_l holds values other than 0 and 1 in 7 rows"),
        (changed(q_img=np.full((7, 12), "a", object)), "a table of numbers is needed"),
        (
            {k: v * 0.4 + 0.5 if "_l" not in k else v for k, v in six().items()},
            "none is below 0",
        ),
        (
            changed(r_img=np.ones((0, 12)), r_txt=np.ones((0, 12)), r_l=np.ones((0, 3))),
            "retrieval set is empty",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(CrosshashError, match=message) as error:
        scored(tmp_path / "codes.mat", content)
    if "none of the" not in message:
        assert str(error.value).startswith(str(tmp_path / "codes.mat"))


def save_npy(prefix: str, content: dict[str, Any]) -> None:
    for name, array in content.items():
        np.save(f"{prefix}{name}.npy", array)


def test_npy_files_of_a_folder_or_of_one_beginning_are_a_set_too(tmp_path: Path) -> None:
    content = six()
    plain = scored(tmp_path / "a.mat", content)
    (tmp_path / "folder").mkdir()
    save_npy(f"{tmp_path}/folder/", content)
    save_npy(f"{tmp_path}/run1_", content)
    for path in ("folder", "run1", "run1_"):
        assert score(tmp_path / path, None, "expected", "skip", 50, 0) == plain


def test_npy_sets_that_are_incomplete_or_damaged_are_named(tmp_path: Path) -> None:
    def error(path: Path) -> str:
        with pytest.raises(CrosshashError) as caught:
            score(path, None, "expected", "skip", 0, 0)
        return str(caught.value)

    content = six()
    del content["q_txt"], content["r_l"]
    save_npy(f"{tmp_path}/", content)
    found = error(tmp_path)
    assert f"{tmp_path}/q_txt.npy" in found
    assert f"{tmp_path}/r_l.npy" in found
    assert "q_img" not in found
    assert "one .npy file holds one array" in error(tmp_path / "q_img.npy")
    save_npy(f"{tmp_path}/", six())
    whole = (tmp_path / "q_txt.npy").read_bytes()
    for damaged in (b"", b"text, no array", whole[: len(whole) // 2]):
        (tmp_path / "q_txt.npy").write_bytes(damaged)
        assert f"{tmp_path}/q_txt.npy: cannot be read as .npy" in error(tmp_path)
    np.save(tmp_path / "q_txt.npy", np.array([{"a": 1}], dtype=object))
    assert "Python objects are refused" in error(tmp_path)
    np.savez(tmp_path / "q_txt.npz", a=whole[:3])
    (tmp_path / "q_txt.npz").replace(tmp_path / "q_txt.npy")
    assert "holds several arrays" in error(tmp_path)


def test_class_numbers_are_labels_too(tmp_path: Path) -> None:
    """Numbers 3, 5 and 1000 are three classes; as one axis, as a column, or as the row that .mat files keep.

    Only a column of 0 and 1 alone is taken for a table of one class.
    """
    generator = np.random.default_rng(2)
    numbers = generator.integers(0, 3, size=37)
    table = np.eye(3, dtype=np.uint8)[numbers]
    named = np.array([3, 5, 1000])[numbers]
    plain = scored(tmp_path / "a.mat", {**six(), "q_l": table[:7], "r_l": table[7:]})
    assert plain["read_as"].endswith("+-1; labels: 0/1, 3 classes")
    for shape in ((-1,), (-1, 1), (1, -1)):
        dense = {"q_l": named[:7].reshape(shape), "r_l": named[7:].reshape(shape).astype(float)}
        save_npy(f"{tmp_path}/", {**six(), **dense})
        for scores in (
            scored(tmp_path / "b.mat", {**six(), **dense}),
            score(tmp_path, None, "expected", "skip", 50, 0),
        ):
            assert scores["read_as"].endswith("+-1; labels: class numbers, 3 classes")
            assert without_reading(scores) == without_reading(plain)
    one = {"q_l": np.ones((7, 1)), "r_l": np.ones((30, 1))}
    assert scored(tmp_path / "c.mat", {**six(), **one})["read_as"].endswith("labels: 0/1, 1 class")
    two = {"q_l": numbers[:7] % 2, "r_l": numbers[7:] % 2}
    save_npy(f"{tmp_path}/", {**six(), **two})
    scores = score(tmp_path, None, "expected", "skip", 50, 0)
    assert scores["read_as"].endswith("labels: class numbers, 2 classes")


@pytest.mark.parametrize("numbered", [False, True])
def test_one_query_and_one_bit_are_enough(tmp_path: Path, numbered: bool) -> None:
    """One query, one bit, two items at distances 0 and 1, the second relevant: AP 1/2; of other queries
    nothing is known.
    """
    codes = {"q_img": [[1]], "q_txt": [[1]], "r_img": [[1], [-1]], "r_txt": [[1], [-1]]}
    labels = {"q_l": [4], "r_l": [7, 4]} if numbered else {"q_l": [[1, 0]], "r_l": [[0, 1], [1, 0]]}
    arrays = {name: np.array(values) for name, values in (codes | labels).items()}
    save_npy(f"{tmp_path}/", arrays)
    for scores in (scored(tmp_path / "a.mat", arrays), score(tmp_path, None, "expected", "skip", 50, 0)):
        assert [scores["i2t"][key] for key in ("mAP", "mAP_low", "mAP_high")] == [0.5, 0.0, 1.0]
        assert (scores["bits"], scores["n_query"], scores["n_retrieval"]) == (1, 1, 2)


@pytest.mark.parametrize("bits", [1, 7, 65, 130])
def test_bits_need_not_fill_bytes(tmp_path: Path, bits: int) -> None:
    """mAP by a loop over the +-1 numbers themselves, ties by position."""
    content = six(bits, bits)
    scipy.io.savemat(tmp_path / "a.mat", content)
    found = score(tmp_path / "a.mat", None, "by_id", "skip", 50, 0)
    values = []
    for code, labels in zip(content["q_img"], content["q_l"], strict=True):
        order = np.argsort((code != content["r_txt"]).sum(axis=1), kind="stable")
        grades = (labels & content["r_l"][order]).sum(axis=1).tolist()
        values += [ap(grades)] if any(grades) else []
    assert found["i2t"]["mAP"] == pytest.approx(np.mean(values), abs=1e-6)


def test_files_that_are_no_mat_are_named(tmp_path: Path) -> None:
    path = tmp_path / "codes.mat"

    def error() -> str:
        with pytest.raises(CrosshashError) as caught:
            score(path, None, "expected", "skip", 0, 0)
        return str(caught.value)

    assert "not found" in error()
    scipy.io.savemat(path, six())
    whole = path.read_bytes()
    for content in (b"", b"text, not a mat file" * 20, whole[: len(whole) // 2]):
        path.write_bytes(content)
        assert f"{path}: cannot be read as a .mat file" in error()
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(512))
    assert "version 7.3" in error()


def test_pairs_of_files_are_told_apart_from_single_ones(tmp_path: Path) -> None:
    query = random_set("q", np.random.default_rng(0), 4)
    write_set(tmp_path / "query.npz", query)
    with pytest.raises(CrosshashError, match=r"scored with its retrieval\.npz beside it"):
        score(tmp_path / "query.npz", None, "expected", "skip", 0, 0)
    with pytest.raises(CrosshashError, match="given alone"):
        score(tmp_path / "query.npz", tmp_path / "codes.mat", "expected", "skip", 0, 0)
    with pytest.raises(CrosshashError, match="4 ids are in both"):
        score(tmp_path / "query.npz", tmp_path / "query.npz", "expected", "skip", 0, 0)


def test_pickled_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", q_img=np.array([{"a": 1}], dtype=object))
    assert zipfile.is_zipfile(tmp_path / "codes.npz")
    with pytest.raises(CrosshashError, match="Python objects are refused"):
        score(tmp_path / "codes.npz", None, "expected", "skip", 0, 0)


def test_items_of_two_parquet_files_score_as_the_same_codes_do(tmp_path: Path) -> None:
    """Classes are those of both files, also one that only the queries have."""
    generator = np.random.default_rng(1)
    query, retrieval = random_set("q", generator, 8), random_set("r", generator, 50)
    paths = [tmp_path / f"{name}.parquet" for name in "qr"]
    for path, codes in zip(paths, (query, retrieval), strict=True):
        write_items(path, items_of(codes), Head(16, items=len(codes)))
    found = score(*paths, "expected", "skip", 0, 0)
    assert found["read_as"] == "items of parquet files, codes of 16 bits, 1 = +1"
    write_set(tmp_path / "q.npz", query)
    write_set(tmp_path / "r.npz", retrieval)
    own = score(tmp_path / "q.npz", tmp_path / "r.npz", "expected", "skip", 0, 0)
    assert without_reading(found) == without_reading(own)
    write_items(paths[1], items_of(random_set("q", generator, 5, bits=8)), Head(8, items=5))
    with pytest.raises(CrosshashError) as caught:
        score(*paths, "expected", "skip", 0, 0)
    assert f"{paths[0]} has codes of 16 bits, {paths[1]} of 8" in str(caught.value)
    assert "5 ids are in both, 'q0' for one" in str(caught.value)
    write_set(tmp_path / "r.npz", random_set("r", generator, 5, bits=8))
    with pytest.raises(CrosshashError) as caught:
        score(tmp_path / "q.npz", tmp_path / "r.npz", "expected", "skip", 0, 0)
    assert f"{tmp_path / 'q.npz'} has codes of 16 bits, {tmp_path / 'r.npz'} of 8" in str(caught.value)
    with pytest.raises(
        CrosshashError, match=f"^{tmp_path / 'q.mat'}, {paths[1]}: two files are scored together"
    ):
        score(tmp_path / "q.mat", paths[1], "expected", "skip", 0, 0)


@pytest.mark.parametrize(
    ("protocol", "undefined", "wanted"),
    [
        ("strict", None, ("mAP", "skip")),
        ("strict", "zero", ("mAP", "zero")),
        ("hq", None, ("AP@50[hits]", "skip_without_hit")),
        ("twdh", None, ("AP@5000[first]", "skip")),
        ("djsrh", "zero", ("AP@50[hits]", "zero")),
    ],
)
def test_what_methods_are_compared_by(
    tmp_path: Path, protocol: str, undefined: Undefined | None, wanted: tuple[str, str]
) -> None:
    scipy.io.savemat(tmp_path / "a.mat", six())
    found = score(tmp_path / "a.mat", None, "expected", undefined, 0, 0, protocol)
    assert (found["protocol"], found["headline"], found["undefined"]) == (protocol, *wanted)
    assert wanted[0] in found["i2t"]
