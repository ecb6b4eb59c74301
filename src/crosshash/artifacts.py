"""Files that stages exchange: moved into place when complete, equal bytes for equal content, no pickle.

JSON and .npz files carry a checksum, which is compared when they are read.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from platformdirs import user_state_path

from crosshash.checksums import BLANK, AlteredError, check, seal
from crosshash.disk import exchange, flush, flush_names
from crosshash.errors import CrosshashError, full_disk_named

if TYPE_CHECKING:
    from filelock import FileLock

LOCK = "lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems say that cannot lock
CHECKSUM = "checksum"
"""Key of a JSON file's checksum: a list of one text, since DVC makes a column of any text in metrics.json."""
REMEDY = "Delete it and run `dvc repro`."
RUN = "Run `dvc repro` (or `make repro`) in the project's folder first."
NPY_HEADER = 1 << 20  # bytes before an array, at most: zipfile must know beforehand whether sizes fit 32 bits


@contextmanager
def atomic_path(path: Path, durable: bool = False) -> Iterator[Path]:
    """Give a temporary place beside `path` to write (a file or a folder); move it into place on success.

    On any failure, Ctrl-C included, the temporary is removed and what stood at `path` stays. What a killed
    process left behind goes with the next write to the same path. durable: when this returns, all of it is
    on the disk, and a power failure leaves either what stood there or the new one, whole.

    Raises:
        CrosshashError: the disk is full or the folder is read-only.
    """
    with full_disk_named(path):
        above = [folder.parent for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        with _workplace(path) as place:
            yield place / "new"
            if durable:
                flush(place / "new")
            _move(place / "new", path, place / "old")
            for folder in (path.parent, *above) if durable else ():
                flush_names(folder)


def _move(source: Path, target: Path, aside: Path) -> None:
    """Replace `target`. A folder there changes places, or waits aside where that takes more than a step."""
    if not target.is_dir() or target.is_symlink():
        os.replace(source, target)
        return
    if exchange(source, target):
        return
    os.replace(target, aside)
    try:
        os.replace(source, target)
    except BaseException:
        os.replace(aside, target)
        raise


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """Give a folder for one write, inside `.<name>.part`, which all writers of `target` share.

    Its lock says that the writer lives. Who comes sweeps what the dead left, who leaves last takes
    `.<name>.part` away.
    """
    from filelock import FileLock  # only writers pay for it, not every command

    shared = target.with_name(f".{target.name}.part")
    place = shared / uuid.uuid4().hex[:8]
    lock = FileLock(place / LOCK)
    try:  # from the first folder on: Ctrl-C may come while they are made
        _enter(place, lock)
        for left in shared.iterdir():
            if left != place:
                _sweep(left, FileLock(left / LOCK), target)
        yield place
    finally:
        _unlink(place)
        _clear(place, lock)
        with suppress(OSError):  # another writer is still at work
            shared.rmdir()


def _enter(place: Path, lock: FileLock) -> None:
    """Make a folder and hold its lock, which ends with this process however it ends."""
    from filelock import Timeout

    while True:
        with suppress(FileExistsError):
            place.parent.mkdir()
        with suppress(FileExistsError, FileNotFoundError, Timeout):  # swept before it was locked
            place.mkdir(exist_ok=True)
            try:
                lock.acquire(blocking=False)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
            return


def _sweep(left: Path, lock: FileLock, target: Path) -> None:
    """Remove what a dead writer left; a folder that it had put aside and not replaced comes back."""
    with suppress(OSError), lock.acquire(blocking=False):  # refused: it lives, or there are no locks to tell
        if (left / "new").exists() and (left / "old").exists() and not os.path.lexists(target):
            os.replace(left / "old", target)
        _clear(left, lock)


def _unlink(place: Path) -> None:
    """Remove a writer's own folder by the names of the files that are in it after most writes.

    To go through a folder takes open files, of which there may be no more; what stays inside an output of a
    stage would count as part of it.
    """
    for one in (place / LOCK, place / "new"):
        with suppress(OSError):
            one.unlink()
    with suppress(OSError):  # an old folder is left, which goes next
        place.rmdir()


def _clear(place: Path, lock: FileLock) -> None:
    """Remove a folder that is locked, and give the lock back."""
    shutil.rmtree(place, ignore_errors=True)
    lock.release()
    with suppress(OSError):  # on Windows and NFS, an open file keeps its folder
        place.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object, durable: bool = False) -> None:
    """Write JSON atomically: two-space indent, NaN refused, final newline; an object gets its checksum."""
    if isinstance(value, dict):
        value = value | {CHECKSUM: [BLANK]}
    with atomic_path(path, durable) as temporary:
        with temporary.open("w", encoding="utf-8") as file:  # piece by piece: a split names every item
            json.dump(value, file, indent=2, allow_nan=False, ensure_ascii=False)
            file.write("\n")
        if isinstance(value, dict):
            seal(temporary)


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is what it is
    """Read a JSON file, without its checksum.

    Raises:
        CrosshashError: the file is missing, cut, differs from its checksum, or cannot be read.
    """
    try:
        return parse_json(path.read_bytes())
    except FileNotFoundError:
        raise missing(path) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CrosshashError(f"{path}: cannot be read as JSON ({error}). {REMEDY}") from None


