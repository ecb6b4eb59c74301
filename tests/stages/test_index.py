from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crosshash.artifacts import read_json, read_npz, write_json, write_npz
from crosshash.errors import CrosshashError
from crosshash.index.code_index import CodeIndex
from crosshash.index.large.large_index import LargeIndex
from crosshash.retrieval.codefiles.codeset import CodeSet
from stages.index import main
from tests.retrieval.sets import code_set, write_set

INDEX = Path("artifacts/index")
QUANTISED = Path("artifacts/codes/quantised.npz")
ENCODER = {"digest": "0" * 64, "bits": 12}


def prepare(bits: int = 12, has_text: bool = True, first: int = 1, kind: str = "flat") -> CodeSet:
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
    write_json(Path("artifacts/codes/encoder.json"), ENCODER)
    write_json(Path("artifacts/codes/distance.json"), {"chosen": "asymmetric", "validation": None})
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
    write_plan(bits, kind)
    return codes


def write_plan(bits: int, kind: str, distance: str = "auto") -> None:
    text = f"bits: {bits}\nkind: {kind}\ndistance: {distance}\nseed: 0\n"
    Path("plan/index.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def _in_an_empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stages/index.py", "scenes"])


def statistics() -> dict[str, Any]:
    return dict(read_json(INDEX / "statistics.json"))


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
    assert found["encoder"] == ENCODER
    assert (found["image"]["kind"], found["image"]["remark"]) == ("flat", "")
    assert (found["image"]["items"], found["text"]["items"]) == (10, 9)
    size = (INDEX / "image.faiss").stat().st_size
    assert found["image"]["bytes"] == size
    assert found["image"]["bytes_per_item"] == size / 10
    signs = codes.image.signs()
    assert found["image"]["distinct_codes"] == len({tuple(row) for row in signs.tolist()})
    assert found["image"]["bit_balance"] == (signs > 0).mean(axis=0).round(6).tolist()


def test_equal_input_gives_equal_bytes() -> None:
    prepare(kind="auto")
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
    assert set(statistics()["search"]) == {"kind"}
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


@pytest.mark.parametrize("distance", ["auto", "hamming", "asymmetric"])
def test_the_distance_is_that_of_the_settings_or_of_the_codes(distance: str) -> None:
    prepare()
    write_plan(12, "flat", distance)
    main()
    assert statistics()["distance"] == ("asymmetric" if distance == "auto" else distance)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    monkeypatch.setattr("sys.argv", ["stages/index.py", "coco"])
    with pytest.raises(CrosshashError, match=r"data/coco/pairs\.parquet: not found"):
        main()
    monkeypatch.setattr("sys.argv", ["stages/index.py"])
    with pytest.raises(CrosshashError, match=r"python -m stages\.index scenes"):
        main()


def many(kind: str, items: int = 3_000) -> CodeSet:
    """Pairs whose codes of 64 bits lie around 20 others; the text of an item is near its image."""
    generator = np.random.default_rng(3)
    around = generator.choice([-1, 1], (20, 64))[generator.integers(20, size=items)]
    image, text = (np.where(generator.random((items, 64)) < 0.08, -around, around) for _ in range(2))
    codes = code_set("p", image, text, np.ones((items, 1)))
    prepare(bits=64, kind=kind)
    write_set(Path("artifacts/codes/retrieval.npz"), codes)
    table = {
        "id": codes.ids,
        "image": [""] * items,
        "captions": [["a caption"]] * items,
        "labels": [["circle"]] * items,
        "part": ["rest"] * items,
    }
    pq.write_table(pa.table(table), "data/scenes/pairs.parquet")
    return codes


