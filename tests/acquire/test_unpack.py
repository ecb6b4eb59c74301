from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import pytest

from crosshash.acquire import archives
from crosshash.acquire.archives import Unsafe, tar_members, zip_members
from crosshash.acquire.unpack import BadArchive, unpack
from crosshash.errors import CrosshashError
from crosshash.pairs.source import RawFile

FILES = {"images/1.jpg": os.urandom(3000), "images/deep/2.jpg": b"two" * 500, "labels.txt": b"cat\n"}
KINDS = ("zip", "w:", "w:gz", "w:bz2", "w:xz")


def packed(kind: str, files: dict[str, bytes]) -> bytes:
    """An archive with the files, and an entry for a folder."""
    out = io.BytesIO()
    if kind == "zip":
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            warnings.simplefilter("ignore")  # names that come twice
            archive.writestr("folder/", b"")
            for name, data in files.items():
                archive.writestr(name, data)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode=kind, format=tarfile.GNU_FORMAT) as tar:  # type: ignore[call-overload]
        folder = tarfile.TarInfo("./")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def tar_with(member: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("harmless.txt"))
        tar.addfile(member)
    return out.getvalue()


def try_unpack(folder: Path, data: bytes, most_members: int = 2_000_000, bomb: int = 10**9) -> list[RawFile]:
    """Unpack the bytes as `folder/archive` into `folder/target`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "archive").write_bytes(data)
    return unpack(folder / "archive", folder / "target", "", folder / "scratch", (), most_members, bomb)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def assert_refused(folder: Path, data: bytes, match: str, **limits: int) -> None:
    """Refused with a message that names the archive and a remedy; nothing is left but the archive."""
    with pytest.raises(BadArchive, match=match) as error:
        try_unpack(folder / "in", data, **limits)
    assert str(folder / "in" / "archive") in str(error.value)
    assert "download.local" in str(error.value)
    assert list(files_in(folder)) == ["in/archive"]


@pytest.mark.parametrize("kind", KINDS)
def test_files_sizes_and_hashes(tmp_path: Path, kind: str) -> None:
    found = try_unpack(tmp_path, packed(kind, FILES))
    assert found == [
        RawFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(FILES.items())
    ]
    assert files_in(tmp_path / "target") == FILES
    assert not (tmp_path / "scratch").exists()


def test_what_is_there_already_stays_or_is_replaced(tmp_path: Path) -> None:
    target, scratch = tmp_path / "target", tmp_path / "scratch"
    for folder in (target, scratch):
        folder.mkdir()
        (folder / "labels.txt").write_text("old")
        (folder / "other.txt").write_text("old")
    try_unpack(tmp_path, packed("zip", FILES))
    assert files_in(target) == FILES | {"other.txt": b"old"}


def test_taken_names_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(packed("w:gz", FILES))
    (tmp_path / "target").mkdir()
    (tmp_path / "target/labels.txt").write_text("another's")
    found = unpack(tmp_path / "archive", tmp_path / "target", "", tmp_path / "scratch", {"labels.txt"})
    assert [file.name for file in found] == ["images/1.jpg", "images/deep/2.jpg"]
    assert (tmp_path / "target/labels.txt").read_text() == "another's"


@pytest.mark.parametrize("kind", ["zip", "w:", "w:gz"])
@pytest.mark.parametrize(
    "name", ["../out.txt", "a/../../out.txt", "/out.txt", "a\\..\\out.txt", "C:/out.txt", "c:out.txt"]
)
def test_names_that_lead_elsewhere(tmp_path: Path, kind: str, name: str) -> None:
    assert_refused(tmp_path, packed(kind, {"fine.txt": b"1", name: b"2"}), "leads out|path of Windows")


def test_what_pythons_own_filter_refuses_is_refused(tmp_path: Path) -> None:
    """A link in the folder that is written to; names alone do not tell."""
    (tmp_path / "archive").write_bytes(packed("w:", {"fine.txt": b"1", "linked/out.txt": b"2"}))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "linked").symlink_to(tmp_path)
    members = tar_members(tmp_path / "archive", scratch, 10, 10**6)
    assert next(members)[0] == "fine.txt"
    with pytest.raises(Unsafe, match=r"'linked/out\.txt' would be extracted to .* outside the destination"):
        next(members)


@pytest.mark.parametrize("kind", ["zip", "w:"])
@pytest.mark.parametrize(
    "name", [".received/a.zip.json", "./.RECEIVED", ".joined/x", ".//.joined-01234567/x"]
)
def test_names_of_folders_that_are_not_for_archives(tmp_path: Path, kind: str, name: str) -> None:
    assert_refused(tmp_path, packed(kind, {"fine.txt": b"1", name: b"2"}), "not for archives")


@pytest.mark.parametrize("folder", ["", "images"])
def test_a_link_that_leads_out_of_the_folder(tmp_path: Path, folder: str) -> None:
    (tmp_path / "archive").write_bytes(packed("zip", FILES))
    (tmp_path / "mine").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target/images").symlink_to(tmp_path / "mine")
    with pytest.raises(CrosshashError, match=r"target/images.*: a link leads out of .*target\. Remove it"):
        unpack(tmp_path / "archive", tmp_path / "target", folder, tmp_path / "scratch")
    assert list(files_in(tmp_path)) == ["archive"]
    assert not list((tmp_path / "mine").iterdir())


def test_a_link_within_the_folder(tmp_path: Path) -> None:
    (tmp_path / "target/other").mkdir(parents=True)
    (tmp_path / "target/images").symlink_to("other")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "archive").write_bytes(packed("zip", FILES))
    found = unpack(tmp_path / "archive", tmp_path / "link", "", tmp_path / "scratch")
    assert [file.name for file in found] == sorted(FILES)
    assert (tmp_path / "target/other/1.jpg").read_bytes() == FILES["images/1.jpg"]


def test_names_are_relative_to_home(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(packed("zip", FILES))
    taken = {"deep/down/labels.txt", "images/1.jpg"}
    found = unpack(tmp_path / "archive", tmp_path / "target", "deep/down/", tmp_path / "scratch", taken)
    assert [file.name for file in found] == ["deep/down/images/1.jpg", "deep/down/images/deep/2.jpg"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("way/out")
    member.type, member.linkname = kind, "/etc/passwd"
    assert_refused(tmp_path, tar_with(member), "'way/out' is a link or device")


def test_all_unsafe_members_of_a_zip_are_listed(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../x", "")
        archive.writestr("secret", "")
    data = bytearray(out.getvalue())
    entry = data.rindex(b"PK\x01\x02")  # of the last member; its flags are at offset 8
    data[entry + 8] |= 1
    with pytest.raises(BadArchive) as error:
        try_unpack(tmp_path, bytes(data))
    for line in ("3 member(s)", "'link' is a link", "'../x' leads out", "'secret' is encrypted"):
        assert line in str(error.value)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("kind", ["zip", "w:"])
def test_a_name_that_comes_twice(tmp_path: Path, kind: str) -> None:
    assert_refused(tmp_path, packed(kind, {"a": b"1", "./a": b"2"}), "'a' comes twice")


@pytest.mark.parametrize("kind", ["zip", "w:"])
def test_a_file_where_a_folder_must_be(tmp_path: Path, kind: str) -> None:
    assert_refused(tmp_path, packed(kind, {"a": b"1", "a/b": b"2"}), "damaged")


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_members(tmp_path: Path, kind: str) -> None:
    assert_refused(tmp_path, packed(kind, FILES), "members", most_members=3)
    try_unpack(tmp_path, packed(kind, FILES), most_members=4)  # with the folder


def test_members_of_a_zip_are_counted_while_they_are_read(tmp_path: Path) -> None:
    """A table of contents of 100,000 members whose end record says 1, with a limit of 10."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"")
    data = out.getvalue()
    end, entry = data.rindex(b"PK\x05\x06"), data.rindex(b"PK\x01\x02")
    table = data[entry:end] * 100_000
    record = data[end : end + 12] + len(table).to_bytes(4, "little") + data[end + 16 :]
    (tmp_path / "archive").write_bytes(data[:entry] + table + record)
    tracemalloc.start()
    with pytest.raises(Unsafe, match="more than 10 members"):
        next(zip_members(tmp_path / "archive", tmp_path, 10, 10**9))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(table)


