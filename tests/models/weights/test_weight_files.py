from __future__ import annotations

import argparse
import collections
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.weights.tensors import write_tensors
from crosshash.models.weights.weight_files import read_state

STATE = {"conv.weight": torch.arange(4.0), "norm.bias": torch.ones(2)}
OTHER = {"conv.weight": torch.zeros(4), "norm.bias": torch.zeros(2)}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 605143884\n"


def saved(content: object, path: Path, **how: Any) -> Path:  # noqa: ANN401
    torch.save(content, path, **how)
    return path


def under(prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{key}": value for key, value in STATE.items()}


def assert_holds(path: Path, expected: dict[str, Tensor] = STATE) -> None:
    found = read_state(path)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def error_of(path: Path) -> str:
    with pytest.raises(CrosshashError) as refused:
        read_state(path)
    assert str(path) in str(refused.value)
    assert str(refused.value).endswith((".", "once."))  # no sentence is cut
    return str(refused.value)


@pytest.mark.parametrize(
    "checkpoint",
    [
        {"model": STATE, "args": argparse.Namespace(lr=1e-3, data=["a"], nested=argparse.Namespace(x=1))},
        {"state_dict": STATE, "best": np.float64(0.5), "epoch": np.int64(3), "ok": np.bool_(True)},
        {
            "state_dict": STATE,
            "name": np.str_("resnet"),
            "half": np.float16(0.5),
            "counts": collections.Counter("ab"),
        },
        {
            "model_state_dict": STATE,
            "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{}]},
        },
        {"epoch": 3, "state_dict": STATE, "state_dict_ema": OTHER},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_of_training_programs(tmp_path: Path, checkpoint: object, zipped: bool) -> None:
    """With arguments and numbers of numpy beside the weights, in torch's present and its first format."""
    assert_holds(saved(checkpoint, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped))


def test_numbers_as_numpy_1_pickles_them(tmp_path: Path) -> None:
    path = saved(
        {"state_dict": STATE, "best": np.float64(0.5)},
        tmp_path / "a.pt",
        _use_new_zipfile_serialization=False,
    )
    content = path.read_bytes()
    assert content.count(b"numpy._core.multiarray") == 1
    path.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert_holds(path)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "anything"])
@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "model.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.module."],
)
def test_weights_under_a_key_and_behind_a_prefix(tmp_path: Path, key: str, prefix: str) -> None:
    assert_holds(saved({key: under(prefix), "epoch": 3}, tmp_path / "a.pt"))


def test_prefixes_in_plain_files(tmp_path: Path) -> None:
    assert_holds(saved(under("_orig_mod."), tmp_path / "a.pt"))
    write_tensors(tmp_path / "a.safetensors", under("module."))
    assert_holds(tmp_path / "a.safetensors")


def test_a_prefix_of_some_names_alone_stays(tmp_path: Path) -> None:
    mixed = {"model.conv.weight": torch.ones(1), "loss.scale": torch.ones(1)}
    assert_holds(saved(mixed, tmp_path / "a.pt"), mixed)


def test_several_sets_of_weights_are_named(tmp_path: Path) -> None:
    message = error_of(saved({"student": STATE, "teacher": OTHER, "epoch": 3}, tmp_path / "a.pt"))
    assert "holds 2 sets of weights; its keys: 'student', 'teacher'. Save one set" in message


def test_a_file_without_tensors_names_its_keys(tmp_path: Path) -> None:
    message = error_of(saved({"epoch": 3, "args": {"lr": 1.0}}, tmp_path / "a.pt"))
    assert "holds no tensors by name; its keys: 'epoch', 'args'." in message
    assert "it holds a list, not tensors by name" in error_of(saved([torch.ones(1)], tmp_path / "b.pt"))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        ({"state_dict": STATE, "path": Path("x")}, "pathlib.PosixPath"),
        ({"state_dict": STATE, "run": json.loads}, "json.loads"),
        ({"state_dict": STATE, "run": os.system}, "posix.system"),
    ],
)
def test_objects_of_python_are_named_and_not_built(tmp_path: Path, content: object, named: str) -> None:
    message = error_of(saved(content, tmp_path / "a.pt"))
    assert (
        f"cannot be read as plain weights: it holds a Python object ({named}), which is not built." in message
    )
    assert "torch.save(model.state_dict(), path)" in message


def test_numbers_of_numpy_open_no_door(tmp_path: Path) -> None:
    """Arrays of objects, and functions of numpy that read files, are refused as everything else."""

    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return np.fromfile, ("/etc/hostname", "u1")

    for content in (Trap(), np.array([{}], dtype=object), np.dtype(object)):
        assert "cannot be read as plain weights" in error_of(
            saved({"a": STATE, "b": content}, tmp_path / "a.pt")
        )


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a.bin"])
def test_a_pointer_of_git_lfs_is_told_as_such(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(POINTER)
    assert "is a pointer of Git LFS, not the file itself. Run `git lfs pull`" in error_of(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>", b"text", pickle.dumps("text")[:5]])
def test_what_is_no_weight_file_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    message = error_of(tmp_path / "a.pt")
    assert "it is cut, damaged or no file of torch (" in message
    assert "OpenAI" not in message
