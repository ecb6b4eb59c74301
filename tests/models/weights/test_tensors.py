from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from crosshash.errors import CrosshashError
from crosshash.models.weights.tensors import read_note, read_tensors, write_tensors

TENSORS = {
    "weight": torch.arange(24.0).view(2, 3, 2, 2).to(memory_format=torch.channels_last),
    "count": torch.tensor(7),
    "half": torch.ones(3, dtype=torch.float16),
}


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", TENSORS, ("step", "3"))
    found = read_tensors(tmp_path / "x.safetensors", "")
    assert found.keys() == TENSORS.keys()
    for key, value in TENSORS.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value)
    assert read_note(tmp_path / "x.safetensors", "", "step") == "3"
    assert read_note(tmp_path / "x.safetensors", "", "other") is None
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_parameters_and_views_are_written_without_their_graph(tmp_path: Path) -> None:
    whole = torch.randn(4, 6, requires_grad=True)
    write_tensors(tmp_path / "x.safetensors", {"a": whole, "b": torch.randn(4, 6)[:, 2]})
    assert not read_tensors(tmp_path / "x.safetensors", "")["a"].requires_grad


def test_equal_tensors_give_equal_bytes_in_every_process(tmp_path: Path) -> None:
    """With more than one note the format's hash table would put them in another order each time."""
    script = """
import sys, torch
from pathlib import Path
from crosshash.models.weights.tensors import write_tensors
write_tensors(Path(sys.argv[1]), {"b": torch.arange(3.0), "a": torch.ones(2)}, ("activation", "quick_gelu"))
"""
    for name in ("first", "second"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=True)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("read", [read_tensors, lambda path, remedy: read_note(path, remedy, "x")])
def test_a_missing_or_damaged_file_is_named_with_the_remedy(tmp_path: Path, read: object) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(CrosshashError, match=r"x\.safetensors: not found\. Train again\."):
        read(path, "Train again.")  # type: ignore[operator]
    write_tensors(path, TENSORS)
    whole = path.read_bytes()
    for content in (whole[:-4], whole[:20], b"", b"no tensors"):
        path.write_bytes(content)
        with pytest.raises(CrosshashError, match=r"not a whole safetensors file.*Train again\."):
            read(path, "Train again.")  # type: ignore[operator]
    with pytest.raises(CrosshashError, match=r"Train again\."):
        read(tmp_path, "Train again.")  # type: ignore[operator]
