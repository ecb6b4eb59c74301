from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import load_yaml

from crosshash.config.params import CommonParams, known_keys, load_params
from crosshash.errors import CrosshashError

ROOT = Path(__file__).resolve().parents[2]
Load = Callable[..., CommonParams]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the project's params.yaml with changed values: `bits=16`, `train__epochs=3`."""

    def load_changed(**changes: object) -> CommonParams:
        raw: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
        for place, value in changes.items():
            section = raw
            *sections, key = place.split("__")
            for name in sections:
                section = section[name]
            section[key] = value
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
        return load_params(tmp_path / "params.yaml")

    return load_changed


def flat(value: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, inner in value.items():
        keys.append(prefix + key)
        if isinstance(inner, dict):
            keys += flat(inner, f"{prefix}{key}.")
    return keys


def test_every_key_of_params_yaml_is_a_field_and_the_other_way_round() -> None:
    keys = flat(yaml.safe_load((ROOT / "params.yaml").read_text()))
    assert sorted(keys) == sorted(known_keys())


def test_the_file_of_the_project_is_accepted(load: Load) -> None:
    params = load()
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert params.bits == raw["bits"]
    assert params.method_section.train_bits == raw[raw["method"]]["train_bits"]
    assert params.dataset_section.model_dump() == raw[raw["dataset"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bits": 0}, "bits: must be greater than or equal to 1 (found 0)"),
        ({"bits": -1}, "bits: must be greater than or equal to 1 (found -1)"),
        ({"bits": 3.5}, "bits: must be a valid integer (found 3.5)"),
        ({"bits": "abc"}, "bits: must be a valid integer (found 'abc')"),
        ({"bits": "16"}, "bits: must be a valid integer (found '16')"),
        ({"bits": True}, "bits: must be a valid integer (found True)"),
        ({"bits": 4096}, "bits: must be less than or equal to 2048 (found 4096)"),
        ({"bits": None}, "bits: must be a valid integer (found None)"),
        ({"bits": [16, 32]}, "bits: must be a valid integer (found [16, 32])"),
        ({"seed": -1}, "seed: must be greater than or equal to 0 (found -1)"),
        (
            {"method": "dcmh"},
            "method: must be 'cca', 'dcmht', 'djsrh', 'hq', 'ridge', 'scahn', 'shared', 'twdh', 'ucch' or "
            "'auto' (found 'dcmh'; did you mean dcmht?)",
        ),
        ({"dataset": "scene"}, "dataset: must be 'coco2017', 'custom', "),
        ({"dataset": "mirflickr"}, "dataset: must be "),
        ({"download__mirror": "data.example/coco"}, "download.mirror: must begin with http:// or https://"),
        ({"download__mirror": "https://me:pw@data.example"}, "download.mirror: must begin with http://"),
        ({"device": "gpu"}, "device: must be 'auto', 'cpu' or 'cuda' (found 'gpu')"),
        ({"threads": 0}, "threads: must be 'auto', or must be greater than or equal to 1 (found 0)"),
        ({"threads": "two"}, "threads: must be 'auto', or must be a valid integer (found 'two')"),
        ({"split__query": 1.5}, "split.query: must be a valid integer, or must be less than 1 (found 1.5)"),
        ({"split__val": 1}, "split.val: must be less than 1 (found 1)"),
        ({"train__batch": 1}, "train.batch: must be greater than or equal to 2 (found 1)"),
        ({"train__lr_head": 0}, "train.lr_head: must be greater than 0 (found 0"),
        ({"train__lr_head": float("nan")}, "train.lr_head: must be a finite number (found nan)"),
        ({"train__lr_head": "fast"}, "train.lr_head: must be a valid number (found 'fast')"),
        (
            {"train__lr_backbone": "fast"},
            "train.lr_backbone: must be 'auto', or must be a valid number (found 'fast')",
        ),
        (
            {"train__lr_backbone": True},
            "train.lr_backbone: must be 'auto', or must be a valid number (found True)",
        ),
        ({"transform__tie_row": "yes"}, "transform.tie_row: must be a valid boolean (found 'yes')"),
        ({"model__pretrained": 3}, "model.pretrained: must be a valid string (found 3)"),
        ({"model__image": ""}, "model.image: String should have at least 1 character (found '')"),
        ({"twdh__quan_weight": -0.5}, "twdh.quan_weight: must be greater than or equal to 0 (found -0.5)"),
        ({"twdh__train_bits": 0}, "twdh.train_bits: must be greater than or equal to 1 (found 0)"),
        ({"scenes__count": 3}, "scenes.count: must be greater than or equal to 10 (found 3)"),
        ({"train": None}, "train: must be a section of keys (found None)"),
        ({"train": 8}, "train: must be a section of keys (found 8)"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(
    load: Load, change: dict[str, object], message: str
) -> None:
    with pytest.raises(CrosshashError) as refused:
        load(**change)
    assert str(refused.value).count("\n  - ") == 1
    assert f"params.yaml: 1 problem(s):\n  - {message}" in str(refused.value)


@pytest.mark.parametrize("written", ["TwDH", "TWDH"])
def test_a_method_spelt_as_in_its_paper_is_suggested(load: Load, written: str) -> None:
    with pytest.raises(CrosshashError, match=rf"found '{written}'; did you mean twdh\?"):
        load(method=written)


def test_a_data_set_that_is_nearly_right_is_suggested(load: Load) -> None:
    with pytest.raises(CrosshashError, match=r"found 'mirflickr'; did you mean mirflickr25k\?"):
        load(dataset="mirflickr")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("bit", "bits"),
        ("dataste", "dataset"),
        ("train__epoch", "train.epochs"),
        ("train__lr-head", "train.lr_head"),
        ("twdh__quan_wieght", "twdh.quan_weight"),
        ("epochs", "train.epochs"),
        ("convert__maxside", "convert.max_side"),
        ("learning_rate", "train.lr_head"),
        ("train__learning_rate", "train.lr_head"),
        ("batch_size", "train.batch"),
        ("weight_decay", "train.weight_decay"),
        ("vartehta", "dcmht.vartheta"),
        ("train__max_side", "convert.max_side"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(load: Load, key: str, near: str) -> None:
    with pytest.raises(CrosshashError) as refused:
        load(**{key: 1})
    assert f"  - {key.replace('__', '.')}: unknown key; did you mean {near}?" in str(refused.value)


def test_a_key_like_no_other_is_only_unknown(load: Load) -> None:
    for key in ("zzz", "gamma_rate", "wavelength", "num_workers"):
        with pytest.raises(CrosshashError, match=rf"- {key}: unknown key\n"):
            load(**{key: 1})


def test_all_problems_are_listed_at_once(load: Load) -> None:
    with pytest.raises(CrosshashError) as refused:
        load(bits="abc", train__epoch=1, train__epochs=0, twdh__train_bits=2.5, device="tpu")
    text = str(refused.value)
    assert "params.yaml: 5 problem(s):\n" in text
    for key in ("bits", "train.epoch", "train.epochs", "twdh.train_bits", "device"):
        assert f"\n  - {key}: " in text
    assert "git checkout params.yaml" in text


def test_missing_keys_are_named(tmp_path: Path) -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    del raw["bits"], raw["train"], raw["twdh"]["train_bits"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(CrosshashError) as refused:
        load_params(tmp_path / "params.yaml")
    for key in ("bits", "train", "twdh.train_bits"):
        assert f"  - {key}: missing key" in str(refused.value)


def written(folder: Path, key: str, text: str) -> Path:
    """The project's params.yaml with another text behind a key, as somebody types it."""
    lines = (ROOT / "params.yaml").read_text().splitlines()
    (place,) = (number for number, line in enumerate(lines) if line.lstrip().startswith(f"{key}: "))
    lines[place] = f"{lines[place].partition(key)[0]}{key}: {text}"
    (folder / "params.yaml").write_text("\n".join(lines))
    return folder / "params.yaml"


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", "1.e-3", "0.001"])
def test_a_real_number_may_be_written_with_an_exponent(tmp_path: Path, text: str) -> None:
    """YAML 1.1 takes 1e-3, without a dot or sign, for text."""
    assert load_params(written(tmp_path, "lr_head", text)).train.lr_head == 1e-3
    assert load_params(written(tmp_path, "lr_backbone", text)).train.lr_backbone == 1e-3


@pytest.mark.parametrize(
    ("key", "text", "finding"),
    [
        ("bits", "016", 16),
        ("bits", "0o16", 14),
        ("bits", "0x10", 16),
        ("bits", "1_024", 1024),
        ("bits", "1:30", "must be a valid integer (found '1:30')"),
        ("bits", "1e3", "must be a valid integer (found 1000.0)"),
        ("tie_row", "no", "must be a valid boolean (found 'no')"),
        ("tie_row", "on", "must be a valid boolean (found 'on')"),
        ("tie_row", "False", False),
        ("lr_head", "5e-05", 5e-5),
        ("pretrained", "None", "None"),
        ("pretrained", "Null", None),
    ],
)
def test_a_setting_has_the_value_that_dvc_sees(tmp_path: Path, key: str, text: str, finding: object) -> None:
    path = written(tmp_path, key, text)
    seen = load_yaml(str(path))
    sections = {"tie_row": "transform", "lr_head": "train", "pretrained": "model"}
    seen = seen[sections[key]][key] if key in sections else seen[key]
    if isinstance(finding, str) and "found" in finding:
        assert f"(found {seen!r})" in finding
        with pytest.raises(CrosshashError) as refused:
            load_params(path)
        assert f"{key}: {finding}" in str(refused.value)
        return
    params = load_params(path).model_dump()
    ours = params[sections[key]][key] if key in sections else params[key]
    assert (ours, type(ours)) == (seen, type(seen)) == (finding, type(finding))


def test_an_exponent_beyond_all_numbers_is_refused(load: Load) -> None:
    with pytest.raises(CrosshashError, match=r"train\.lr_head: must be a finite number"):
        load(train__lr_head="1e999")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no keys"),
        ("# nothing but a comment\n", "holds no keys"),
        ("- bits\n", "holds no keys"),
        ("bits: [1, 2\n", "is not valid YAML"),
        ("bits: 16\n  seed: 0\n", "is not valid YAML"),
        ("bits: 16\nseed: 0\nbits: 32\n", "key 'bits' stands twice"),
        ("train:\n  epochs: 1\n  epochs: 2\n", "key 'epochs' stands twice"),
        ("bits: !!python/object/apply:os.system ['true']\n", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(CrosshashError) as refused:
        load_params(path)
    assert str(path) in str(refused.value)
    assert message in str(refused.value)


def test_the_line_of_a_key_that_stands_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("bits: 16\nseed: 0\nbits: 32\n")
    with pytest.raises(CrosshashError, match="line 3"):
        load_params(path)


@pytest.mark.parametrize(("text", "key"), [("16: 32", "16"), ("? [bits, seed]\n: 16", r"\('bits', 'seed'\)")])
def test_keys_that_are_no_text_are_refused(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text() + f"\n{text}\n")
    with pytest.raises(CrosshashError, match=f"- {key}: unknown key"):
        load_params(path)


def test_a_missing_file_or_one_of_other_bytes_is_named(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"params\.yaml: not found"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"bits: \xff\xfe")
    with pytest.raises(CrosshashError, match=r"params\.yaml: is not valid YAML"):
        load_params(tmp_path / "params.yaml")