def parse_json(content: bytes) -> Any:  # noqa: ANN401 - JSON is what it is
    """Read the content of a JSON file, without its checksum.

    Raises:
        ValueError: it is none, or differs from its checksum.
    """
    check(io.BytesIO(content))
    value = json.loads(content.decode("utf-8"))
    return {key: one for key, one in value.items() if key != CHECKSUM} if isinstance(value, dict) else value


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], packed: bool = True) -> None:
    """Write arrays as an .npz atomically; equal arrays give equal bytes; objects are refused.

    packed: compressed, which takes long and gains little where numbers are of many digits.

    The checksum is the archive's comment: those of its members do not cover their names, sizes and order.
    numpy.savez asks zipfile for 64-bit fields whatever the size; releases of Python write these differently.
    """
    for key, array in arrays.items():
        if array.dtype.hasobject:
            raise CrosshashError(f"{path}: array '{key}' holds Python objects; use text or numbers.")
    with atomic_path(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = BLANK.encode()
            for key, array in arrays.items():
                with archive.open(_npz_member(key, array.nbytes, packed), "w") as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        seal(temporary)


def _npz_member(key: str, size: int, packed: bool) -> zipfile.ZipInfo:
    """Describe an array of so many bytes: without a time, readable by its owner, 64-bit only where needed."""
    member = zipfile.ZipInfo(f"{key}.npy")  # of 1980, as numpy writes it
    member.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    member.create_system, member.external_attr = 3, 0o600 << 16
    member.file_size = size + NPY_HEADER
    return member


def read_npz(path: Path, left_out: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Read every array of an .npz, without unpickling, but for those `left_out`.

    Raises:
        CrosshashError: the file is missing, differs from its checksum, is damaged, of another kind, or holds
            pickled objects.
    """
    try:
        with path.open("rb") as opened:
            check(opened)
            with np.load(opened, allow_pickle=False) as file:
                return {key: file[key] for key in file.files if key not in left_out}
    except FileNotFoundError:
        raise missing(path) from None
    except AlteredError as error:
        raise altered(path, error) from None
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CrosshashError(
            f"{path}: cannot be read as .npz ({error}). If a stage wrote it, delete it and run `dvc repro`; "
            "else write it again with numpy.savez; arrays of Python objects are refused."
        ) from None


def state_folder() -> Path:
    """Give `$CROSSHASH_STATE`, by default a folder among the user's state files."""
    return Path(os.environ.get("CROSSHASH_STATE") or user_state_path("crosshash"))


def altered(path: Path, error: AlteredError, remedy: str = REMEDY) -> CrosshashError:
    """Say that a file is not as it was written, and what to do about it."""
    return CrosshashError(f"{path}: {error}. {remedy}")


def missing(path: Path, remedy: str = RUN) -> CrosshashError:
    """Say that a file is not there, and which command makes it."""
    return CrosshashError(f"{path}: not found. {remedy}")
