from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from crosshash.embeddings.frozen_encoders import (
    CARD,
    build_encoders,
    load_encoders,
    read_card,
    save_encoders,
)
from crosshash.errors import CrosshashError
from crosshash.models.tower_specs import text_spec
from tests.embeddings.cases import SPEC, encoders, picture
from tests.models.hf_folders import network, save

CPU = torch.device("cpu")


def test_networks_come_back_with_their_weights(tmp_path: Path) -> None:
    before = encoders()
    save_encoders(tmp_path / "encoders", before)  # type: ignore[arg-type]
    card = read_card(tmp_path / "encoders")
    assert card.specs == {"image": SPEC, "text": SPEC}
    assert card.dims == {"image": 6, "text": 6}
    torch.manual_seed(9)
    after = load_encoders(tmp_path / "encoders", card.digest)
    assert np.array_equal(after["image"].embed([picture(1)], CPU), before["image"].embed([picture(1)], CPU))
    assert np.array_equal(after["text"].embed(["a cat"], CPU), before["text"].embed(["a cat"], CPU))


def test_a_folder_that_a_network_came_from_is_needed_no_more(tmp_path: Path) -> None:
    folder = save(tmp_path / "bert", network())
    spec = text_spec(f"hf/{folder}", "caption", "jpeg", None, [], 12, None)
    before = build_encoders({"text": spec}, None)
    save_encoders(tmp_path / "encoders", before)
    shutil.rmtree(folder)
    after = load_encoders(tmp_path / "encoders", read_card(tmp_path / "encoders").digest)
    captions = ["two dog run", "a sofa"]
    assert np.array_equal(after["text"].embed(captions, CPU), before["text"].embed(captions, CPU))


def test_nothing_is_embedded_of_nothing() -> None:
    assert encoders()["text"].embed([], CPU).shape == (0, 6)


def test_other_networks_than_those_trained_on_are_refused(tmp_path: Path) -> None:
    digests = []
    for seed in (0, 1):
        save_encoders(tmp_path / "encoders", encoders(seed))  # type: ignore[arg-type]
        digests.append(read_card(tmp_path / "encoders").digest)
    assert digests[0] != digests[1]
    with pytest.raises(CrosshashError, match=r"encoders: holds other networks than those.*dvc repro"):
        load_encoders(tmp_path / "encoders", digests[0])


def test_a_flipped_weight_is_noticed(tmp_path: Path) -> None:
    save_encoders(tmp_path / "encoders", encoders())  # type: ignore[arg-type]
    weights = tmp_path / "encoders/text.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CrosshashError, match=r"text.safetensors: .*checksum differs.*dvc repro embed"):
        load_encoders(tmp_path / "encoders", read_card(tmp_path / "encoders").digest)


def test_a_card_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text('{"encoders": {"image": {}}, "digest": ""}')
    with pytest.raises(CrosshashError, match=r"encoders.json: was written by another version"):
        read_card(tmp_path)


def test_where_nothing_is_frozen_the_card_says_so(tmp_path: Path) -> None:
    save_encoders(tmp_path / "encoders", {})
    assert read_card(tmp_path / "encoders").specs == {}
