"""Each of the four arrays of codes is judged by itself, and all have to follow one convention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.foreign import read_foreign
from crosshash.retrieval.codefiles.foreign_files import CODES
from crosshash.retrieval.codefiles.foreign_values import as_signs, value_problems
from crosshash.retrieval.scoring.score_files import score

ITEMS, BITS = 60, 16


def trained(seed: int = 0) -> dict[str, Any]:
    """Codes +-1 of four classes, a tenth of the bits flipped; items are queries and retrieval set alike."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, 4, ITEMS)
    words = generator.choice([-1.0, 1.0], (4, BITS))[classes]
    image, text = (words * generator.choice([1, -1], words.shape, p=[0.9, 0.1]) for _ in range(2))
    labels = np.eye(4, dtype=np.uint8)[classes]
    sides = {"q": slice(None, 20), "r": slice(20, None)}
    arrays = {f"{side}_img": image[rows] for side, rows in sides.items()}
    arrays |= {f"{side}_txt": text[rows] for side, rows in sides.items()}
    return arrays | {f"{side}_l": labels[rows] for side, rows in sides.items()}


def scored(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    np.savez(path / "codes.npz", **content)
    return score(path / "codes.npz", None, "expected", "skip", 10, 0)


def refused(path: Path, content: dict[str, Any]) -> str:
    with pytest.raises(CrosshashError) as caught:
        scored(path, content)
    return str(caught.value)


OTHER = {
    "0/1 as floats": (lambda signs: (signs > 0) * 1.0, "0/1 beside"),
    "0/1 as booleans": (lambda signs: signs > 0, "0/1 beside"),
    "sigmoid": (lambda signs: 1 / (1 + np.exp(-2 * signs)), "real numbers of which none is below 0"),
    "zeros": (np.zeros_like, "zeros throughout beside"),
    "infinite": (
        lambda signs: np.where(signs > 0, np.inf, signs),
        "infinite numbers in 20 rows, first in row 0",
    ),
    "NaN": (
        lambda signs: np.where(np.eye(len(signs), BITS, 4), np.nan, signs),
        "NaN in 12 rows, first in row 0",
    ),
}


@pytest.mark.parametrize("what", OTHER)
def test_one_array_of_another_convention_is_refused_by_name(tmp_path: Path, what: str) -> None:
    """Read together with the others its values would all count as +1, and the scores be those of chance."""
    change, message = OTHER[what]
    content = trained()
    assert scored(tmp_path, content)["i2t"]["mAP"] > 0.9
    for key in ("q_img", "q_txt"):
        found = refused(tmp_path, {**content, key: change(content[key])})
        assert f"  - {key} holds {message}" in found
        assert found.count("\n") == 1
        assert str(tmp_path / "codes.npz") in found


def test_the_fewer_are_named_beside_the_others(tmp_path: Path) -> None:
    bits = {key: value > 0 for key, value in trained().items() if key in CODES}
    content = {**trained(), **bits}
    assert "0/1" in scored(tmp_path, content)["read_as"]
    found = refused(tmp_path, {**content, "r_txt": trained()["r_txt"] * 0.5})
    assert "r_txt holds real numbers beside q_img (0/1), q_txt (0/1), r_img (0/1): write all alike" in found
    both = refused(tmp_path, {**content, "q_img": trained()["q_img"], "q_txt": trained()["q_txt"]})
    assert "q_img holds +-1 beside" in both or "r_img holds 0/1 beside" in both


def test_every_array_that_holds_no_codes_is_listed(tmp_path: Path) -> None:
    content = trained()
    found = refused(tmp_path, {**content, "q_img": content["q_img"] * np.inf, "r_txt": content["r_txt"] + 1})
    assert "q_img holds infinite numbers in 20 rows" in found
    assert "r_txt holds the values 0, 2, neither +-1 nor 0/1" in found


def test_signs_beside_outputs_are_signs(tmp_path: Path) -> None:
    """tanh outputs of queries beside the codes of the retrieval set: a sign is a sign."""
    content = trained()
    plain = scored(tmp_path, content)
    soft = scored(tmp_path, {**content, "q_img": 0.3 * content["q_img"], "q_txt": 0.9 * content["q_txt"]})
    assert "signs of real numbers, 0 zeros taken as +1" in soft["read_as"]
    assert soft["i2t"] == plain["i2t"]


def test_signs_of_outputs_may_be_zero_as_floats_alone(tmp_path: Path) -> None:
    """numpy.sign of an output that is 0 is 0, and counts as +1; whole numbers -1, 0, 1 are no signs."""
    content = trained()
    plain = scored(tmp_path, content)
    row, bit = np.argwhere(content["q_img"] > 0)[0]
    content["q_img"][row, bit] = 0
    found = scored(tmp_path, content)
    assert "signs of real numbers, 1 zeros taken as +1" in found["read_as"]
    assert found["i2t"] == plain["i2t"]
    whole = {**content, "q_img": content["q_img"].astype(np.int8)}
    assert "q_img holds 3 values (-1, 0, 1), not two" in refused(tmp_path, whole)


def test_a_single_value_throughout(tmp_path: Path) -> None:
    """Ones are codes of either convention, zeros only of 0/1, where it is told; of nothing but zeros none."""
    content = trained()
    bits = {key: (content[key] > 0) * 1 for key in CODES}
    ones = {"q_img": np.ones((20, BITS))}
    as_signs, as_bits = scored(tmp_path, {**content, **ones}), scored(tmp_path, {**content, **bits, **ones})
    assert "+-1" in as_signs.pop("read_as")
    assert "0/1" in as_bits.pop("read_as")
    assert as_signs == as_bits
    zeros = scored(tmp_path, {**content, **bits, "q_img": np.zeros((20, BITS))})
    assert "0/1, q_img 0 throughout;" in zeros.pop("read_as")
    assert zeros == scored_without(tmp_path, {**content, "q_img": -np.ones((20, BITS))})
    nothing = refused(tmp_path, {**content, **{key: content[key] * 0 for key in CODES}})
    assert "q_img, q_txt, r_img, r_txt hold zeros throughout: there is no code in them" in nothing


def scored_without(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    found = scored(path, content)
    del found["read_as"]
    return found


@pytest.mark.parametrize(("kind", "most"), [("uint8", 255), ("uint16", 65535)])
def test_signs_in_unsigned_numbers_are_named_as_what_they_are(tmp_path: Path, kind: str, most: int) -> None:
    content = trained()
    for key in CODES:
        content[key] = content[key].astype(np.int64).astype(kind)
    found = refused(tmp_path, content)
    for key in CODES:
        assert f"{key} holds 1, {most}: +-1 as {kind}, which has no -1; save it as int8, or as 0/1" in found
    assert "not two" not in found


def test_codes_that_lie_on_their_side(tmp_path: Path) -> None:
    """Columns for items are told by the number of rows; of a square array nobody can tell, so it is said."""
    content = trained()
    found = refused(tmp_path, {**content, "q_img": content["q_img"].T, "q_txt": content["q_txt"].T})
    assert (
        "transposed, as it seems: q_img [16, 20], q_txt [16, 20]; a row is an item: transpose q_img and q_txt"
    ) in found
    assert "differ" not in found
    square = {key: value[:BITS] if key.startswith("q") else value for key, value in content.items()}
    told = "square, so rows were taken for items: q_img [16, 16], q_txt [16, 16]"
    assert told in scored(tmp_path, square)["read_as"]
    assert "square" not in scored(tmp_path, content)["read_as"]


def test_all_arrays_on_their_side_are_one_finding(tmp_path: Path) -> None:
    """Both row counts, the code lengths and the numbers of classes differ then."""
    content = trained()
    found = refused(tmp_path, {key: value.T for key, value in content.items()})
    assert "; a row is an item: transpose q_img and q_txt and r_img and r_txt and q_l and r_l" in found
    assert "differ" not in found
    assert "must be equal" not in found
    labels = refused(tmp_path, {**content, "q_l": content["q_l"].T, "r_l": content["r_l"].T})
    assert "; a row is an item: transpose q_l and r_l" in labels


def test_what_no_transposition_mends_is_told_as_it_is(tmp_path: Path) -> None:
    content = trained()
    found = refused(tmp_path, {**content, "q_img": content["q_img"][:-1]})
    assert "row counts of the query set differ: q_img 19, q_txt 20, q_l 20" in found
    assert "transpose" not in found


@pytest.mark.parametrize("key", ["q_img", "q_txt", "r_img", "r_l", "q_l"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_arrays_that_are_no_tables_are_named(tmp_path: Path, key: str, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "codes.npz", **{**trained(), key: np.ones(shape, np.int64)})
    with pytest.raises(CrosshashError, match=rf"{key} (is int64\[|3)"):
        read_foreign(tmp_path / "codes.npz")


def array(*rows: Any, kind: str = "int64") -> np.ndarray:  # noqa: ANN401
    return np.array(rows, kind)


SIGNS, BITS_TOO = array([1, -1]), array([0, 1])
ONE_PER_BIT = "write them as +-1 or 0/1, one number per bit"
BELOW = "so their signs say nothing; set the threshold yourself and write +-1 or 0/1"
JUDGED: list[tuple[dict[str, np.ndarray], list[str]]] = [
    ({"a": SIGNS, "b": SIGNS * 1.0}, []),
    ({"a": BITS_TOO, "b": BITS_TOO > 0}, []),
    ({"a": array([-1, 0, 1], kind="f4"), "b": array([0.5, -3, 0], kind="f4")}, []),
    ({"a": array([0, -1, 0], kind="f4")}, []),
    ({"a": array([-1, 0, 1])}, [f"a holds 3 values (-1, 0, 1), not two; {ONE_PER_BIT}"]),
    ({"a": array([-1, 0, 2], kind="f4")}, [f"a holds 3 values (-1, 0, 2), not two; {ONE_PER_BIT}"]),
    ({"a": SIGNS * 3}, [f"a holds the values -3, 3, neither +-1 nor 0/1; {ONE_PER_BIT}"]),
    ({"a": array([7, 7])}, [f"a holds the values 7, neither +-1 nor 0/1; {ONE_PER_BIT}"]),
    ({"a": array([255, 1])}, ["a holds 1, 255: +-1 as uint8, which has no -1; save it as int8, or as 0/1"]),
    (
        {"a": array([4294967295, 1])},
        ["a holds 1, 4.29497e+09: +-1 as uint32, which has no -1; save it as int8, or as 0/1"],
    ),
    (
        {"a": array([0.5, 0, 1, 2, 3, 4], kind="f4")},
        [f"a holds real numbers of which none is below 0 (0, 0.5, 1, 2, 3, 4), {BELOW}"],
    ),
    (
        {"a": array([0.5, 0, 1, 2, 3, 4, 5], kind="f4")},
        [f"a holds real numbers of which none is below 0 (0, 0.5, 1, 2, 3, 4, ...), {BELOW}"],
    ),
    ({"a": array([0.5, 1], [-0.25, 2], kind="f4")}, []),
    ({"a": np.array([[1, 1], [np.nan, 1], [np.nan, np.nan]])}, ["a holds NaN in 2 rows, first in row 1"]),
    ({"a": np.array([[1, np.inf]])}, ["a holds infinite numbers in 1 rows, first in row 0"]),
    ({"a": array([1, 1]), "b": SIGNS, "c": SIGNS}, []),
    ({"a": array([1, 1]), "b": BITS_TOO, "c": array([0, 0])}, []),
    ({"a": array([1, 1]), "b": array([1, 1])}, []),
    ({"a": array([1, 1]), "b": array([0, 0])}, []),
    (
        {"a": array([0, 0]), "b": array([0.0, 0])},
        ["a, b hold zeros throughout: there is no code in them"],
    ),
    (
        {"a": BITS_TOO, "b": array([0, 0]), "c": array([1, 1]), "d": SIGNS},
        ["d holds +-1 beside a (0/1), b (zeros): write all alike"],
    ),
    (
        {"a": SIGNS, "b": SIGNS * 0.5, "c": array([0, 0]), "d": SIGNS},
        ["c holds zeros throughout beside a (+-1), b (real numbers), d (+-1): write all alike"],
    ),
    (
        {"a": SIGNS * 3, "b": BITS_TOO, "c": SIGNS},
        [f"a holds the values -3, 3, neither +-1 nor 0/1; {ONE_PER_BIT}"],
    ),
]


@pytest.mark.parametrize(("codes", "problems"), JUDGED)
def test_what_is_said_of_values(codes: dict[str, np.ndarray], problems: list[str]) -> None:
    """What holds no codes by itself is named first; only where all do, which of them differ."""
    assert value_problems(codes) == problems


@pytest.mark.parametrize(
    ("codes", "wanted", "words"),
    [
        ({"a": SIGNS, "b": array([1, 1])}, {"a": [[1, -1]], "b": [[1, 1]]}, "+-1"),
        ({"a": BITS_TOO > 0, "b": array([1, 1])}, {"a": [[-1, 1]], "b": [[1, 1]]}, "0/1"),
        ({"a": array([0, 0]), "b": array([1, 1])}, {"a": [[-1, -1]], "b": [[1, 1]]}, "0/1, a 0 throughout"),
        (
            {"a": array([0, 0], kind="u1"), "b": BITS_TOO, "c": array([0, 0])},
            {"a": [[-1, -1]], "b": [[-1, 1]], "c": [[-1, -1]]},
            "0/1, a and c 0 throughout",
        ),
        (
            {"a": SIGNS, "b": np.array([[0.0, -2.5], [0.0, 1.5]])},
            {"a": [[1, -1]], "b": [[0, -2.5], [0, 1.5]]},
            "signs of real numbers, 2 zeros taken as +1",
        ),
    ],
)
def test_numbers_whose_sign_is_the_bit(
    codes: dict[str, np.ndarray], wanted: dict[str, list[list[float]]], words: str
) -> None:
    signs, found = as_signs(codes)
    assert ({key: one.tolist() for key, one in signs.items()}, found) == (wanted, words)
