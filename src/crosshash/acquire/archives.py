"""What a zip or tar holds: names and contents of its files, none of which may lead elsewhere."""

from __future__ import annotations

import io
import re
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Literal, Self

from crosshash.acquire.receipts import RECEIVED
from crosshash.acquire.space import check_space, in_gigabytes
from crosshash.acquire.tree import JOINED
from crosshash.errors import listed
from crosshash.workers.progress import byte_bars, tracked

BLOCK = 1 << 20
TABLE = 1 << 29
"""Bytes of a zip's table of contents at most; 2,000,000 members with usual names have half of it."""
TAR_KINDS: dict[bytes, Literal["r:gz", "r:bz2", "r:xz"]] = {
    b"\x1f\x8b": "r:gz",
    b"BZ": "r:bz2",
    b"\xfd7": "r:xz",
}
LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class Unsafe(Exception):  # noqa: N818 - a finding
    """A reason not to unpack an archive."""


class _StrictHeader(tarfile.TarInfo):
    """A header of a tar; one that is damaged or cut is an error, where tarfile takes it for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if len(buf) == tarfile.BLOCKSIZE and not any(buf):
            return super().frombuf(buf, encoding, errors)  # raises what tarfile takes for the end
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} of a member") from None
        if header.type in LONG_HEADERS and header.size > BLOCK:
            raise Unsafe(f"a name or attribute of {in_gigabytes(header.size)}")
        return header


class _BoundedFile(io.BufferedReader):
    """A file of which no read takes more than a zip's table of contents may have."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > TABLE:
            raise Unsafe(f"a table of contents of {in_gigabytes(size)}")
        return super().read(size)


class _BoundedZip(zipfile.ZipFile):
    """A zip refused as soon as its table of contents, of whatever length it says, names too many members."""

    def __init__(self, file: IO[bytes], most_members: int) -> None:
        self.most_members = most_members
        super().__init__(file)

    @property
    def filelist(self) -> list[zipfile.ZipInfo]:
        """What ZipFile asks for each time that it adds a member."""
        if len(self.listed) > self.most_members:
            raise Unsafe(f"more than {self.most_members:,} members")
        return self.listed

    @filelist.setter
    def filelist(self, members: list[zipfile.ZipInfo]) -> None:
        self.listed = members


def zip_members(
    archive: Path, scratch: Path, most_members: int, limit: int
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of a zip's files; its table of contents is judged before the first.

    scratch: where they will be written, for the room on that disk. limit: bytes they may have together.

    Raises:
        Unsafe: a member is encrypted, a link, or leads elsewhere; there are too many, or they are too large.
    """
    with _BoundedFile(archive) as bounded, _BoundedZip(bounded, most_members) as file:
        members = file.infolist()
        total = sum(member.file_size for member in members)
        if total > limit:
            raise Unsafe("it grows too much, as a bomb does")
        plain = {_clean(member.filename): member for member in members if not member.is_dir()}
        counts = Counter(_clean(member.filename) for member in members if not member.is_dir())
        problems = [f"'{name}' comes twice" for name, count in counts.items() if count > 1]
        problems += [f"'{one.filename}' {problem}" for one in members if (problem := _zip_problem(one))]
        if problems:
            raise Unsafe(f"{len(problems)} member(s) are not safe:\n{listed(problems)}\n")
        check_space(scratch, total, f"to unpack {archive.name}")
        for name, member in tracked(plain.items(), len(plain), f"unpacking {archive.name}", "files"):
            with file.open(member) as content:
                yield name, content


def _zip_problem(member: zipfile.ZipInfo) -> str | None:
    """Say what is wrong with a member of a zip, if anything is."""
    if member.flag_bits & 1:
        return "is encrypted"
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or device"
    return _name_problem(member.filename)


def tar_members(
    archive: Path, scratch: Path, most_members: int, limit: int
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of a tar's files, as they come; arguments and errors as for a zip.

    It is read to its very end, where a gzip has its checksum.
    """
    with byte_bars() as bars, bars.open(archive, "rb", description=f"unpacking {archive.name}") as file:
        start = file.read(tarfile.BLOCKSIZE)
        file.seek(0)
        mode: Literal["r:", "r:gz", "r:bz2", "r:xz"] = TAR_KINDS.get(start[:2], "r:")
        if mode == "r:" and not _is_header(start):
            raise Unsafe(f"neither zip nor tar; it begins with {start[:40]!r}")
        with tarfile.open(fileobj=file, mode=mode, tarinfo=_StrictHeader) as tar:
            count = 0
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined] # else every header stays in memory
                count += 1
                if count > most_members:
                    raise Unsafe(f"more than {most_members:,} members")
                name = _readable(member.name)
                if problem := _tar_problem(member, name):
                    raise Unsafe(f"'{name}' {problem}")
                _ask_tarfile(member.replace(name=name, deep=False), scratch)
                content = tar.extractfile(member)
                if content is not None:
                    yield _clean(name), content
            _read_out(tar, limit)


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _tar_problem(member: tarfile.TarInfo, name: str) -> str | None:
    """Say what is wrong with a member of a tar, if anything is."""
    if not member.isreg() and not member.isdir():
        return "is a link or device"
    return "is not a folder's name" if member.isreg() and _clean(name) == "." else _name_problem(name)


def _ask_tarfile(member: tarfile.TarInfo, scratch: Path) -> None:
    """Ask Python's own judgement too, below our stricter one: it follows links that lie in `scratch`."""
    if not hasattr(tarfile, "data_filter"):  # before Python 3.11.4
        return
    try:
        tarfile.data_filter(member, str(scratch))
    except tarfile.FilterError as error:
        raise Unsafe(str(error)) from None


def _read_out(tar: tarfile.TarFile, limit: int) -> None:
    """Read what follows the last member, so that a checksum at the end is compared."""
    size = 0
    while tar.fileobj is not None and (block := tar.fileobj.read(BLOCK)):
        size += len(block)
        if size > limit:
            raise Unsafe("it grows too much, as a bomb does")


def _name_problem(name: str) -> str | None:
    """Say what is wrong with a name, if anything is."""
    if not name or "\0" in name:
        return "is no name"
    if name.startswith("/") or ".." in name.split("/"):
        return "leads out of its folder"
    if "\\" in name or re.match("[A-Za-z]:", name):
        return "is a path of Windows"
    first = _clean(name).partition("/")[0].casefold()
    if first == RECEIVED or first.startswith(JOINED):
        return "is a name that is not for archives"
    return None


def _clean(name: str) -> str:
    """Leave out `./` and doubled slashes."""
    return str(PurePosixPath(name))


def _readable(name: str) -> str:
    """Take a name that is not UTF-8 for Latin-1, in which every byte is a letter."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("latin-1")
    return name
