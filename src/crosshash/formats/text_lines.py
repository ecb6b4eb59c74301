"""Lines of a text file in UTF-8; what is not UTF-8 is named by file, line and byte."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from crosshash.errors import CrosshashError


def text_lines(path: Path) -> Iterator[str]:
    """Yield the lines one at a time, without blanks at their ends; nothing but a line feed ends a line.

    Raises:
        CrosshashError: the file is missing, cannot be read, or is not UTF-8.
    """
    for number, line in enumerate(byte_lines(path), 1):
        try:
            yield line.decode().strip()
        except UnicodeDecodeError as error:
            raise CrosshashError(
                f"{path}: line {number}, byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8. "
                "Save the file as UTF-8: `iconv -f latin1 -t utf-8`, if it is Latin-1."
            ) from None


def byte_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines one at a time as they stand in the file, without a byte order mark before the first.

    Raises:
        CrosshashError: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            if first := file.readline().removeprefix(codecs.BOM_UTF8):
                yield first
            yield from file
    except OSError as error:
        raise CrosshashError(
            f"{path}: cannot be read ({error.strerror}). Put it back from the original archive."
        ) from None
