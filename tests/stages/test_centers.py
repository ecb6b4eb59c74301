from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from crosshash.artifacts import read_json, write_npz
from crosshash.centers.center_book import read_centers
from crosshash.errors import CrosshashError
from stages.centers import main

FOLDER = Path("artifacts/centers")


def prepare(
    bits: int = 16, train_bits: int = 64, used: bool = True, count: int = 8, seed: int = 0, batch: int = 9
) -> None:
    settings = {"used": used, "supervised": True, "label_free": ["djsrh"], "bits": bits, "seed": seed}
    settings |= {"train_bits": train_bits, "batch": batch}
    Path("plan").mkdir(exist_ok=True)
    Path("plan/centers.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    labels = np.vstack([np.eye(count), np.ones((1, count))]).astype(np.uint8)
    classes = np.array([f"class {i}" for i in range(count)])
    write_npz(Path("data/scenes/train_labels.npz"), {"classes": classes, "labels": labels})


@pytest.fixture(autouse=True)
def _in_an_empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stages/centers.py", "scenes"])


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())}


def test_both_lengths_and_their_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    prepare()
    main()
    for name, bits in (("long", 64), ("short", 16)):
        book = read_centers(FOLDER / f"{name}.npz")
        assert book is not None
        assert book.centers.shape == (8, bits)
        assert book.classes.tolist() == [f"class {i}" for i in range(8)]
    found = json.loads((FOLDER / "statistics.json").read_text(encoding="utf-8"))
    assert [found[name]["min_distance"] for name in ("long", "short")] == [32, 8]
    assert "long: 8 classes in 64 bits, minimum distance 32, at most 36 possible" in capsys.readouterr().out


def test_the_long_centers_do_not_know_the_delivered_length() -> None:
    prepare(bits=16)
    main()
    before = files()
    prepare(bits=32)
    main()
    after = files()
    assert before["long.npz"] == after["long.npz"]
    assert before["short.npz"] != after["short.npz"]
    prepare(bits=16)
    main()
    assert files() == before


def test_another_seed_changes_both() -> None:
    prepare()
    main()
    before = files()
    prepare(seed=1)
    main()
    assert before["long.npz"] != files()["long.npz"]
    assert before["short.npz"] != files()["short.npz"]


def test_equal_lengths_share_one_book() -> None:
    prepare(bits=64)
    main()
    assert files()["long.npz"] == files()["short.npz"]


def test_methods_without_centers_need_no_data() -> None:
    prepare(used=False)
    Path("data/scenes/train_labels.npz").unlink()
    main()
    assert read_centers(FOLDER / "long.npz") is None
    assert read_centers(FOLDER / "short.npz") is None
    assert read_json(FOLDER / "statistics.json") == {"used": False}


@pytest.mark.parametrize("used", [True, False])
def test_a_batch_larger_than_the_training_set_leaves_the_trained_model(used: bool) -> None:
    """8 items of a class each and one of all: 9. This stage runs before DVC removes the model."""
    prepare(used=used, batch=10)
    with pytest.raises(CrosshashError, match=r"train\.batch: 10 pairs a step, .* only 9 training items"):
        main()
    assert not FOLDER.exists()


def test_too_many_classes_leave_nothing_behind() -> None:
    prepare(bits=2)
    with pytest.raises(CrosshashError, match="8 classes do not fit into 2 bits"):
        main()
    assert not FOLDER.exists()


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("classes", [0, 3])
def test_a_set_without_labels_is_for_methods_that_need_none(used: bool, classes: int) -> None:
    """Refused before anything is trained, with the names of those; by methods without centres too."""
    prepare(used=used)
    labels = {"classes": np.array(["a", "b", "c"][:classes], dtype=np.str_)}
    labels["labels"] = np.zeros((9, classes), np.uint8)
    write_npz(Path("data/scenes/train_labels.npz"), labels)
    with pytest.raises(CrosshashError, match=r"data/scenes: no training item has a label.*-S method=djsrh"):
        main()
    assert not FOLDER.exists()
    path = Path("plan/centers.yaml")
    path.write_text(
        path.read_text().replace("supervised: true", "supervised: false").replace("used: true", "used: false")
    )
    main()
    assert read_centers(FOLDER / "long.npz") is None