def test_a_zip_with_too_long_a_table_of_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "TABLE", 300)
    assert_refused(tmp_path / "many", packed("zip", FILES), "a table of contents of")
    assert try_unpack(tmp_path / "few", packed("zip", {"a": b"1"}))


@pytest.mark.parametrize("kind", ["zip", "w:gz", "w:bz2", "w:xz"])
def test_bombs(tmp_path: Path, kind: str) -> None:
    bomb = packed(kind, {"zeros": bytes(3_000_000)})
    assert_refused(tmp_path, bomb, "bomb", bomb=2_000_000)
    assert try_unpack(tmp_path, bomb, bomb=3_000_000)[0].size == 3_000_000


def test_a_bomb_behind_the_last_member(tmp_path: Path) -> None:
    assert_refused(tmp_path, gzip.compress(packed("w:", FILES) + bytes(3_000_000)), "bomb", bomb=2_000_000)


def test_a_zip_that_lies_about_sizes(tmp_path: Path) -> None:
    """The size in the table of contents, at offset 24 of an entry, says 10 bytes instead of 3,000,000."""
    data = bytearray(packed("zip", {"zeros": bytes(3_000_000)}))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    assert_refused(tmp_path, bytes(data), "damaged", bomb=2_000_000)


def test_a_name_without_end(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 5_000_000
    data = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"a" * 5_000_192 + bytes(1024))
    assert_refused(tmp_path, data, "name or attribute")


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_is_noticed(tmp_path: Path, kind: str) -> None:
    """A tar may lack what follows the first zero block behind its members; there its content ends."""
    data = packed(kind, FILES)
    content = (
        512 * (1 + 1 + 6 + 1 + 3 + 1 + 1 + 1) if kind == "w:" else len(data)
    )  # headers, data, a zero block
    for length in sorted({*range(0, content, 509), content - 1, content - 512}):
        with pytest.raises(BadArchive):
            try_unpack(tmp_path / str(length), data[:length])
        assert not (tmp_path / str(length) / "target").exists()
    assert try_unpack(tmp_path / "whole", data[:content])


