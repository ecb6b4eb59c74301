from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import loadmat

from crosshash.artifacts import read_json, read_npz, write_json, write_npz
from crosshash.centers.center_book import write_centers
from crosshash.centers.transform import read_transform, write_transform
from crosshash.codes.encoder_digest import describe_encoder
from crosshash.codes.hashcodes import pack, unpack
from crosshash.codes.quantiser import Codebook
from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import ModelCard, build_method, load_model, save_model
from crosshash.models.tower_specs import TowerSpec
from crosshash.models.towers import build_towers
from crosshash.retrieval.codefiles.codeset import check_fit, read_code_set
from stages import encode, infer
from tests.stages.vector_set import (
    BITS,
    CLASSES,
    COUNTS,
    SHORT,
    WORDS,
    book,
    make_items,
    write_plans,
    write_set,
)

NAMES = ("query", "retrieval", "query_long", "retrieval_long")
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
PARTS = {"query": ("query",), "retrieval": ("train", "val", "rest")}


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converted set and a network of random weights; encoding asks for no better one."""
    monkeypatch.chdir(tmp_path)
    write_set(make_items())
    write_plans()
    torch.manual_seed(0)
    image, text = TowerSpec("mlp", "mlp", 12, 5), TowerSpec("bow", "bow", 12, vocabulary=tuple(WORDS))
    card = ModelCard("twdh", BITS, {"quan_weight": 0.5, "short_weight": 0.0}, image, text, 1)
    method = build_method(card, build_towers(image, text), None)
    save_model(Path("artifacts/model"), card, method.state_dict())  # type: ignore[attr-defined]


def run() -> None:
    infer.main("set")
    encode.main("set")


def codes() -> dict[str, dict[str, np.ndarray]]:
    return {name: read_npz(encode.CODES / f"{name}.npz") for name in NAMES}


def outputs() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(encode.CODES.iterdir())}


def test_the_files_are_laid_out_as_documented() -> None:
    run()
    assert set(outputs()) == {
        *(f"{name}.npz" for name in NAMES), "targets.npz", "codes.mat", "bit_index.npz", "bit_index.json",
        "quantised.npz", "real.npz", "query_real.npz", "distance.json", "encoder.json",
    }  # fmt: skip
    for name, arrays in codes().items():
        bits = BITS if name.endswith("_long") else SHORT
        items = COUNTS["query"] if name.startswith("query") else sum(COUNTS.values()) - COUNTS["query"]
        assert list(arrays) == [
            "image", "text", "labels", "ids", "bits", "classes", "has_text", "has_labels",
        ]  # fmt: skip
        for modality in ("image", "text"):
            assert arrays[modality].dtype == np.uint8
            assert arrays[modality].shape == (items, -(-bits // 8))
        assert arrays["bits"].dtype == np.int64
        assert int(arrays["bits"]) == bits
        assert arrays["labels"].dtype == np.uint8
        assert arrays["labels"].shape == (items, 3)
        assert arrays["ids"].dtype.kind == arrays["classes"].dtype.kind == "U"
        assert arrays["classes"].tolist() == list(CLASSES)
        assert arrays["has_text"].dtype == arrays["has_labels"].dtype == np.bool_


def test_the_encoder_is_described_by_what_was_loaded_and_nothing_else() -> None:
    run()
    told = read_json(encode.CODES / "encoder.json")
    model, matrix = load_model(infer.MODEL).digest, read_transform(encode.TRANSFORM)
    assert matrix is not None
    assert told == describe_encoder(model, matrix, None, SHORT)
    assert told["bits"] == SHORT
    card = read_json(infer.MODEL / "model.json")
    write_json(infer.MODEL / "model.json", card | {"best_epoch": 77})
    others = [
        describe_encoder(load_model(infer.MODEL).digest, matrix, None, SHORT),
        describe_encoder(model, -matrix, None, SHORT),
        describe_encoder(model, matrix.reshape(2, -1), None, SHORT),
        describe_encoder(model, None, None, SHORT),
        describe_encoder(model, matrix, np.arange(SHORT), SHORT),
    ]
    assert len({told["digest"], *(one["digest"] for one in others)}) == 6


def test_a_model_that_is_replaced_meanwhile_does_not_sign_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codes are those of the model that was loaded, and so is the digest beside them."""
    run()
    before = {path.name: path.read_bytes() for path in sorted(encode.CODES.iterdir())}

    def choose_meanwhile(*arguments: Any) -> Any:  # noqa: ANN401
        write_json(infer.MODEL / "model.json", read_json(infer.MODEL / "model.json") | {"best_epoch": 77})
        write_transform(encode.TRANSFORM, None)
        return choose(*arguments)

    choose = encode.bit_index
    monkeypatch.setattr(encode, "bit_index", choose_meanwhile)
    run()
    assert {path.name: path.read_bytes() for path in sorted(encode.CODES.iterdir())} == before


