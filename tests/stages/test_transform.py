from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from crosshash.artifacts import read_json, read_npz, write_npz
from crosshash.centers.center_book import CenterBook, write_centers
from crosshash.centers.construction import make_centers
from crosshash.centers.transform import apply_transform, read_transform
from crosshash.errors import CrosshashError
from stages import transform
from stages.transform import main

ARTIFACTS = Path("artifacts")
CLASSES = [f"class {i}" for i in range(6)]
SETTINGS = {
    "used": True,
    "for_training": False,
    "solver": "ridge",
    "ridge_lambda": 1.0,
    "tie_row": True,
    "sgd_lr": 0.1,
    "sgd_epochs": 20,
    "sgd_batch": 200,
    "seed": 0,
}


def prepare(long: int = 64, short: int = 16, **settings: object) -> tuple[CenterBook, CenterBook]:
    books = make_centers(CLASSES, long, 0, "long")[0], make_centers(CLASSES, short, 0, "short")[0]
    if long == short:
        books = (books[0], books[0])
    for name, book in zip(("long", "short"), books, strict=True):
        write_centers(ARTIFACTS / "centers" / f"{name}.npz", book)
    Path("plan").mkdir(exist_ok=True)
    Path("plan/transform.yaml").write_text(yaml.safe_dump(SETTINGS | settings), encoding="utf-8")
    labels = np.vstack([np.eye(6), np.roll(np.eye(6), 1, axis=1) + np.eye(6)]).astype(np.uint8)
    write_npz(Path("data/scenes/train_labels.npz"), {"classes": np.array(CLASSES), "labels": labels})
    return books


@pytest.fixture(autouse=True)
def _in_an_empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stages/transform.py", "scenes"])


def statistics() -> dict[str, Any]:
    return dict(read_json(ARTIFACTS / "transform_statistics.json"))


def test_the_chosen_solver_is_written_and_both_are_measured() -> None:
    for solver in ("ridge", "sgd"):
        long, short = prepare(solver=solver)
        main()
        matrix = read_transform(ARTIFACTS / "transform.npz")
        assert matrix is not None
        assert matrix.shape == (128, 32)
        found = statistics()
        assert found["solver"] == solver
        assert {"ridge", "sgd"} <= set(found)
        exact = (apply_transform(long.centers, matrix) == short.centers).all(axis=1).mean()
        assert found[solver]["centers_exact"] == pytest.approx(exact, abs=1e-5)
    assert statistics()["ridge"]["centers_exact"] == 1.0


def test_twice_the_same_bytes() -> None:
    names = ("transform.npz", "transform_training.npz", "transform_statistics.json")
    prepare()
    main()
    before = [(ARTIFACTS / name).read_bytes() for name in names]
    main()
    assert [(ARTIFACTS / name).read_bytes() for name in names] == before


def test_training_learns_of_the_short_code_only_when_its_loss_does() -> None:
    prepare()
    main()
    assert list(read_npz(ARTIFACTS / "transform_training.npz")) == ["used"]
    constant = (ARTIFACTS / "transform_training.npz").read_bytes()
    prepare(short=32)
    main()
    assert (ARTIFACTS / "transform_training.npz").read_bytes() == constant
    _, short = prepare(for_training=True)
    main()
    found = read_npz(ARTIFACTS / "transform_training.npz")
    assert found["used"]
    assert np.array_equal(found["matrix"], read_npz(ARTIFACTS / "transform.npz")["matrix"])
    assert np.array_equal(found["centers"], short.centers)
    assert np.array_equal(found["tie_bits"], short.tie_bits)


def test_equal_lengths_change_nothing() -> None:
    prepare(long=16, short=16)
    main()
    matrix = read_transform(ARTIFACTS / "transform.npz")
    assert matrix is not None
    signs = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.int8), (20, 16))
    assert np.array_equal(apply_transform(signs, matrix), signs)
    assert statistics()["solver"] == "identity"
    assert statistics()["identity"]["training_labels"] == 1.0


def test_very_long_codes_are_not_fitted_for_comparison_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transform, "COMPARED", 100)
    for solver, other in (("ridge", "sgd"), ("sgd", "ridge")):
        prepare(solver=solver)
        main()
        assert solver in statistics()
        assert other not in statistics()


def test_methods_without_centers() -> None:
    prepare()
    for name in ("long", "short"):
        write_centers(ARTIFACTS / "centers" / f"{name}.npz", None)
    main()
    assert read_transform(ARTIFACTS / "transform.npz") is None
    assert list(read_npz(ARTIFACTS / "transform_training.npz")) == ["used"]
    assert statistics() == {"used": False}


def test_rows_without_labels_leave_nothing_behind() -> None:
    prepare()
    labels = np.zeros((2, 6), dtype=np.uint8)
    labels[0, 0] = 1
    write_npz(Path("data/scenes/train_labels.npz"), {"classes": np.array(CLASSES), "labels": labels})
    with pytest.raises(CrosshashError, match=r"train_labels\.npz: items without labels[\s\S]*row 1"):
        main()
    assert not (ARTIFACTS / "transform.npz").exists()
