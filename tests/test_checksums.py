from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import pytest

from crosshash.checksums import (
    BLANK,
    BLOCK,
    MARK,
    WINDOW,
    AlteredError,
    carried,
    check,
    digest_of,
    folder_digest,
    seal,
)


def written(path: Path, content: str, head: bool = False) -> bytes:
    path.write_text(content)
    seal(path, head)
    return path.read_bytes()


def is_altered(content: bytes, head: bool = False) -> bool:
    try:
        check(io.BytesIO(content), head)
    except AlteredError:
        return True
    return False


def test_the_checksum_is_the_sha256_of_the_file_with_zeros_in_its_place(tmp_path: Path) -> None:
    content = written(tmp_path / "file", f"before {BLANK} after")
    digest = hashlib.sha256(f"before {BLANK} after".encode()).hexdigest()
    assert content == f"before {MARK}{digest} after".encode()
    assert digest_of(tmp_path / "file") == digest == carried(content[7:].decode())


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("size", [0, 1, WINDOW - len(BLANK), BLOCK - 3, BLOCK, 3 * BLOCK + 5])
def test_files_of_any_size(tmp_path: Path, size: int, head: bool) -> None:
    filling = random.Random(size).randbytes(size)
    parts = [BLANK.encode(), filling] if head else [filling, BLANK.encode()]
    (tmp_path / "file").write_bytes(b"".join(parts))
    seal(tmp_path / "file", head)
    content = (tmp_path / "file").read_bytes()
    assert len(content) == size + len(BLANK)
    assert not is_altered(content, head)
    for place in {0, len(content) // 2, len(content) - 1}:
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert is_altered(changed, head) == (MARK.encode() in changed)


def test_every_flip_is_noticed_but_those_of_the_mark_which_leave_all_else_as_it_was(tmp_path: Path) -> None:
    content = written(tmp_path / "file", f"numbers 1 2 3\n{BLANK}\n")
    start = content.index(MARK.encode())
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            of_the_mark = start <= place < start + len(MARK)
            assert is_altered(bytes(changed)) != of_the_mark, (place, bit)


def test_the_last_of_several_counts_at_the_end_and_the_first_in_the_head(tmp_path: Path) -> None:
    """A caption may look like a checksum: what stands before, or behind, is content like any other."""
    own = f"{MARK}{64 * 'a'}"
    assert not is_altered(written(tmp_path / "tail", f"{own} {BLANK}"))
    assert not is_altered(written(tmp_path / "head", f"{BLANK} {own}", head=True), head=True)


def test_files_of_others_are_taken_as_they_are(tmp_path: Path) -> None:
    for content in (b"", b"no checksum", MARK.encode(), f"{MARK}{63 * '0'}".encode()):
        assert not is_altered(content)
        (tmp_path / "file").write_bytes(content)
        assert digest_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
    with pytest.raises(ValueError, match="no place for a checksum"):
        seal(tmp_path / "file")


def test_a_file_is_left_at_its_first_byte(tmp_path: Path) -> None:
    file = io.BytesIO(written(tmp_path / "file", f"content {BLANK}"))
    check(file)
    assert file.read(7) == b"content"


def test_a_folder_is_known_by_names_and_contents(tmp_path: Path) -> None:
    found = set()
    for name, text in (("a", "x"), ("b", "x"), ("a", "y"), ("in/a", "x")):
        folder = tmp_path / f"{name.replace('/', '-')}{text}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
        found.add(folder_digest(folder))
    assert len(found) == 4
    (folder / ".part").mkdir()
    (folder / ".part/new").write_text("what is being written")
    assert folder_digest(folder) in found
