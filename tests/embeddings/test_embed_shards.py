from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from crosshash.embeddings import embed_shards as module
from crosshash.errors import CrosshashError
from tests.embeddings.cases import embedded, encoders, write_set

CPU = torch.device("cpu")


def test_each_item_has_the_vectors_of_its_own_picture_and_captions(tmp_path: Path) -> None:
    """One by one through the same networks, without batches and threads."""
    known = write_set(tmp_path / "set")
    found = embedded(tmp_path / "set", tmp_path / "state", tmp_path / "out")
    networks = encoders()
    assert found.image is not None
    assert found.text is not None
    assert len(found.image) == 80
    for part, items in known.items():
        assert found.order[part].tolist() == [one.row for one in items]
        for one in items:
            alone = networks["image"].embed([one.image], CPU)
            np.testing.assert_allclose(found.image[one.row], alone[0], rtol=0.01, atol=0.002)
            texts = found.text[found.first_text[one.row] : found.first_text[one.row + 1]]
            assert len(texts) == len(one.captions)
            for text, caption in zip(texts, one.captions, strict=True):
                alone = networks["text"].embed([caption], CPU)
                np.testing.assert_allclose(text, alone[0], rtol=0.01, atol=0.002)


def test_the_bytes_are_the_same_for_any_number_of_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(tmp_path / "set")
    for cores in ("1", "3"):
        monkeypatch.setenv("CROSSHASH_THREADS", cores)
        embedded(tmp_path / "set", tmp_path / f"state{cores}", tmp_path / cores)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "3" / path.name).read_bytes()


def test_shards_that_are_done_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_set(tmp_path / "set")
    embedded(tmp_path / "set", tmp_path / "whole", tmp_path / "expected")
    read: list[str] = []

    def stopped(folder: Path, name: str) -> object:
        read.append(name)
        if len(read) == 3:
            raise KeyboardInterrupt
        return before(folder, name)

    before = module.read_shard
    monkeypatch.setattr(module, "read_shard", stopped)
    with pytest.raises(KeyboardInterrupt):
        embedded(tmp_path / "set", tmp_path / "state", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    done = {path.stem for path in (tmp_path / "state").glob("*.npz")}
    assert done == set(read[:2])
    first, second = (tmp_path / "state" / f"{name}.npz" for name in read[:2])
    second.write_bytes(second.read_bytes()[:-9] + b"x" + second.read_bytes()[-8:])  # damaged meanwhile
    with caplog.at_level("INFO"):
        embedded(tmp_path / "set", tmp_path / "state", tmp_path / "out")
    assert first.name.removesuffix(".npz") not in read[3:]
    assert second.name.removesuffix(".npz") in read[3:]
    assert "1 unit(s) of work were done before" in caplog.text
    for path in (tmp_path / "expected").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()


def test_a_shard_that_misses_leaves_nothing_behind(tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    next((tmp_path / "set/shards").glob("train-*.tar")).unlink()
    with pytest.raises(CrosshashError, match=r"train-\d+\.tar: cannot be read"):
        embedded(tmp_path / "set", tmp_path / "state", tmp_path / "out")
    assert not (tmp_path / "out").exists()
