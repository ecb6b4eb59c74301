from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from crosshash.config.params import load_params
from crosshash.config.plans.base import Plan
from crosshash.config.resolve import resolve
from crosshash.errors import CrosshashError

ROOT = Path(__file__).resolve().parents[2]
STAGES = {
    "download",
    "convert",
    "embed",
    "centers",
    "transform",
    "train",
    "infer",
    "encode",
    "evaluate",
    "index",
    "report",
}
Plans = Callable[..., dict[str, Plan]]
CUDA = torch.cuda.is_available()


@pytest.fixture
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plans:
    """The plans of the project's params.yaml with changed values: `twdh__short_weight=1.0`."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))

    def resolved(**changes: object) -> dict[str, Plan]:
        raw: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
        for place, value in changes.items():
            section, _, key = place.rpartition("__")
            (raw[section] if section else raw)[key] = value
        Path("params.yaml").write_text(yaml.safe_dump(raw))
        return resolve(load_params(Path("params.yaml")))

    return resolved


def changed(before: dict[str, Plan], after: dict[str, Plan]) -> set[str]:
    return {stage for stage in before if before[stage] != after[stage]}


def test_there_is_a_plan_for_every_stage_but_the_first(plans: Plans) -> None:
    assert set(plans()) == STAGES


def test_other_bits_concern_no_training(plans: Plans) -> None:
    assert changed(plans(), plans(bits=16)) == {"centers", "encode", "evaluate", "index", "report"}


def test_a_loss_on_the_delivered_code_makes_the_transform_an_input_of_training(plans: Plans) -> None:
    """Then `bits` reach training by artifacts/transform_training.npz, a constant file otherwise."""
    assert plans(twdh__short_weight=0.0)["transform"].for_training is False  # type: ignore[attr-defined]
    assert plans(twdh__short_weight=0.5)["transform"].for_training is True  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"train__epochs": 123}, {"train"}),
        ({"model__hidden": 123}, {"train"}),
        ({"twdh__quan_weight": 0.123}, {"train"}),
        ({"transform__solver": "sgd"}, {"transform"}),
        ({"evaluate__ties": "by_id"}, {"evaluate"}),
        ({"encode__caption": "all"}, {"infer"}),
        ({"report__top": 123}, {"report"}),
        ({"split__seed": 123}, {"convert"}),
        ({"convert__max_side": 123}, {"convert"}),
        ({"scenes__count": 123}, {"download", "convert"}),
        ({"custom__path": "examples/features"}, set()),
        ({"seed": 123}, {"centers", "transform", "train", "evaluate", "index"}),
        ({"index__kind": "auto"}, {"index"}),
        ({"threads": 123}, set() if CUDA else {"train", "infer", "evaluate"}),
        ({"twdh__train_bits": 64}, {"centers", "train", "encode", "evaluate", "report"}),
        ({"dataset": "custom"}, {"download", "convert", "evaluate", "report"}),
    ],
)
def test_a_setting_reaches_the_stages_that_use_it_and_no_other(
    plans: Plans, change: dict[str, object], stages: set[str]
) -> None:
    assert changed(plans(), plans(**change)) == stages


def test_more_bits_than_are_trained_are_refused(plans: Plans) -> None:
    assert plans(bits=64, twdh__train_bits=64)["encode"].bits == 64  # type: ignore[attr-defined]
    with pytest.raises(
        CrosshashError, match=r"bits: 65 is more than twdh\.train_bits 64; set twdh\.train_bits"
    ):
        plans(bits=65, twdh__train_bits=64)


def test_paths_that_are_not_there_are_listed_together(plans: Plans) -> None:
    """Those of data sets that are not chosen too: DVC wants them as dependencies of download."""
    with pytest.raises(CrosshashError) as refused:
        plans(
            custom__path="no/photos", features__path="/no/vectors", model__pretrained="no/weights.safetensors"
        )
    text = str(refused.value)
    assert "3 path(s) that do not exist" in text
    for line in (
        "custom.path: 'no/photos' is not there",
        "features.path: '/no/vectors' is not there",
        "model.pretrained: 'no/weights.safetensors' is not there",
    ):
        assert f"\n  - {line}" in text
    assert "absolute paths" in text


def test_a_weight_file_that_is_there_and_a_tag_pass(plans: Plans) -> None:
    Path("own.safetensors").touch()
    names = {"model__image": "ViT-B-32", "model__text": "ViT-B-32"}
    for weights in ("own.safetensors", "openai", "laion2b_s34b_b79k"):
        plan = plans(model__pretrained=weights, **names)["train"]
        assert plan.model.pretrained == weights  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "file", "stages"),
    [
        ("model__pretrained", "own.safetensors", {"train", "embed"}),
        ("split__file", "split.json", {"convert"}),
    ],
)
def test_another_file_of_the_same_name_concerns_the_stage_that_reads_it(
    plans: Plans, key: str, file: str, stages: set[str]
) -> None:
    Path(file).write_text("one")
    settings = {key: file, "model__image": "ViT-B-32", "model__text": "ViT-B-32", "device": "cpu"}
    before = plans(**settings)
    assert changed(before, plans(**settings)) == set()
    Path(file).touch()
    assert changed(before, plans(**settings)) == set()
    Path(file).write_text("two")
    assert changed(before, plans(**settings)) == stages


CLIP = {"model__image": "ViT-B-32", "model__text": "ViT-B-32", "model__pretrained": "openai"}
RESNET = {"model__image": "timm/resnet34", "model__pretrained": "a1_in1k"}


@pytest.mark.parametrize(
    ("settings", "frozen"),
    [
        ({}, (None, None)),
        ({"device": "cpu"} | CLIP, ("ViT-B-32", "ViT-B-32")),
        ({"device": "cpu", "model__backbone": "tuned"} | CLIP, (None, None)),
        ({"device": "cpu"} | RESNET, ("timm/resnet34", None)),
        ({"method": "cca", "model__backbone": "frozen"} | CLIP, ("ViT-B-32", "ViT-B-32")),
    ],
)  # fmt: skip
def test_networks_of_published_weights_are_frozen_on_the_cpu(
    plans: Plans, settings: dict[str, Any], frozen: tuple[str | None, str | None]
) -> None:
    plan: Any = plans(**settings)["embed"]
    assert (plan.image, plan.text) == frozen


def test_a_rate_that_falls_exponentially_needs_an_end(plans: Plans) -> None:
    with pytest.raises(CrosshashError, match=r"train.schedule: exponential needs a train.lr_end above 0"):
        plans(train__schedule="exponential")
    plans(train__schedule="exponential", train__lr_end=1e-4)


def test_random_weights_cannot_be_frozen(plans: Plans) -> None:
    with pytest.raises(CrosshashError, match=r"model.backbone: frozen, but no network has published"):
        plans(model__backbone="frozen")


@pytest.mark.parametrize(
    "change",
    [
        {"method": "dcmht"}, {"bits": 16}, {"seed": 1}, {"threads": 3}, {"train__epochs": 2},
        {"train__lr_head": 0.1}, {"model__hidden": 64}, {"train__caption": "first"},
        {"encode__caption": "all"},
    ],
)  # fmt: skip
def test_what_frozen_networks_give_depends_on_them_and_the_items_alone(
    plans: Plans, change: dict[str, Any]
) -> None:
    settings = CLIP | {"device": "cpu"}
    assert plans(**settings)["embed"] == plans(**(settings | change))["embed"]


def test_another_content_of_a_local_copy_is_looked_through_again(plans: Plans) -> None:
    Path("copy").mkdir()
    settings = {"dataset": "nuswide", "download__local": "copy"}
    before = plans(**settings)
    assert changed(before, plans(**settings)) == set()
    Path("copy/images.zip").write_text("archive")
    assert changed(before, plans(**settings)) == {"download"}


def test_networks_that_nobody_knows_are_refused_before_any_download(plans: Plans) -> None:
    with pytest.raises(
        CrosshashError, match=r"model\.image: 'ViT-B/32' is neither .* did you mean ViT-B-32\?"
    ):
        plans(model__image="ViT-B/32")


def test_a_pointer_of_git_lfs_is_no_weight_file(plans: Plans) -> None:
    Path("own.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 605143884\n")
    with pytest.raises(CrosshashError, match=r"own\.pt: is a pointer of Git LFS"):
        plans(model__pretrained="own.pt")


def test_a_folder_is_no_weight_file(plans: Plans) -> None:
    with pytest.raises(CrosshashError, match="examples/custom: cannot be read"):
        plans(model__pretrained="examples/custom")


def test_no_tag_of_published_weights_looks_like_a_path() -> None:
    open_clip = importlib.import_module("crosshash.models.encoders.clip").open_clip
    tags = {tag for _, tag in open_clip.list_pretrained()}
    assert len(tags) > 20
    assert not [tag for tag in tags if "." in tag or "/" in tag]


def test_cuda_where_there_is_none_is_refused(plans: Plans) -> None:
    if CUDA:
        assert plans(device="cuda")["train"].device == "cuda"  # type: ignore[attr-defined]
        return
    with pytest.raises(CrosshashError, match=r"params\.yaml: device: cuda, but .* no CUDA device\. Use auto"):
        plans(device="cuda")


def test_auto_is_settled_to_the_device_that_is_there(plans: Plans) -> None:
    """Named or not: what has the same device trains once."""
    assert plans(device="auto") == plans(device="cuda" if CUDA else "cpu")


def threads_of(found: dict[str, Plan]) -> set[int | None]:
    return {found[stage].threads for stage in ("train", "infer", "evaluate")}  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux tells which cores may be used")
def test_the_threads_are_those_of_the_settings_else_of_the_variable_else_all_cores(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "3")
    assert threads_of(plans(device="cpu", threads=5)) == {5}
    assert threads_of(plans(device="cpu", threads="auto")) == {3}
    monkeypatch.delenv("CROSSHASH_THREADS")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert threads_of(plans(device="cpu", threads="auto")) == {1}
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.gpu
@pytest.mark.skipif(not CUDA, reason="no CUDA device")
def test_threads_have_no_part_on_cuda(plans: Plans) -> None:
    assert threads_of(plans(device="auto", threads=5)) == {None}


@pytest.mark.parametrize("sizes", [{"split__query": 5}, {"split__train": 0.5}])
def test_a_split_file_beside_sizes_is_refused(plans: Plans, sizes: dict[str, float]) -> None:
    with pytest.raises(CrosshashError, match=r"split\.file .*-S split\.query=null -S split\.train=null"):
        plans(split__file="params.yaml", **sizes)


@pytest.mark.parametrize(
    ("quantiser", "bits", "dims"), [("none", 64, 4), ("pq", 32, 32), ("rabitq", 32, 16), ("itq", 31, 31)]
)
def test_dimensions_are_those_that_the_bits_have_room_for(
    plans: Plans, quantiser: str, bits: int, dims: int
) -> None:
    found = plans(method="cca", bits=bits, cca__quantiser=quantiser)
    assert [found[name].train_bits for name in ("train", "encode")] == [dims, dims]  # type: ignore[attr-defined]
    assert found["encode"].bits == bits  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("quantiser", "bits", "told"),
    [
        ("none", 8, "16 bits a dimension, a float16. Choose 16."),
        ("none", 40, "Choose 32 or 48."),
        ("pq", 30, "4 bits for each 4 dimensions. Choose 28 or 32."),
        ("rabitq", 16, "16 bits for a factor, and 1 a dimension. Choose 17."),
    ],
)
def test_bits_that_a_quantiser_cannot_fill_are_refused(
    plans: Plans, quantiser: str, bits: int, told: str
) -> None:
    with pytest.raises(
        CrosshashError, match=rf"bits: {bits} is not what the quantiser {quantiser}"
    ) as refused:
        plans(method="ridge", bits=bits, ridge__quantiser=quantiser)
    assert str(refused.value).endswith(told)


@pytest.mark.parametrize("quantiser", ["none", "pq", "rabitq"])
def test_hamming_distance_of_stored_vectors_is_refused(plans: Plans, quantiser: str) -> None:
    chosen = {"method": "cca", "cca__quantiser": quantiser, "bits": 32}
    for key, value in (("distance", "hamming"), ("kind", "ivf"), ("kind", "hnsw"), ("kind", "multihash")):
        told = rf"index\.{key}: {value}: there is no Hamming distance .* cca\.quantiser: {quantiser} "
        with pytest.raises(CrosshashError, match=told):
            plans(**chosen, **{f"index__{key}": value})
        plans(**chosen | {"cca__quantiser": "itq"}, **{f"index__{key}": value})
    plans(**chosen, index__distance="asymmetric")
    plans(**chosen, index__kind="auto")


def test_what_is_solved_has_no_batch_that_could_be_too_large(plans: Plans) -> None:
    batches = {method: plans(method=method)["centers"].model_dump()["batch"] for method in ("twdh", "cca")}
    assert batches == {"twdh": 64, "cca": 1}


# Several processes


def trained(plans: Plans, **changes: object) -> Any:  # noqa: ANN401
    return plans(device="cpu", **{f"train__{key}": value for key, value in changes.items()})["train"]


def test_one_process_trains_unless_more_are_asked_for(plans: Plans) -> None:
    for asked in ({}, {"devices": "auto"}):
        plan = trained(plans, **asked)
        assert (plan.devices, plan.nodes, plan.batch) == (1, 1, 64)


def test_the_number_of_processes_is_part_of_the_plan_of_training_alone(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "4")
    assert changed(plans(device="cpu"), plans(device="cpu", train__devices=2)) == {"train"}
    plan = trained(plans, devices=2, nodes=4)
    assert (plan.devices, plan.nodes) == (2, 4)


def test_the_cores_are_shared_among_the_processes(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "5")
    assert [trained(plans, devices=count).threads for count in (1, 2, 4)] == [5, 2, 1]
    assert plans(device="cpu", threads=3, train__devices=2)["train"].threads == 3  # type: ignore[attr-defined]


def test_more_processes_than_there_are_cores_are_refused(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "2")
    with pytest.raises(
        CrosshashError, match=r"train\.devices: 4, but this machine has 2 core.* to 2 or less"
    ):
        trained(plans, devices=4)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"devices": 2, "batch": 65}, "among 2 processes in equal parts. Set it to 64 or 66"),
        ({"devices": 2, "nodes": 2, "batch": 3}, "among 4 processes in equal parts. Set it to 4,"),
        ({"devices": "auto", "nodes": 3}, "among 3 processes in equal parts. Set it to 63 or 66"),
    ],
)
def test_a_batch_that_cannot_be_dealt_in_equal_parts_is_refused(
    plans: Plans, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], remedy: str
) -> None:
    monkeypatch.setenv("CROSSHASH_THREADS", "4")
    with pytest.raises(CrosshashError, match=remedy):
        trained(plans, **changes)


@pytest.mark.parametrize(
    ("there", "batch", "nodes", "taken"), [(8, 64, 1, 8), (8, 60, 1, 6), (4, 6, 2, 3), (3, 7, 1, 1)]
)
def test_auto_takes_all_gpus_among_which_the_batch_can_be_dealt(
    plans: Plans, there: int, batch: int, nodes: int, taken: int
) -> None:
    plans()
    train = load_params(Path("params.yaml")).train
    asked = train.model_copy(update={"devices": "auto", "batch": batch, "nodes": nodes})
    assert asked.processes("cuda", there) == taken
    with pytest.raises(CrosshashError, match=rf"train\.devices: 9, but this machine has {there} CUDA"):
        train.model_copy(update={"devices": 9}).processes("cuda", there)


def test_what_is_solved_has_one_process(plans: Plans) -> None:
    plan = plans(device="cpu", method="cca", train__devices=64, train__batch=63)["train"]
    assert (plan.devices, plan.nodes) == (1, 1)  # type: ignore[attr-defined]