def test_the_codes_can_be_scored() -> None:
    run()
    for names in (NAMES[:2], NAMES[2:]):
        query, retrieval = (read_code_set(encode.CODES / f"{name}.npz") for name in names)
        check_fit(query, retrieval, ("query", "retrieval"))


def test_items_stand_in_the_order_of_the_pair_table_with_their_labels() -> None:
    run()
    parts = make_items()
    for name, arrays in codes().items():
        items = [item for part in PARTS[name.removesuffix("_long")] for item in parts[part]]
        items.sort(key=lambda item: item.row)
        assert arrays["ids"].tolist() == [item.id for item in items]
        assert arrays["labels"].tolist() == [[int(c in item.labels) for c in CLASSES] for item in items]


def test_items_without_caption_or_label_are_marked() -> None:
    run()
    for name in ("retrieval", "retrieval_long"):
        arrays = codes()[name]
        (captionless,) = np.flatnonzero(~arrays["has_text"])
        (unlabelled,) = np.flatnonzero(~arrays["has_labels"])
        assert unlabelled == captionless + 1
        assert not arrays["text"][captionless].any()
        assert arrays["image"][captionless].any()
        assert not arrays["labels"][unlabelled].any()
    assert codes()["query"]["has_text"].all()


def test_targets_are_those_of_the_short_centres_and_zero_without_labels() -> None:
    run()
    targets = read_npz(encode.CODES / "targets.npz")
    assert bool(targets["used"])
    for name in ("query", "retrieval"):
        arrays = codes()[name]
        labelled = arrays["has_labels"]
        signs = unpack(targets[name], SHORT)
        assert np.array_equal(signs[labelled], book(SHORT, 2).targets(arrays["labels"][labelled]))
        assert not targets[name][~labelled].any()


def test_the_mat_file_has_the_layout_of_published_code() -> None:
    run()
    mat = loadmat(str(encode.CODES / "codes.mat"))
    for letter, name, left_out in (("q", "query", 0), ("r", "retrieval", 2)):
        arrays = codes()[name]
        whole = arrays["has_text"] & arrays["has_labels"]
        assert (~whole).sum() == left_out
        for key, modality in (("img", "image"), ("txt", "text")):
            assert mat[f"{letter}_{key}"].dtype == np.int8
            assert np.array_equal(mat[f"{letter}_{key}"], unpack(arrays[modality], SHORT)[whole])
        assert mat[f"{letter}_l"].dtype == np.uint8
        assert np.array_equal(mat[f"{letter}_l"], arrays["labels"][whole])


def test_encoding_twice_gives_the_same_bytes_whatever_the_batch() -> None:
    run()
    first = outputs()
    run()
    assert outputs() == first
    write_plans(batch=5)
    run()
    assert outputs() == first


