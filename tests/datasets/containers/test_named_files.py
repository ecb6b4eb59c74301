"""Patterns of params.yaml: braces as in the shell, of which each name must be there, and wildcards."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosshash.datasets.containers.named_files import named_files
from crosshash.errors import CrosshashError

NAMES = (
    "part-2.tar",
    "part-10.tar",
    "part-1.tar",
    "00008.tar",
    "00009.tar",
    "00010.tar",
    "sub/x.tar",
    "n.txt",
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("{00008..00010}.tar", ["00008.tar", "00009.tar", "00010.tar"]),
        ("{00010,00008}.tar", ["00010.tar", "00008.tar"]),
        ("part-*.tar", ["part-1.tar", "part-2.tar", "part-10.tar"]),
        (
            "{part-1,*}.tar",
            ["part-1.tar", "00008.tar", "00009.tar", "00010.tar", "part-2.tar", "part-10.tar"],
        ),
        ("**/x.tar", ["sub/x.tar"]),
        ("sub/x.tar", ["sub/x.tar"]),
    ],
)
def test_what_a_pattern_means(place: Path, pattern: str, names: list[str]) -> None:
    assert named_files(place, "webdataset.shards", pattern) == names


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "{00007..00011}.tar",
            r"webdataset\.shards: 2 of 5 name\(s\) or pattern\(s\) fit no file in .*\n  - 00007",
        ),
        ("*.tgz", r"1 of 1 name\(s\) or pattern\(s\) fit no file in .*\n  - \*\.tgz\nPut the files there"),
        ("../*.tar", r"'\.\./\*\.tar' leads out of"),
        ("/data/*.tar", r"'/data/\*\.tar' leads out of"),
        ("{0..9.tar", r"'\{0\.\.9\.tar': a brace is not closed"),
    ],
)
def test_patterns_that_are_refused(place: Path, pattern: str, message: str) -> None:
    with pytest.raises(CrosshashError, match=message):
        named_files(place, "webdataset.shards", pattern)