@pytest.mark.parametrize(("kind", "place"), [("zip", 1000), ("w:gz", 1000), ("w:gz", -6), ("w:xz", 1000)])
def test_a_wrong_byte_is_noticed(tmp_path: Path, kind: str, place: int) -> None:
    data = bytearray(packed(kind, FILES))  # at -6 stands the checksum of a gzip
    data[place] ^= 1
    assert_refused(tmp_path, bytes(data), "damaged")


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    """tarfile stops at a bad header without a word, and half of the files would count as all."""
    data = bytearray(packed("w:", FILES))
    place = data.index(b"labels.txt")
    data[place] ^= 1
    assert_refused(tmp_path, bytes(data), "damaged or incomplete")


@pytest.mark.parametrize("data", [b"", b"<!DOCTYPE html><p>Log in", os.urandom(5000)])
def test_no_archive(tmp_path: Path, data: bytes) -> None:
    assert_refused(tmp_path, data, "neither zip nor tar|damaged")


def test_a_login_page_is_recognised(tmp_path: Path) -> None:
    assert_refused(
        tmp_path, b"<!DOCTYPE html><p>Log in", "neither zip nor tar; it begins with b'<!DOCTYPE html>"
    )


def test_odd_names(tmp_path: Path) -> None:
    """Latin-1 in a tar, UTF-8 in both; `surrogateescape` stands for raw bytes."""
    latin = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    names = {latin: b"1", "汉字 'quoted' [red].jpg": b"2", "a..b": b"3", "-x": b"4"}
    found = try_unpack(tmp_path / "tar", packed("w:", names))
    assert [file.name for file in found] == ["-x", "a..b", "café.jpg", "汉字 'quoted' [red].jpg"]
    names["café.jpg"] = names.pop(latin)
    assert try_unpack(tmp_path / "zip", packed("zip", names)) == found


def test_an_archive_without_files(tmp_path: Path) -> None:
    assert try_unpack(tmp_path, packed("zip", {})) == []


def test_a_target_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    with pytest.raises(CrosshashError, match="target: cannot be written"):
        try_unpack(tmp_path, packed("zip", FILES))
    assert (tmp_path / "target").read_text() == "mine"
    assert not (tmp_path / "scratch").exists()


LIMITED = """
import resource, sys
from pathlib import Path
from crosshash.acquire.unpack import BadArchive, unpack
from crosshash.errors import CrosshashError
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    unpack(Path("archive"), Path("target"), "", Path("scratch"))
except BadArchive:
    raise
except CrosshashError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
def test_no_room_in_the_middle(tmp_path: Path, kind: str) -> None:
    """The system refuses files above 64 KiB, as it refuses to fill a full disk."""
    (tmp_path / "archive").write_bytes(packed(kind, {"1.bin": b"small", "2.bin": os.urandom(200_000)}))
    done = subprocess.run([sys.executable, "-c", LIMITED], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "archive: cannot be unpacked into target (File too large). Free disk space" in done.stderr
    assert list(files_in(tmp_path)) == ["archive"]
