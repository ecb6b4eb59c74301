from __future__ import annotations

from pathlib import Path

import pytest

from crosshash.config.encoders.hf_folder import hf_digest, hf_problem, is_hf, local_folder
from crosshash.config.encoders.packaged import MINILM

FILES = ("config.json", "tokenizer.json", "model.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_name_is_a_folder_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert local_folder("hf/someone/model") is None
    assert local_folder("hf/bert-base-uncased") is None
    assert local_folder("hf/./model") == Path("./model")
    assert local_folder("hf//data/model") == Path("/data/model")
    assert local_folder("hf/data/models/bert") == Path("data/models/bert")
    (tmp_path / "someone" / "model").mkdir(parents=True)
    assert local_folder("hf/someone/model") == Path("someone/model")
    assert is_hf("hf/x")
    assert is_hf(MINILM)
    assert not is_hf("hf-hub:someone/model")


def test_what_a_folder_lacks_is_named(folder: Path) -> None:
    assert hf_problem("hf/someone/model") == ""
    assert hf_problem(f"hf/{folder}") == ""
    findings = ("holds no tokenizer", r"holds no .safetensors", "holds no config.json")
    for name, finding in zip(("tokenizer.json", "model.safetensors", "config.json"), findings, strict=True):
        (folder / name).unlink()
        assert finding in hf_problem(f"hf/{folder}")
    assert f"the folder '{folder}/none' is not there" in hf_problem(f"hf/{folder}/none")


def test_a_folder_counts_by_the_files_that_have_a_part(folder: Path) -> None:
    before = hf_digest(f"hf/{folder}")
    (folder / "README.md").write_text("anything")
    assert hf_digest(f"hf/{folder}") == before
    seen = {before}
    (folder / "1_Pooling").mkdir()
    for name in (*FILES, "1_Pooling/config.json", "vocab.txt"):
        (folder / name).write_text("other")
        seen.add(hf_digest(f"hf/{folder}"))
    assert len(seen) == 6
    assert hf_digest("hf/someone/model") is None
    assert hf_digest("bow") is None
