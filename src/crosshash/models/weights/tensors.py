"""Tensors in .safetensors files: written complete or not at all, read without pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from crosshash.artifacts import atomic_path
from crosshash.errors import CrosshashError

Tensors = dict[str, Tensor]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], note: tuple[str, str] | None = None) -> None:
    """Write tensors atomically; equal tensors give equal bytes.

    note: a key and its text to stand beside the tensors. One alone, for the order of several is left open.

    Raises:
        CrosshashError: the disk is full or the folder is read-only.
    """
    with atomic_path(path) as temporary:
        try:
            plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
            save_file(plain, temporary, note and dict([note]))
        except SafetensorError as error:  # so it calls what the operating system refuses
            raise OSError(str(error)) from error


def read_tensors(path: Path, remedy: str) -> Tensors:
    """Read every tensor to the CPU; `remedy` says what to do about a missing or damaged file.

    Raises:
        CrosshashError: the file is missing or damaged.
    """
    with _opened(path, remedy) as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict


def read_note(path: Path, remedy: str, key: str) -> str | None:
    """Read only the text beside the tensors, or None.

    Raises:
        CrosshashError: the file is missing or damaged.
    """
    with _opened(path, remedy) as file:
        notes: dict[str, str] = file.metadata() or {}
        return notes.get(key)


@contextmanager
def _opened(path: Path, remedy: str) -> Iterator[Any]:
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            yield file
    except FileNotFoundError:
        raise CrosshashError(f"{path}: not found. {remedy}") from None
    except (OSError, SafetensorError) as error:
        raise CrosshashError(f"{path}: is not a whole safetensors file ({error}). {remedy}") from None
