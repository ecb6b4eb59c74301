from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crosshash.artifacts import read_npz, write_npz
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.retrieval.codeset import CodeSet
from stages.index import main
from tests.retrieval.sets import code_set, write_set

INDEX = Path("artifacts/index")
QUANTISED = Path("artifacts/codes/quantised.npz")


def prepare(bits: int = 12, has_text: bool = True, first: int = 1) -> CodeSet:
    """Pairs p0..p29; p1, p4, ... are in the retrieval set (p<first> in place of p1), p4 without text."""
    signs = np.random.default_rng(0).choice([-1, 1], size=(2, 30, 12))
    chosen = np.arange(1, 30, 3)
    captioned = np.full(len(chosen), has_text)
    captioned[1] = False
    codes = code_set(
        "p",
        signs[0, chosen],
        signs[1, chosen],
        np.ones((len(chosen), 1)),
        captioned.tolist(),
        names=[first, *chosen[1:].tolist()],
    )
    write_set(Path("artifacts/codes/retrieval.npz"), codes)
    write_npz(QUANTISED, {"used": np.array(False)})
    table = {
        "id": [f"p{row}" for row in range(30)],
        "image": [f"{row}.jpg" for row in range(30)],
        "captions": [[] if row == 4 else [f"first of {row}", "second"] for row in range(30)],
        "labels": [["circle", "star"][: row % 3] for row in range(30)],
        "part": ["rest"] * 30,
    }
    Path("data/scenes").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), "data/scenes/pairs.parquet")
    Path("plan").mkdir(exist_ok=True)
    Path("plan/index.yaml").write_text(f"bits: {bits}\n", encoding="utf-8")
    return codes


@pytest.fixture(autouse=True)
def _in_an_empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stages/index.py", "scenes"])


def statistics() -> dict[str, Any]:
    return dict(json.loads((INDEX / "statistics.json").read_text(encoding="utf-8")))


def test_items_found_are_those_of_the_pair_table() -> None:
    codes = prepare()
    main()
    items = pq.read_table(INDEX / "items.parquet").to_pylist()
    assert list(items[0]) == ["id", "row", "image", "caption", "labels"]
    assert items[0] == {"id": "p1", "row": 1, "image": "1.jpg", "caption": "first of 1", "labels": ["circle"]}
    assert items[1] == {"id": "p4", "row": 4, "image": "4.jpg", "caption": "", "labels": ["circle"]}
    assert [item["id"] for item in items] == codes.ids.tolist()
    for modality in ("image", "text"):
        rows, distances = CodeIndex.load(INDEX / f"{modality}.faiss").search(codes.text.packed[5:6], 100)
        signs = getattr(codes, modality).signs()
        expected = (signs[rows[0]] != codes.text.signs()[5]).sum(axis=1)
        assert distances[0].tolist() == expected.tolist()
        assert set(rows[0]) == set(range(10)) - ({1} if modality == "text" else set())


def test_statistics() -> None:
    codes = prepare()
    main()
    found = statistics()
    assert found["bits"] == 12
    assert (found["image"]["items"], found["text"]["items"]) == (10, 9)
    size = (INDEX / "image.faiss").stat().st_size
    assert found["image"]["bytes"] == size
    assert found["image"]["bytes_per_item"] == size / 10
    signs = codes.image.signs()
    assert found["image"]["distinct_codes"] == len({tuple(row) for row in signs.tolist()})
    assert found["image"]["bit_balance"] == (signs > 0).mean(axis=0).round(6).tolist()


def test_equal_input_gives_equal_bytes() -> None:
    prepare()
    main()
    first = {path.name: path.read_bytes() for path in INDEX.iterdir()}
    assert set(first) == {"image.faiss", "text.faiss", "items.parquet", "statistics.json"}
    main()
    assert {path.name: path.read_bytes() for path in INDEX.iterdir()} == first


def quantised(items: int = 10) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(2)
    return {
        "used": np.array(True),
        "codebook": generator.normal(0, 1, (2, 3, 12)).astype(np.float32),
        "image": generator.integers(0, 3, (items, 2), np.uint8),
        "text": generator.integers(0, 3, (items, 2), np.uint8),
        "query_image": generator.normal(0, 1, (4, 12)).astype(np.float32),
        "query_text": generator.normal(0, 1, (4, 12)).astype(np.float32),
    }


def test_of_a_quantiser_the_index_holds_codebook_and_words_never_a_real_vector() -> None:
    prepare()
    arrays = quantised()
    write_npz(QUANTISED, arrays)
    main()
    held = read_npz(INDEX / "quantiser.npz")
    assert list(held) == ["codebook", "image", "text"]
    assert held["codebook"].shape == (2, 3, 12)
    assert held["image"].dtype == held["text"].dtype == np.uint8
    assert held["image"].shape == held["text"].shape == (10, 2)
    for name, array in held.items():
        assert np.array_equal(array, arrays[name])


def test_a_quantiser_of_other_items_is_refused() -> None:
    prepare()
    write_npz(QUANTISED, quantised(items=9))
    with pytest.raises(CrosshashError, match=r"quantised\.npz: its rows are not those of the codes"):
        main()
    assert not INDEX.exists()


def test_a_set_without_any_text_has_an_empty_text_index() -> None:
    prepare(has_text=False)
    main()
    assert statistics()["text"]["items"] == 0
    assert len(CodeIndex.load(INDEX / "text.faiss")) == 0


def test_codes_of_another_length_than_planned_are_refused() -> None:
    prepare(bits=16)
    with pytest.raises(CrosshashError, match=r"has 12 bits, plan/index\.yaml says 16"):
        main()
    assert not INDEX.exists()


def test_items_that_the_pair_table_does_not_know_are_named() -> None:
    prepare(first=99)
    with pytest.raises(CrosshashError, match=r"data/scenes/pairs\.parquet does not know.*\n.*id 'p99'"):
        main()
    assert not INDEX.exists()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    monkeypatch.setattr("sys.argv", ["stages/index.py", "coco"])
    with pytest.raises(CrosshashError, match=r"data/coco/pairs\.parquet: not found"):
        main()
    monkeypatch.setattr("sys.argv", ["stages/index.py"])
    with pytest.raises(CrosshashError, match=r"python -m stages\.index scenes"):
        main()