def test_another_length_runs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it import torch: what the networks gave lies in artifacts/outputs."""
    infer.main("set")
    shutil.rmtree(infer.MODEL)
    shutil.rmtree("data/set/shards")
    command = "import sys; from stages import encode; encode.main('set'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "False\n"


def test_real_codes_that_are_not_kept_give_the_same_bytes(caplog: pytest.LogCaptureFixture) -> None:
    run()
    first = outputs()
    write_plans(keep_gb=0.0)
    caplog.set_level("WARNING")
    run()
    assert outputs() == first
    assert "would take 3.58e-06 GB, infer.keep_gb is 0: they are not kept" in caplog.text  # 4 x 56 x 16 bytes
    assert sorted(path.name for path in encode.OUTPUTS.iterdir()) == ["model.npz", "outputs.json"]


def test_outputs_of_another_model_are_refused() -> None:
    write_plans(keep_gb=0.0)
    infer.main("set")
    card = read_json(infer.MODEL / "model.json")
    write_json(infer.MODEL / "model.json", card | {"best_epoch": 77})
    with pytest.raises(CrosshashError, match=r"artifacts/outputs: is of another model .*dvc repro infer"):
        encode.main("set")
    write_plans(train_bits=8)
    with pytest.raises(CrosshashError, match=r"artifacts/outputs: is of another model .*dvc repro infer"):
        encode.main("set")


def test_real_codes_of_queries_have_the_signs_of_their_codes() -> None:
    run()
    real = read_npz(encode.CODES / "query_real.npz")
    for modality in ("image", "text"):
        assert real[modality].dtype == np.int8
        assert real[modality].shape == (COUNTS["query"], SHORT)
        assert (np.abs(real[modality]).max(axis=1) == 63).all()
        signs, there = unpack(codes()["query"][modality], SHORT), real[modality] != 0
        assert np.array_equal(np.sign(real[modality])[there], signs[there])


def test_all_captions_change_text_codes_alone() -> None:
    run()
    first = codes()
    write_plans(caption="all")
    run()
    every = codes()
    assert not np.array_equal(first["retrieval_long"]["text"], every["retrieval_long"]["text"])
    for name in NAMES:
        assert np.array_equal(first[name]["image"], every[name]["image"])


def test_without_centres_and_transform_the_trained_code_is_delivered() -> None:
    write_centers(Path("artifacts/centers/short.npz"), None)
    write_transform(Path("artifacts/transform.npz"), None)
    write_plans(bits=BITS)
    run()
    found = codes()
    for name in ("query", "retrieval"):
        assert np.array_equal(found[name]["image"], found[f"{name}_long"]["image"])
        assert int(found[name]["bits"]) == BITS
    targets = read_npz(encode.CODES / "targets.npz")
    assert list(targets) == ["used"]
    assert not targets["used"]


@pytest.mark.parametrize(("words", "kind"), [(4, np.uint8), (300, np.uint16)])
def test_a_method_that_quantises_gives_words_and_real_vectors(words: int, kind: type) -> None:
    image, text = TowerSpec("mlp", "mlp", 12, 5), TowerSpec("bow", "bow", 12, vocabulary=tuple(WORDS))
    weights = {f"{part}_weight": 0.1 for part in ("similarity", "hash", "balance", "quan")}
    own = {"pairs": "all", "alpha": 1.0, "dictionaries": 2, "words": words, "dropout": 0.0}
    card = ModelCard("hq", BITS, {**weights, **own}, image, text, 1)
    method: Any = build_method(card, build_towers(image, text), None)
    method.codebook.normal_()
    method.known.random_(0, words)
    save_model(Path("artifacts/model"), card, method.state_dict())
    write_centers(Path("artifacts/centers/short.npz"), None)
    write_transform(Path("artifacts/transform.npz"), None)
    write_plans(bits=BITS)
    run()
    found, real = (read_npz(encode.CODES / f"{name}.npz") for name in ("quantised", "real"))
    assert list(found) == ["used", "codebook", "image", "query_image", "text", "query_text"]
    assert list(real) == ["used", "image", "text"]
    assert found["used"]
    assert real["used"]
    assert np.array_equal(found["codebook"], method.codebook.numpy())
    book, known = Codebook(found["codebook"]), method.known.numpy().astype(np.int64)
    for modality in ("image", "text"):
        for side, vectors in (("retrieval", real[modality]), ("query", found[f"query_{modality}"])):
            arrays = codes()[side]
            there = arrays["has_text"] if modality == "text" else np.ones(len(vectors), bool)
            assert vectors.dtype == np.float32
            assert np.array_equal(pack(vectors[there]), arrays[modality][there])
            assert not vectors[~there].any()
        assert found[modality].dtype == kind
        assert np.array_equal(found[modality], book.encode(real[modality], known))
    first = outputs()
    run()
    assert outputs() == first


def test_other_methods_have_no_words() -> None:
    run()
    for name in ("quantised", "real"):
        arrays = read_npz(encode.CODES / f"{name}.npz")
        assert list(arrays) == ["used"]
        assert not arrays["used"]


def test_a_failure_leaves_the_codes_before_it() -> None:
    run()
    before = outputs()
    shard = next(Path("data/set/shards").glob("rest-*.tar"))
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(CrosshashError, match=rf"{shard.name}: .*dvc repro convert"):
        run()
    assert outputs() == before
    assert sorted(path.name for path in Path("artifacts").iterdir()) == [
        "centers", "codes", "embeddings", "encoders", "model", "outputs", "transform.npz",
        "transform_training.npz",
    ]  # fmt: skip


def test_a_transform_of_another_length_is_refused() -> None:
    write_npz(
        Path("artifacts/transform.npz"), {"used": np.array(True), "matrix": np.zeros((6, 4), np.float32)}
    )
    with pytest.raises(CrosshashError, match="do not fit a transform for 3 bits"):
        run()
    assert not encode.CODES.exists()


@pytest.mark.parametrize(
    "name",
    ["plan/encode.yaml", "artifacts/model/model.json", "artifacts/transform.npz", "data/set/info.json"],
)
def test_a_missing_input_is_named_with_the_command(name: str) -> None:
    Path(name).unlink()
    with pytest.raises(CrosshashError, match=rf"{name}: not found\. Run `dvc repro`"):
        run()


def test_codes_too_large_for_matlab_leave_out_its_file_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It once failed there, with all codes that had been written by then."""
    monkeypatch.setattr(encode, "LARGEST", 10)
    run()
    codes = Path("artifacts/codes")
    assert not (codes / "codes.mat").exists()
    assert "no codes.mat is written: a variable of MATLAB version 5 holds at most 10 bytes" in caplog.text
    assert all((codes / f"{name}.npz").is_file() for name in NAMES)
