"""Encoding by a method whose codes are cut: which bits are delivered, and that all deliver the same ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat

from crosshash.artifacts import read_npz
from crosshash.centers.center_book import write_centers
from crosshash.centers.transform import write_transform
from crosshash.codes.bit_index import MEASURES, BitIndex, read_bit_index, write_bit_index
from crosshash.codes.hashcodes import unpack
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import ModelCard, build_method, save_model
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.search import load
from stages import encode, infer
from tests.stages.vector_set import BITS, WORDS, make_items, write_plans, write_set

KEPT = 6
SETTINGS: dict[str, float | int | str | bool | None] = {
    "alpha": 1.0,
    "pair_weight": 0.01,
    "quan_weight": 1.0,
}
MODEL = Path("artifacts/model")


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converted set and a SCAHN of random weights and significances."""
    monkeypatch.chdir(tmp_path)
    write_set(make_items())
    write_centers(Path("artifacts/centers/short.npz"), None)
    write_transform(Path("artifacts/transform.npz"), None)
    torch.manual_seed(0)
    image = TowerSpec("mlp", "mlp", 12, 5, layers=4)
    text = TowerSpec("bow", "bow", 12, vocabulary=tuple(WORDS), layers=4)
    card = ModelCard("scahn", BITS, SETTINGS, image, text, 1)
    method = build_method(card, build_towers(image, text), None)
    state = method.state_dict()  # type: ignore[attr-defined]
    for name in ("alignment", "image_activity", "text_activity"):
        state[name] = torch.rand_like(state[name])
    save_model(MODEL, card, state)


def run(bits: int = KEPT, significance: str = "auto") -> dict[str, bytes]:
    write_plans(bits=bits, significance=significance)
    infer.main("set")
    encode.main("set")
    return {path.stem: path.read_bytes() for path in encode.CODES.iterdir()}


@pytest.mark.parametrize("significance", ["auto", *MEASURES])
def test_the_delivered_code_holds_the_bits_of_the_index(significance: str) -> None:
    """The same ones of images and texts, queries and retrieval set, in the order of the index."""
    run(significance=significance)
    kept = read_bit_index(encode.CODES)
    assert kept is not None
    assert kept.chosen == significance or significance == "auto"
    for name in ("query", "retrieval"):
        short, long = (read_npz(encode.CODES / f"{name}{end}.npz") for end in ("", "_long"))
        assert (int(short["bits"]), int(long["bits"])) == (KEPT, BITS)
        for modality in ("image", "text"):
            whole = unpack(long[modality], BITS)
            expected = np.stack([whole[:, bit] for bit in kept.index], axis=1)
            if modality == "text":
                expected[~long["has_text"]] = -1  # a code of zeros stands where there is no text
            assert np.array_equal(unpack(short[modality], KEPT), expected)
        for key in ("labels", "ids", "classes", "has_text", "has_labels"):
            assert np.array_equal(short[key], long[key])
    mat = loadmat(str(encode.CODES / "codes.mat"))
    assert mat["q_img"].shape[1] == mat["r_txt"].shape[1] == KEPT


def test_auto_takes_the_measure_with_the_best_validation_score() -> None:
    run()
    choice = json.loads((encode.CODES / "bit_index.json").read_text())
    means = {name: sum(scores.values()) for name, scores in choice["validation"].items()}
    assert list(means) == list(MEASURES)
    assert choice["significance"] == max(means, key=means.__getitem__)
    assert len(set(means.values())) > 1


def test_the_queries_do_not_take_part_in_the_choice() -> None:
    run()
    before = (encode.CODES / "bit_index.json").read_bytes()
    items = make_items()
    changed = make_items(seed=1)["query"]
    shutil.rmtree("data/set")
    long = read_npz(encode.CODES / "query_long.npz")["image"]
    write_set({**items, "query": changed})
    write_centers(Path("artifacts/centers/short.npz"), None)
    write_transform(Path("artifacts/transform.npz"), None)
    run()
    assert not np.array_equal(read_npz(encode.CODES / "query_long.npz")["image"], long)
    assert (encode.CODES / "bit_index.json").read_bytes() == before


def test_all_bits_are_delivered_as_they_are() -> None:
    run(bits=BITS)
    for name in ("query", "retrieval"):
        short, long = (read_npz(encode.CODES / f"{name}{end}.npz") for end in ("", "_long"))
        for modality in ("image", "text"):
            assert np.array_equal(short[modality], long[modality])
    kept = read_bit_index(encode.CODES)
    assert kept is not None
    assert kept.index.tolist() == list(range(BITS))


def test_the_files_are_equal_the_second_time_and_whatever_the_batch() -> None:
    first = run()
    assert run() == first
    write_plans(bits=KEPT, significance="auto", batch=5)
    encode.main("set")
    assert {path.stem: path.read_bytes() for path in encode.CODES.iterdir()} == first


def test_a_project_in_python_gives_the_same_codes() -> None:
    run()
    hasher = load(".")
    assert hasher.bits == KEPT
    query = make_items()["query"]
    stored = read_npz(encode.CODES / "query.npz")
    images = hasher.encode_image(np.stack([np.asarray(item.image) for item in query]))
    texts = hasher.encode_text([item.captions[0] for item in query])
    assert np.array_equal(images.packed, stored["image"])
    assert np.array_equal(texts.packed, stored["text"])


def test_codes_of_another_model_are_refused_in_python() -> None:
    run()
    longer = BitIndex(np.arange(KEPT), {name: np.zeros(BITS + 1) for name in MEASURES}, "weights", None)
    for other in (longer, None):
        write_bit_index(encode.CODES, other)
        with pytest.raises(CrosshashError, match=r"codes of another model\. Run `dvc repro encode`"):
            load(".")