def test_an_approximate_index_is_measured_and_the_same_on_repetition() -> None:
    codes = many("ivf")
    main()
    found = statistics()
    assert found["image"]["kind"] == CodeIndex.load(INDEX / "image.faiss").kind == "ivf"
    assert set(found["search"]) == {"kind", "i2t", "t2i"}
    assert found["search"]["kind"] == "ivf"
    for task in ("i2t", "t2i"):
        own, *others = found["search"][task]
        assert (own["kind"], own["chosen"]) == ("ivf", True)
        assert own["recall@100"] >= 0.95
        assert own["recall@10"] >= 0.95
        assert 0 < own["compared"] <= 1 / 8 + 0.01
        assert {one["kind"] for one in others} == {"ivf", "hnsw", "multihash"}
        assert not any(one["chosen"] for one in others)
    exact = CodeIndex.build(codes.text.packed, np.arange(len(codes))).search(codes.image.packed[:200], 100)
    near = CodeIndex.load(INDEX / "text.faiss").search(codes.image.packed[:200], 100)
    assert (near[1] <= exact[1][:, -1:]).mean() >= 0.95
    first = {path.name: path.read_bytes() for path in INDEX.iterdir()}
    main()
    assert {path.name: path.read_bytes() for path in INDEX.iterdir()} == first


def test_too_few_items_for_an_approximate_index_make_a_flat_one(caplog: pytest.LogCaptureFixture) -> None:
    prepare(kind="ivf")
    main()
    found = statistics()
    assert found["image"]["kind"] == "flat"
    assert found["text"]["remark"] == "9 items are too few for ivf, which starts at 2000; searched exactly"
    for modality, items in (("image", 10), ("text", 9)):
        reason = f"{items} items are too few for ivf, which starts at 2000; searched exactly"
        assert f"warning: {modality}: flat instead of ivf: {reason}" in caplog.messages
    every = {"recall@10": 1.0, "recall@10[id]": 1.0, "recall@100": 1.0, "recall@100[id]": 1.0}
    figures = {"kind": "flat", "setting": None, "chosen": True, **every, "compared": 1.0}
    assert found["search"] == {"kind": "ivf", "i2t": [figures], "t2i": [figures]}


def test_auto_says_what_it_chose(caplog: pytest.LogCaptureFixture) -> None:
    prepare(kind="auto")
    with caplog.at_level("INFO"):
        main()
    assert caplog.messages == ["image: flat (10 items, below 200000)", "text: flat (9 items, below 200000)"]


def test_one_code_for_all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Images alone: the texts still differ."""
    codes = prepare()
    same = np.ones((10, 12))
    write_set(
        Path("artifacts/codes/retrieval.npz"),
        code_set("p", same, codes.text.signs(), np.ones((10, 1)), names=[*range(1, 30, 3)]),
    )
    main()
    assert caplog.messages == ["warning: all 10 images have the same code: searches find anything"]


def test_times_stand_beside_those_of_training_and_in_no_output() -> None:
    prepare()
    write_json(Path("timings.json"), {"train": {"seconds": 2.5}})
    main()
    timings = read_json(Path("timings.json"))
    assert timings["train"] == {"seconds": 2.5}
    assert timings["index"]["seconds"] >= 0
    assert [one["kind"] for one in timings["index"]["search"]["i2t"]] == ["flat"]


def test_of_a_large_collection_codes_are_mapped_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.index.AUTO_LARGE", 10)
    codes = prepare(kind="auto")  # ten images, nine texts
    main()
    assert sorted(path.name for path in INDEX.iterdir()) == [
        "image.codes", "items.parquet", "statistics.json", "text.faiss",
    ]  # fmt: skip
    index = LargeIndex.load(INDEX / "image.codes")
    assert index.search(codes.packed("image")[[3]], 1)[0].tolist() == [[3]]
    told = statistics()["image"]
    assert (told["items"], told["kind"], told["search"]) == (10, "equal", [])
    ones = np.unpackbits(codes.packed("image"), axis=1, count=12).mean(axis=0)
    assert np.allclose(told["bit_balance"], ones)
    assert "t2i" not in statistics()["search"]
