"""What lies in a folder of raw files: looked up by name, listed, and joined from two places by links."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from crosshash.artifacts import atomic_path
from crosshash.errors import CrosshashError

Place = tuple[int, int]

JOINED = ".joined"
"""How the names of folders begin that hold nothing but links, which may lead into the user's own files."""


def first_there(folder: Path, paths: Sequence[str]) -> str | None:
    """Give the first of the paths that is a file or, with a slash at its end, a folder that is not empty.

    Raises:
        CrosshashError: a link on the way leads to itself, or a folder may not be looked into.
    """
    return next((path for path in paths if _is_there(folder, path)), None)


def files_below(folder: Path, paths: Iterable[str]) -> list[str]:
    """Name all regular files that the paths are or hold, relative to the folder; links are followed.

    Raises:
        CrosshashError: a link leads to a folder it lies in, to itself or to nothing; a name is no text.
    """
    names = sorted({name for path in paths for name in _walk(folder, path.rstrip("/"), ())})
    for name in names:
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise CrosshashError(f"{folder}: the name {name!a} is not UTF-8. Rename the file.")
    return names


def joined_name(targets: Mapping[str, Path]) -> str:
    """Name the folder of links to these targets: other links, of another project, lie in another one."""
    links = sorted(f"{path}\0{target.absolute()}" for path, target in targets.items())
    return f"{JOINED}-{hashlib.sha256(os.fsencode(chr(0).join(links))).hexdigest()[:8]}"


def join(folder: Path, targets: Mapping[str, Path]) -> None:
    """Make `folder` hold links to the targets; one that already does is left alone.

    Raises:
        CrosshashError: a link would have to lie in what another one leads to; the disk cannot be written.
    """
    links = {path.rstrip("/"): target.absolute() for path, target in targets.items()}
    for path in links:
        above = next((str(one) for one in PurePosixPath(path).parents if str(one) in links), None)
        if above is not None and not (links[above] / PurePosixPath(path).relative_to(above)).exists():
            raise CrosshashError(
                f"{links[above]}: '{path}' belongs into it and is not there. Put it there, or leave all of "
                f"'{above}' out of the folder of download.local."
            )
    links = {path: links[path] for path in links if not links.keys() & map(str, PurePosixPath(path).parents)}
    if all((folder / path).is_symlink() and (folder / path).readlink() == links[path] for path in links):
        return
    with atomic_path(folder) as temporary:
        for path, target in links.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).symlink_to(target)


def _is_there(folder: Path, path: str) -> bool:
    try:
        if path.endswith("/"):
            with os.scandir(folder / path) as entries:
                return any(entries)
        return stat.S_ISREG((folder / path).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(folder / path, error) from None


def _walk(folder: Path, name: str, above: tuple[Place, ...]) -> Iterator[str]:
    """Yield the names of regular files; `above` are the folders passed, by device and inode."""
    path = folder / name
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            yield name
        if not stat.S_ISDIR(found.st_mode):
            return
        entries = sorted(os.listdir(path))
    except OSError as error:
        raise _unreadable(path, error) from None
    place = (found.st_dev, found.st_ino)
    if place in above:
        raise CrosshashError(f"{path}: a link to a folder that it lies in. Remove it.")
    for entry in entries:
        yield from _walk(folder, f"{name}/{entry}", (*above, place))


def _unreadable(path: Path, error: OSError) -> CrosshashError:
    if error.errno == errno.ELOOP:
        return CrosshashError(f"{path}: a link that leads to itself. Remove it.")
    if path.is_symlink() and not path.exists():
        return CrosshashError(
            f"{path}: a link to what is not there ({os.readlink(path)}). Mend or remove it."
        )
    return CrosshashError(f"{path}: cannot be read ({error.strerror}).")
