"""Loops compiled to machine code by numba and kept between processes: compiling takes longer than most runs.

They are kept in the user's cache folder, or $NUMBA_CACHE_DIR, under a digest of all code of their rooms and
of the versions that made them: other copies of the same code, such as an experiment's, find them there.
numba's own caching trusts each file, looks at one source file and not at those of the functions that are
called, and stops where it cannot write; so this one checks more. Like Python's own compiled files they are
code (numba pickles them), as much to be trusted as the folder they stand in: it must be the user's, and
nobody else's to write to.
"""

from __future__ import annotations

import hashlib
import importlib
import mmap
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

import llvmlite
import numba
import numpy as np
from numba.core import caching, config
from platformdirs import user_cache_path

ROOM = 1 << 27  # bytes of addresses: more than scipy's OpenBLAS takes for two threads
KEPT = 16  # versions of these rooms whose machine code stays
ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("retrieval", "index/lookup")  # all that compiled code stands in
DIGEST = hashlib.sha256().digest_size
Function = TypeVar("Function", bound=Callable[..., Any])


def load_linear_algebra() -> None:
    """Load scipy's, as numba does else with the first loop that is called, deep in the work.

    Where a limit leaves no room for what its OpenBLAS (0.3.30, scipy 1.17.1) sets aside as it loads, that
    tries for ever: so the room is asked for first.

    Raises:
        OSError: there is none.
    """
    mmap.mmap(-1, ROOM).close()
    importlib.import_module("scipy.linalg")


load_linear_algebra()


def compiled(function: Function) -> Function:
    """Compile a function when first called, or take its kept machine code; it releases the interpreter."""
    dispatcher: Any = numba.njit(nogil=True)(function)
    with suppress(RuntimeError):  # no folder to keep it in
        dispatcher._cache = _Kept(function)
    return dispatcher  # type: ignore[no-any-return]


@cache
def _folder() -> Path:
    """Name the folder of these rooms' code, whatever place that stands in."""
    told = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {np.__version__}".encode())
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        told.update(hashlib.sha256(path.read_bytes()).digest())
    base = Path(config.CACHE_DIR) / "crosshash" if config.CACHE_DIR else user_cache_path("crosshash")
    return base / "compiled" / told.hexdigest()[:32]


def _make_folder() -> None:
    """Make the folder of these rooms' code, and remove those of long ago."""
    if not (folder := _folder()).exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


class _Place:
    """Where numba keeps the code of a function."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._py_file, self._line = file, function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> Self | None:
        place = cls(function, file)
        try:
            _make_folder()
            private = _folder().stat()
        except OSError:
            return None
        if hasattr(os, "getuid") and (private.st_uid != os.getuid() or private.st_mode & 0o022):
            return None  # others can put code there
        return place

    def ensure_cache_path(self) -> None:
        _make_folder()

    def get_cache_path(self) -> str:
        return str(_folder())

    def get_source_stamp(self) -> str:
        return _folder().name

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Placed(caching.CompileResultCacheImpl):  # type: ignore[misc]  # numba has no types
    _locator_classes = (_Place,)


class _Checked(caching.IndexDataCacheFile):  # type: ignore[misc]
    """The files of a function: each entry knows what it is of, and ends with its digest."""

    def save(self, key: object, data: object) -> None:
        super().save(key, (key, data))

    def load(self, key: object) -> object:
        found = super().load(key)
        return found[1] if found is not None and found[0] == key else None

    def _dump(self, obj: object) -> bytes:
        dumped: bytes = super()._dump(obj)
        return dumped + hashlib.sha256(dumped).digest()  # what follows a pickle is not read

    def _load_data(self, name: str) -> object:
        stored = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(stored[:-DIGEST]).digest() != stored[-DIGEST:]:
            raise OSError(f"{name} is damaged")  # `load` then has nothing
        return super()._load_data(name)


class _Kept(caching.FunctionCache):  # type: ignore[misc]
    """The cache of a function; whatever is wrong with it, the function is compiled as if there were none."""

    _impl_class = _Placed

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Checked(self.cache_path, self._impl.filename_base, _folder().name)

    def load_overload(self, sig: object, target_context: object) -> object:
        with suppress(Exception):
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: object, data: object) -> None:
        try:
            super().save_overload(sig, data)
        except Exception:
            with suppress(Exception):  # a damaged index is begun anew; a full disk stays one
                self.flush()
                super().save_overload(sig, data)
