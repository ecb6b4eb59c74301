from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from crosshash.collection import new_codes
from crosshash.collection.additions import Addition
from crosshash.collection.collection import add_folder
from crosshash.collection.new_codes import Encoding, encode_ready
from crosshash.collection.new_items import Ready
from crosshash.errors import CrosshashError
from crosshash.search.trained import TrainedEncoder, facts_of, load_encoder
from crosshash.workers import engine
from tests.datasets.folders import picture
from tests.models.frozen_text import frozen_text_model


def test_captions_of_a_frozen_text_network_are_encoded(tmp_path: Path) -> None:
    """As with `small`: each caption becomes a vector, then a code; of several the mean counts."""
    model = frozen_text_model()
    encoder = TrainedEncoder(facts_of(model), None, None, 512, model, tmp_path, torch.device("cpu"))
    captions = [("a dog", "a red cat"), ("sofa",), ()]
    ready = [Ready(Addition(str(row), None, texts, ()), "", str(row)) for row, texts in enumerate(captions)]
    codes = encode_ready(encoder, ready, tmp_path, "all", tmp_path / "state")
    first, second = (encoder.soft("text", list(texts)).astype(np.float32).mean(0) for texts in captions[:2])
    expected = np.packbits(np.stack([first, second]) >= 0, axis=1)
    assert np.array_equal(codes.packed["text"][:2], expected)
    assert codes.has["text"].tolist() == [True, True, False]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        picture(number, (40, 30)).save(folder / f"{number}.jpg")
        (folder / f"{number}.txt").write_text(f"a red circle {number}")
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_worker_processes_leave_the_same_bytes(
    project: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(new_codes, "BLOCK", 2)
    add_folder(project, pictures, tmp_path / "alone")
    monkeypatch.setenv("CROSSHASH_WORKERS", "2")
    monkeypatch.setattr(new_codes, "_encoded", None)  # of this process, which is to encode nothing
    assert add_folder(project, pictures, tmp_path / "shared").new == 5
    assert digests(tmp_path / "shared") == digests(tmp_path / "alone")
    assert not [path for path in (tmp_path / "state").iterdir() if path.is_dir()]


def test_a_single_block_starts_no_worker(
    project: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_WORKERS", "2")
    monkeypatch.setattr(engine, "workers", None)
    assert add_folder(project, pictures, tmp_path / "collection").new == 5


def test_workers_refuse_a_model_that_is_not_the_one_of_the_work(project: Path, tmp_path: Path) -> None:
    described = load_encoder(project).description
    own = Encoding(project, described, tmp_path, "all", "cpu", torch.get_num_threads())
    assert callable(own.ready())
    other = Encoding(project, {**described, "bits": 1}, tmp_path, "all", "cpu", torch.get_num_threads())
    with pytest.raises(CrosshashError, match=r"project: has another model than when this work began"):
        other.ready()


def test_the_bytes_of_pictures_are_not_sent_to_workers() -> None:
    addition = Addition("a", b"bytes of a picture", ("a",), ())
    unit = new_codes._unit([Ready(addition, "name", "digest")])
    assert unit.given == [Ready(Addition("a", None, ("a",), ()), "name", "digest")]
