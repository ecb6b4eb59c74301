from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from crosshash.artifacts import write_json, write_npz
from crosshash.config.params import METHODS
from crosshash.config.plans.train import ModelPlan, TrainPlan
from crosshash.embeddings.frozen_encoders import EncodersCard
from crosshash.errors import CrosshashError
from crosshash.models.tower_specs import TowerSpec
from crosshash.pairs.info import DatasetInfo
from crosshash.training.inputs import check_texts, read_inputs, read_vocabulary, settle_specs

ROOT = Path(__file__).resolve().parents[2]
UNUSED = {"used": np.array(False)}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A data set of 4 training items and 2 classes with centres of 3 bits."""
    write_npz(
        tmp_path / "train_labels.npz",
        {"classes": np.array(["a", "b"]), "labels": np.array([[1, 0], [0, 1], [1, 1], [1, 0]], np.uint8)},
    )
    write_npz(
        tmp_path / "long.npz",
        {
            "used": np.array(True),
            "centers": np.array([[1, 1, -1], [1, -1, 1]], np.int8),
            "classes": np.array(["a", "b"]),
            "tie_bits": np.ones(3, np.int8),
        },
    )
    write_npz(tmp_path / "short.npz", UNUSED)
    write_json(tmp_path / "vocabulary.json", {"words": ["red", "circle"]})
    return tmp_path


def read(files: Path, supervised: bool = True) -> Any:  # noqa: ANN401
    return read_inputs(files, files / "long.npz", files / "short.npz", supervised)


def test_labels_and_centres_are_read(files: Path) -> None:
    found = read(files)
    assert found.labels.shape == (4, 2)
    assert found.centers.tolist() == [[1, 1, -1], [1, -1, 1]]
    assert found.tie_bits.tolist() == [1, 1, 1]
    assert found.short_matrix is found.short_centers is found.short_ties is None


def test_the_way_to_the_short_code_is_read_where_the_loss_looks_at_it(files: Path) -> None:
    short = {
        "used": np.array(True),
        "matrix": np.zeros((6, 4), np.float32),
        "centers": np.ones((2, 2), np.int8),
        "tie_bits": np.array([1, -1], np.int8),
    }
    write_npz(files / "short.npz", short)
    found = read(files)
    assert found.short_matrix.shape == (6, 4)
    assert found.short_centers.shape == (2, 2)
    assert found.short_ties.tolist() == [1, -1]
    assert found.tie_bits.tolist() == [1, 1, 1]


def test_a_method_without_centres_reads_none(files: Path) -> None:
    write_npz(files / "long.npz", UNUSED)
    assert read(files).centers is None


def test_a_supervised_method_needs_labels(files: Path) -> None:
    labels = {"classes": np.array([], dtype=np.str_), "labels": np.zeros((4, 0), np.uint8)}
    write_npz(files / "train_labels.npz", labels)
    write_npz(files / "long.npz", UNUSED)
    assert read(files, supervised=False).labels.shape == (4, 0)
    with pytest.raises(
        CrosshashError, match=r"no training item has a label.*column `labels` of pairs\.csv"
    ) as told:
        read(files)
    sections = {name: importlib.import_module(f"crosshash.config.methods.{name}") for name in METHODS}
    *first, last = [name for name, module in sections.items() if not module.MethodSection.supervised]
    assert f"choose a method that learns without: {', '.join(first)} or {last}." in str(told.value)
    assert str(told.value).startswith(f"{files}: no training item has a label, and")


def test_a_supervised_method_needs_a_label_of_every_item(files: Path) -> None:
    labels = {"classes": np.array(["a", "b"]), "labels": np.array([[1, 0], [0, 0], [0, 1], [0, 0]], np.uint8)}
    write_npz(files / "train_labels.npz", labels)
    assert read(files, supervised=False).labels.shape == (4, 2)
    with pytest.raises(CrosshashError, match=r"2 of 4 training items have no label.*leave these items out"):
        read(files)


def test_centres_of_other_classes_are_refused(files: Path) -> None:
    labels = {"classes": np.array(["b", "a"]), "labels": np.ones((4, 2), np.uint8)}
    write_npz(files / "train_labels.npz", labels)
    with pytest.raises(CrosshashError, match=r"long\.npz: made for other classes .*dvc repro centers"):
        read(files)


def plan(**model: Any) -> TrainPlan:  # noqa: ANN401
    usual = {"image": "auto", "text": "auto", "pretrained": None, "hidden": 12, "layers": 1}
    return TrainPlan(
        method="twdh", supervised=True, train_bits=8, settings={}, model=ModelPlan(**{**usual, **model}),
        epochs=1, batch=2, lr_head=1.0, lr_backbone=1.0, lr_text=1.0,
        optimizer="adamw", momentum=0.9, schedule="cosine", lr_end=0.0,
        weight_decay=0.0, warmup=0.0, clip_norm=1.0,
        precision="auto", caption="first", select="best", memory_mb=1.0, seed=0, device="cpu", threads=1,
    )  # fmt: skip


def info(image: str = "jpeg", text: str = "caption") -> DatasetInfo:
    dims = (5 if image == "vector" else None, 7 if text == "vector" else None)
    return DatasetInfo("set", image, text, *dims, ("a", "b"), {}, None)  # type: ignore[arg-type]


@pytest.fixture
def settle(files: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    monkeypatch.chdir(ROOT)
    return lambda plan, info: settle_specs(plan, info, files, EncodersCard({}, {}, ""))


def test_networks_are_settled_by_the_kind_of_the_data(settle: Any) -> None:  # noqa: ANN401
    image, text = settle(plan(), info())
    assert (image.name, text.name) == ("tiny-rn", "tiny-rn")
    image, text = settle(plan(), info(image="vector"))
    assert (image.kind, image.dim, image.hidden) == ("mlp", 5, 12)
    assert (text.kind, text.vocabulary) == ("bow", ("red", "circle"))
    image, text = settle(plan(), info(image="vector", text="vector"))
    assert (text.kind, text.dim) == ("mlp", 7)


@pytest.mark.parametrize("text", ["caption", "vector"])
def test_both_networks_have_the_width_and_depths_asked_for(settle: Any, text: str) -> None:  # noqa: ANN401
    for network in settle(plan(hidden=20, layers=4), info(image="vector", text=text)):
        assert (network.hidden, network.layers) == (20, 4)


@pytest.mark.parametrize("frozen", ["image", "text"])
def test_over_a_frozen_network_stands_one_for_its_vectors(files: Path, frozen: Any) -> None:  # noqa: ANN401
    under = TowerSpec("clip", "small", config={"embed_dim": 24})
    encoders = EncodersCard({frozen: under}, {frozen: 24}, "")
    kinds = info(image="vector", text="vector")
    image, text = settle_specs(plan(hidden=20, layers=3), kinds, files, encoders)
    own, other = (image, text) if frozen == "image" else (text, image)
    assert own == TowerSpec("mlp", "small", 20, 24, layers=3, over=under)
    assert other == TowerSpec("mlp", "mlp", 20, 5 if other is image else 7, layers=3)


@pytest.mark.parametrize("found", [{"tokens": []}, ["words"], "words", None])
def test_a_vocabulary_of_another_version_is_named(files: Path, found: object) -> None:
    write_json(files / "vocabulary.json", found)
    with pytest.raises(CrosshashError, match=r"vocabulary\.json: is of another version.*dvc repro convert"):
        read_vocabulary(files)


@pytest.mark.parametrize(
    ("method", "captionless", "frozen", "taken"),
    [
        ("twdh", 9, (), True),
        ("twdh", 10, (), False),
        ("twdh", 10, ("image", "text"), False),
        ("shared", 10, ("image", "text"), True),
        ("shared", 10, ("image",), False),
        ("shared", 9, (), True),
    ],
)
def test_pictures_alone_are_for_networks_that_know_texts_already(
    method: str,
    captionless: int,
    frozen: tuple[Literal["image", "text"], ...],
    taken: bool,
) -> None:
    """Ten items in all."""
    counts = {"query": 1, "train": 6, "val": 2, "rest": 1, "unlabelled": 5, "captionless": captionless}
    held = replace(info(), counts=counts)
    encoders = EncodersCard(dict.fromkeys(frozen, TowerSpec("clip", "small")), {}, "")
    if taken:
        check_texts(held, method, encoders)
        return
    with pytest.raises(CrosshashError, match=rf"no item of data set set has a text, and {method} learns"):
        check_texts(held, method, encoders)


def test_published_weights_want_one_whole_model(settle: Any) -> None:  # noqa: ANN401
    image, text = settle(plan(image="ViT-B-32", text="ViT-B-32", pretrained="openai"), info())
    assert image == text
    assert image.config["quick_gelu"] is True
    with pytest.raises(CrosshashError, match=r"model\.image is 'ViT-B-32' and model\.text 'bow'"):
        settle(plan(image="ViT-B-32", text="bow", pretrained="openai"), info())


def test_published_weights_are_refused_where_they_would_be_left_out(settle: Any) -> None:  # noqa: ANN401
    """Vectors have no CLIP tower: the weights would go unused, and the encoders train at 1e-5."""
    for kinds in ({"image": "vector"}, {"text": "vector"}):
        with pytest.raises(
            CrosshashError, match=r"this data set holds vectors\. Set model\.pretrained to null"
        ):
            settle(plan(pretrained="openai"), info(**kinds))


def test_weights_of_an_image_network_leave_the_text_network_to_itself(settle: Any) -> None:  # noqa: ANN401
    for text, kind in (("tiny-rn", "caption"), ("bow", "caption"), ("mlp", "vector")):
        chosen = plan(image="timm/resnet34", text=text, pretrained="tv_in1k")
        image, settled = settle(chosen, info(text=kind))
        assert (image.kind, image.name, image.resize) == ("image", "timm/resnet34", "crop")
        assert (settled.name, settled.resize) == (text, "squash")
    with pytest.raises(CrosshashError, match="'timm/resnet34' cannot be used, for this data set has vectors"):
        settle(plan(image="timm/resnet34", pretrained="tv_in1k"), info(image="vector"))


@pytest.mark.parametrize("pooling", ["cls", "last"])
def test_a_text_network_pools_as_asked_for(settle: Any, tmp_path: Path, pooling: str) -> None:  # noqa: ANN401
    from tests.models.hf_folders import network, save  # transformers takes a moment to load

    folder = save(tmp_path / "bert", network())
    _, text = settle(plan(text=f"hf/{folder}", pooling=pooling), info())
    assert text.config["pooling"] == pooling
