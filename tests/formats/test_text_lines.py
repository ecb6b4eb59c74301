from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.formats.text_lines import byte_lines, text_lines


def written(folder: Path, data: bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\r\n\n two \n", ["one", "", "two"]),
        (codecs.BOM_UTF8, []),
        (codecs.BOM_UTF8 + b"1\n2\n", ["1", "2"]),
        (codecs.BOM_UTF8 + b"\n2\n", ["", "2"]),
        (b"1\n" + codecs.BOM_UTF8 + b"2\n", ["1", "\ufeff2"]),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_first_line(
    tmp_path: Path, data: bytes, lines: list[str]
) -> None:
    path = written(tmp_path, data)
    assert list(text_lines(path)) == lines
    assert [line.decode().strip() for line in byte_lines(path)] == lines


def test_line_and_byte_of_what_is_not_utf_8_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, codecs.BOM_UTF8 + b"one\ncaf\xe9\n")
    with pytest.raises(CrosshashError, match=r"list\.txt: line 2, byte 4 \(0xe9\) is not UTF-8"):
        list(text_lines(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"none\.txt: cannot be read \(No such file"):
        list(text_lines(tmp_path / "none.txt"))
