"""Tensors in .safetensors files: written complete or not at all, with a checksum, read without pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from crosshash.artifacts import CHECKSUM, atomic_path
from crosshash.checksums import BLANK, AlteredError, carried, check, digest_of, seal
from crosshash.errors import CrosshashError

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Stored:
    """What a file holds: tensors, on the CPU; texts beside them, without the checksum; digest of the file."""

    tensors: Tensors
    notes: dict[str, str]
    digest: str


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], note: tuple[str, str] | None = None, durable: bool = False
) -> None:
    """Write tensors atomically; equal tensors give equal bytes.

    note: a key and its text to stand beside the tensors, behind the checksum. One key alone, for the order
    of several is left open. durable: as of `atomic_path`.

    Raises:
        CrosshashError: the disk is full or the folder is read-only.
    """
    key, text = note or (CHECKSUM, "")
    with atomic_path(path, durable) as temporary:
        try:
            plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
            save_file(plain, temporary, {key: f"{BLANK} {text}".rstrip()})
        except SafetensorError as error:  # so it calls what the operating system refuses
            raise OSError(str(error)) from error
        seal(temporary, head=True)


def read_stored(path: Path, remedy: str) -> Stored:
    """Read all of a file; `remedy` says what to do about a missing or damaged one.

    The digest is that of what was loaded, though the file be replaced meanwhile: it stands in the file.

    Raises:
        CrosshashError: the file is missing, differs from its checksum, or is damaged.
    """
    with _opened(path, remedy) as file:
        tensors, notes = _checked_tensors(file, path), dict(file.metadata() or {})
        digest = next(filter(None, map(carried, notes.values())), None) or digest_of(path, head=True)
    return Stored(tensors, _without_checksum(notes), digest)


def read_tensors(path: Path, remedy: str) -> Tensors:
    """Read every tensor to the CPU.

    Raises:
        CrosshashError: as `read_stored`.
    """
    with _opened(path, remedy) as file:
        return _checked_tensors(file, path)


def read_note(path: Path, remedy: str, key: str) -> str | None:
    """Read only the text beside the tensors, or None; the checksum, which takes all bytes, is left alone.

    Raises:
        CrosshashError: the file is missing or damaged.
    """
    with _opened(path, remedy) as file:
        return _without_checksum(dict(file.metadata() or {})).get(key)


def _checked_tensors(file: Any, path: Path) -> Tensors:  # noqa: ANN401 - safetensors has no types
    with path.open("rb") as content:
        check(content, head=True)
    return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict


def _without_checksum(notes: Mapping[str, str]) -> dict[str, str]:
    """Take the checksum off the beginning of the text that it stands before."""
    return {
        key: text if carried(text) is None else text[len(BLANK) :].lstrip()
        for key, text in notes.items()
        if key != CHECKSUM
    }


@contextmanager
def _opened(path: Path, remedy: str) -> Iterator[Any]:
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            yield file
    except FileNotFoundError:
        raise CrosshashError(f"{path}: not found. {remedy}") from None
    except (OSError, SafetensorError, AlteredError) as error:
        raise CrosshashError(f"{path}: is not a whole safetensors file ({error}). {remedy}") from None
