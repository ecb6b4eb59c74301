from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest

from crosshash.acquire.publisher import Source, Wanted, find_wanted, obtain, published_folder
from crosshash.artifacts import read_json
from crosshash.errors import CrosshashError
from crosshash.pairs.source import RawFile
from tests.acquire.file_server import FileServer

PHOTOS, LABELS, NOTE = "photos.zip", "labels.tgz", "note.txt"
FILES = {f"images/{number}.jpg": bytes([number]) * (1000 + number) for number in range(20)}
FILES |= {"texts/labels/cat.txt": b"1\n2\n", "texts/README": b"labels", NOTE: b"a note"}
SOURCES = (
    Source(PHOTOS, origin="https://photos.example, after a form"),
    Source(LABELS, origin="https://labels.example", folder="texts"),
    Source(NOTE, origin="https://labels.example/notes", folder=None),
)
IMAGES = Wanted(("pictures/", "images/"), PHOTOS)
CAT = Wanted(("texts/labels/cat.txt", "labels/cat.txt"), LABELS)
WANTED = (IMAGES, CAT, Wanted((NOTE,), NOTE))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("NETRC", "/nowhere")


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def write_packed(folder: Path) -> Path:
    """The three sources as they are published; the .tgz holds the files below `texts`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PHOTOS).write_bytes(zipped({n: data for n, data in FILES.items() if n.startswith("images")}))
    with tarfile.open(folder / LABELS, "w:gz") as tar:
        for name, data in FILES.items():
            if name.startswith("texts/"):
                member = tarfile.TarInfo(name.removeprefix("texts/"))
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    (folder / NOTE).write_bytes(FILES[NOTE])
    return folder


def write_unpacked(folder: Path, start: str = "") -> Path:
    for name, data in FILES.items():
        if name.startswith(start):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(write_packed(tmp_path / "served")) as running:
        yield running


def get(
    tmp_path: Path,
    mirror: FileServer | None = None,
    local: Path | None = None,
    checksums: Literal["known", "first"] = "known",
    sources: tuple[Source, ...] = SOURCES,
) -> list[RawFile]:
    """Obtain into `raw`, and see that what is listed lies in the folder that is said."""
    place, url = None if local is None else str(local), None if mirror is None else mirror.url
    files = obtain(tmp_path / "raw", "set", sources, WANTED, place, url, checksums, 2, waits=(0.01,) * 3)
    folder = published_folder(tmp_path / "raw", "set", place, WANTED)
    for file in files:
        data = (folder / file.name).read_bytes()
        assert file == RawFile(file.name, len(data), hashlib.sha256(data).hexdigest())
        assert data == FILES[file.name]
    return files


def names(files: list[RawFile]) -> list[str]:
    return [file.name for file in files]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_download_and_a_second_run_without_a_request(server: FileServer, tmp_path: Path) -> None:
    first = get(tmp_path, server)
    assert names(first) == sorted(FILES)
    before = len(server.requests)
    assert get(tmp_path, server) == first
    assert len(server.requests) == before
    kept = {f".received/{name}.json" for name in (PHOTOS, LABELS, NOTE)}
    assert set(snapshot(tmp_path / "raw/set")) == set(FILES) | kept
    assert published_folder(tmp_path / "raw", "set", None, WANTED) == tmp_path / "raw/set"


def test_receipt(server: FileServer, tmp_path: Path) -> None:
    get(tmp_path, server)
    data = (tmp_path / "served" / LABELS).read_bytes()
    receipt = read_json(tmp_path / "raw/set/.received" / f"{LABELS}.json")
    assert receipt == {
        "origin": f"{server.url}/{LABELS}",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "files": [
            {"name": name, "size": len(FILES[name]), "sha256": hashlib.sha256(FILES[name]).hexdigest()}
            for name in ("texts/README", "texts/labels/cat.txt")
        ],
    }


def test_only_sources_of_what_is_wanted_are_fetched(server: FileServer, tmp_path: Path) -> None:
    obtain(tmp_path / "raw", "set", SOURCES, [CAT], None, server.url, "known", 2)
    assert {request.path for request in server.requests} == {LABELS}


def test_the_publishers_address_without_a_mirror(server: FileServer, tmp_path: Path) -> None:
    sources = tuple(replace(source, url=f"{server.url}/{source.name}") for source in SOURCES)
    assert names(get(tmp_path, sources=sources)) == sorted(FILES)


def test_what_vanished_is_fetched_again(server: FileServer, tmp_path: Path) -> None:
    first = get(tmp_path, server)
    (tmp_path / "raw/set/images/3.jpg").unlink()
    (tmp_path / "raw/set" / NOTE).write_bytes(b"cut")
    assert get(tmp_path, server) == first
    assert [server.count(name) for name in (PHOTOS, LABELS, NOTE)] == [2, 1, 2]


@pytest.mark.parametrize("checksums", ["known", "first"])
def test_the_first_download_is_kept_to(
    server: FileServer, tmp_path: Path, checksums: Literal["known", "first"]
) -> None:
    get(tmp_path, server)
    (tmp_path / "raw/set/images/3.jpg").unlink()
    old = hashlib.sha256((tmp_path / "served" / PHOTOS).read_bytes()).hexdigest()
    changed = bytearray((tmp_path / "served" / PHOTOS).read_bytes())
    changed[1000] ^= 1
    (tmp_path / "served" / PHOTOS).write_bytes(changed)
    with pytest.raises(CrosshashError) as error:
        get(tmp_path, server, checksums=checksums)
    for part in (PHOTOS, old, hashlib.sha256(changed).hexdigest(), server.url, "receipt", ".received"):
        assert part in str(error.value)
    assert not (tmp_path / "raw/set/images/3.jpg").exists()


def test_known_checksums(server: FileServer, tmp_path: Path) -> None:
    right = hashlib.sha256((tmp_path / "served" / PHOTOS).read_bytes()).hexdigest()
    wrong = (replace(SOURCES[0], sha256="0" * 64, size=None), *SOURCES[1:])
    with pytest.raises(CrosshashError, match=f"{'0' * 64}.*{right}"):
        get(tmp_path, server, sources=wrong)
    assert names(get(tmp_path, server, checksums="first", sources=wrong)) == sorted(FILES)
    with pytest.raises(CrosshashError, match=f"{'0' * 64}.*{right}"):
        get(tmp_path, server, sources=wrong)  # what was received has not the known checksum
    right_ones = (replace(SOURCES[0], sha256=right), *SOURCES[1:])
    before = len(server.requests)
    get(tmp_path, server, sources=right_ones)
    assert len(server.requests) == before


def test_known_sizes(server: FileServer, tmp_path: Path) -> None:
    wrong = (replace(SOURCES[0], size=17), *SOURCES[1:])
    with pytest.raises(CrosshashError, match=r"photos\.zip: .* bytes there, 17 expected"):
        get(tmp_path, server, sources=wrong)
    assert names(get(tmp_path, server, checksums="first", sources=wrong)) == sorted(FILES)


def test_too_little_room(server: FileServer, tmp_path: Path) -> None:
    huge = (replace(SOURCES[0], size=10**18), *SOURCES[1:])
    with pytest.raises(CrosshashError) as error:
        get(tmp_path, server, sources=huge)
    assert "2,200,000,000.0 GB needed (1,000,000,000.0 GB to download, the rest to unpack or copy)" in str(
        error.value
    )
    assert "GB free" in str(error.value)
    assert "CROSSHASH_RAW" in str(error.value)
    assert server.count(PHOTOS) == 0


def test_too_little_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain file of 8,000,000 bytes on a disk with 5,000,000 free."""
    write_unpacked(tmp_path / "copy/set", "images")
    write_unpacked(tmp_path / "copy/set", "texts")
    (tmp_path / "copy" / NOTE).write_bytes(bytes(8_000_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    with pytest.raises(CrosshashError, match=r"8\.0 MB needed .*5\.0 MB free"):
        obtain(tmp_path / "raw", "set", SOURCES, WANTED, str(tmp_path / "copy"), None, "known", 2)
    assert not (tmp_path / "raw/set" / NOTE).exists()


def test_a_damaged_archive_is_not_kept(server: FileServer, tmp_path: Path) -> None:
    whole = (tmp_path / "served" / LABELS).read_bytes()
    (tmp_path / "served" / LABELS).write_bytes(whole[:-20])
    with pytest.raises(CrosshashError, match=r"labels\.tgz: not unpacked: damaged or incomplete"):
        get(tmp_path, server)
    assert not (tmp_path / "raw/set/texts").exists()
    assert not list((tmp_path / "raw/set/.received").glob(f"{LABELS}*"))
    (tmp_path / "served" / LABELS).write_bytes(whole)
    assert names(get(tmp_path, server)) == sorted(FILES)


def test_an_archive_that_leads_out_of_its_folder(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "served" / PHOTOS).write_bytes(zipped({"images/1.jpg": b"", "../../out": b""}))
    with pytest.raises(CrosshashError, match=r"'\.\./\.\./out' leads out of its folder"):
        get(tmp_path, server)
    assert not list(tmp_path.rglob("out"))
    assert not (tmp_path / "raw/set/images").exists()


def test_an_archive_that_forges_a_receipt(server: FileServer, tmp_path: Path) -> None:
    forged = {"images/1.jpg": b"", f".received/{NOTE}.json": b"{}"}
    (tmp_path / "served" / PHOTOS).write_bytes(zipped(forged))
    with pytest.raises(CrosshashError, match=r"'\.received/note\.txt\.json' is a name that is not for"):
        get(tmp_path, server)
    assert not list((tmp_path / "raw/set").rglob("*.json"))


def test_an_archive_that_writes_into_the_local_copy(server: FileServer, tmp_path: Path) -> None:
    copy = write_unpacked(tmp_path / "copy", "images")
    get(tmp_path, server, copy)
    folder = published_folder(tmp_path / "raw", "set", str(copy), WANTED)
    assert (folder / "images").resolve() == copy / "images"
    before = snapshot(copy)
    evil = {"images/1.jpg": b"", f"{folder.name}/images/0.jpg": b"evil"}
    (tmp_path / "served" / PHOTOS).write_bytes(zipped(evil))
    with pytest.raises(CrosshashError, match=rf"'{folder.name}/images/0\.jpg' is a name that is not for"):
        get(tmp_path, server)
    assert snapshot(copy) == before


def test_an_archive_without_what_is_wanted(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "served" / PHOTOS).write_bytes(zipped({"photos/1.jpg": b""}))
    with pytest.raises(CrosshashError, match=r"'pictures/' or 'images/' is not there; photos\.zip should"):
        get(tmp_path, server)


def test_remains_of_killed_runs_do_not_count(server: FileServer, tmp_path: Path) -> None:
    received = tmp_path / "raw/set/.received"
    for name in (f"{PHOTOS}.unpacked/images/1.jpg", "tmpabc"):
        (received / name).parent.mkdir(parents=True, exist_ok=True)
        (received / name).write_bytes(b"half")
    write_unpacked(tmp_path / "raw/set", "images")  # moved into place, but without a receipt
    assert names(get(tmp_path, server)) == sorted(FILES)
    assert sorted(path.name for path in received.iterdir()) == [f"{s}.json" for s in (LABELS, NOTE, PHOTOS)]
    assert server.count(PHOTOS) == 1


def test_an_archive_that_had_come_is_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    """The run ended between download and unpacking."""
    write_packed(tmp_path / "raw/set/.received")
    assert names(get(tmp_path, server)) == sorted(FILES)
    assert not server.requests


def test_a_file_in_two_sources_stays_that_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/a.zip").write_bytes(zipped({"README": b"of a", "a": b"1"}))
    (tmp_path / "served/b.zip").write_bytes(zipped({"README": b"of bb", "b": b"2"}))
    sources = [Source("a.zip", "page"), Source("b.zip", "page")]
    wanted = [Wanted(("a",), "a.zip"), Wanted(("b",), "b.zip")]
    with FileServer(tmp_path / "served") as server:
        for _ in range(2):
            files = obtain(tmp_path / "raw", "set", sources, wanted, None, server.url, "known", 2)
            assert names(files) == ["README", "a", "b"]
        assert (tmp_path / "raw/set/README").read_bytes() == b"of a"
        assert server.count("a.zip") == server.count("b.zip") == 1


def test_the_token_is_for_a_mirror(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSHASH_DOWNLOAD_TOKEN", "secret")
    published = tuple(replace(source, url=f"{server.url}/{source.name}") for source in SOURCES)
    get(tmp_path / "1", sources=published)
    assert {request.authorization for request in server.requests} == {None}
    before = len(server.requests)
    get(tmp_path / "2", server)
    assert {request.authorization for request in server.requests[before:]} == {"Bearer secret"}
    assert b"secret" not in b"".join(snapshot(tmp_path / "2").values())
    monkeypatch.setenv("CROSSHASH_DOWNLOAD_TOKEN", "se\ncret")
    with pytest.raises(CrosshashError, match="CROSSHASH_DOWNLOAD_TOKEN holds"):
        get(tmp_path / "3", server)


def test_two_processes_fetch_once(server: FileServer, tmp_path: Path) -> None:
    server.tell(PHOTOS, pause=0.05, block=2000)
    code = (
        "import sys\nfrom pathlib import Path\nfrom crosshash.acquire.publisher import obtain\n"
        "from tests.acquire.test_publisher import SOURCES, WANTED\n"
        "obtain(Path(sys.argv[1]), 'set', SOURCES, WANTED, None, sys.argv[2], 'known', 2)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "raw"), server.url]
    processes = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert [server.count(name) for name in (PHOTOS, LABELS, NOTE)] == [1, 1, 1]


@pytest.mark.parametrize("below", ["", "set"])
def test_an_unpacked_local_copy_is_read_in_place(tmp_path: Path, below: str) -> None:
    copy = write_unpacked(tmp_path / "copy" / below)
    (copy / "unrelated.txt").write_text("not wanted")
    expected = sorted(set(FILES) - {"texts/README"})
    assert names(get(tmp_path, local=tmp_path / "copy")) == expected
    assert published_folder(tmp_path / "raw", "set", str(tmp_path / "copy"), WANTED) == copy
    assert not (tmp_path / "raw").exists()


def test_a_local_copy_with_linked_images(tmp_path: Path) -> None:
    copy = write_unpacked(tmp_path / "copy", "texts")
    write_unpacked(copy, NOTE)
    write_unpacked(tmp_path / "disk", "images")
    (copy / "pictures").symlink_to(tmp_path / "disk/images")
    files = obtain(tmp_path / "raw", "set", SOURCES, WANTED, str(copy), None, "known", 2)
    assert names(files)[:2] == [NOTE, "pictures/0.jpg"]
    (tmp_path / "disk/images/loop").symlink_to(tmp_path / "disk")
    with pytest.raises(CrosshashError, match="a link to a folder that it lies in"):
        obtain(tmp_path / "raw", "set", SOURCES, WANTED, str(copy), None, "known", 2)


@pytest.mark.parametrize("below", ["", "set"])
def test_local_archives_are_unpacked_and_kept(tmp_path: Path, below: str) -> None:
    copy = write_packed(tmp_path / "copy" / below)
    before = snapshot(copy)
    sources = (*SOURCES[:2], replace(SOURCES[2], name="other.txt"))
    (copy / NOTE).rename(copy / "other.txt")
    before = snapshot(copy)
    wanted = (IMAGES, CAT)
    for _ in range(2):
        files = obtain(tmp_path / "raw", "set", sources, wanted, str(tmp_path / "copy"), None, "known", 2)
        assert names(files) == sorted(set(FILES) - {NOTE})
    assert snapshot(copy) == before
    assert published_folder(tmp_path / "raw", "set", str(tmp_path / "copy"), wanted) == tmp_path / "raw/set"


def test_a_local_archive_with_another_checksum_or_damage(tmp_path: Path) -> None:
    copy = write_packed(tmp_path / "copy")
    found = hashlib.sha256((copy / PHOTOS).read_bytes()).hexdigest()
    with pytest.raises(CrosshashError, match=rf"(?s)photos\.zip: .*{found}.*expected.*{'0' * 64}"):
        get(tmp_path, local=copy, sources=(replace(SOURCES[0], sha256="0" * 64), *SOURCES[1:]))
    (copy / PHOTOS).write_bytes((copy / PHOTOS).read_bytes()[:-30])
    with pytest.raises(CrosshashError, match="damaged or incomplete"):
        get(tmp_path, local=copy)
    assert (copy / PHOTOS).exists()


def test_a_local_copy_of_some_sources(server: FileServer, tmp_path: Path) -> None:
    """Images unpacked, labels packed, the note from the mirror; links bring them together."""
    copy = write_unpacked(tmp_path / "copy", "images")
    (copy / LABELS).write_bytes((tmp_path / "served" / LABELS).read_bytes())
    before = snapshot(copy)
    for _ in range(2):
        assert names(get(tmp_path, server, copy)) == sorted(set(FILES) - {"texts/README"})
    assert [server.count(name) for name in (PHOTOS, LABELS, NOTE)] == [0, 0, 1]
    assert snapshot(copy) == before
    folder = published_folder(tmp_path / "raw", "set", str(copy), WANTED)
    assert find_wanted(folder, IMAGES).resolve() == copy / "images"


def test_two_projects_with_different_local_copies(server: FileServer, tmp_path: Path) -> None:
    """Each has its own folder of links; the second leaves that of the first as it is."""
    copies = [write_unpacked(tmp_path / name, "images") for name in ("one", "two")]
    for copy in copies:
        get(tmp_path, server, copy)
    folders = [published_folder(tmp_path / "raw", "set", str(copy), WANTED) for copy in copies]
    assert [find_wanted(folder, IMAGES).resolve() for folder in folders] == [
        copy / "images" for copy in copies
    ]
    assert all(re.fullmatch(r"\.joined-[0-9a-f]{8}", folder.name) for folder in folders)


def test_a_dead_link_lists_all_that_is_wanted(server: FileServer, tmp_path: Path) -> None:
    """Of three the images lie in the local copy, the labels come, and the note is gone."""
    copy = write_unpacked(tmp_path / "copy", "images")
    server.tell(NOTE, status=410)
    with pytest.raises(CrosshashError) as error:
        get(tmp_path, server, copy)
    text, _, rest = str(error.value).partition("\nLooked for in ")
    assert f"{NOTE}: {server.url}/{NOTE}: no longer there (410)" in text
    raw = tmp_path / "raw/set"
    assert rest.splitlines()[:4] == [
        f"{copy} and {raw}:",
        f"  - there: {copy}/images",
        f"  - there, packed: 'texts/labels/cat.txt' or 'labels/cat.txt' in {raw}/.received/{LABELS}",
        f"  - missing: '{NOTE}', from {NOTE} ({server.url}/{NOTE}; https://labels.example/notes)",
    ]
    assert "download.local: PATH" in rest


def test_all_that_is_missing_in_one_message(tmp_path: Path) -> None:
    copy = write_unpacked(tmp_path / "copy", "texts")
    (copy / PHOTOS).write_bytes(zipped({}))
    sources = (
        *SOURCES,
        Source("more.zip", "a form", None),
        Source("far.zip", "web", "http://far.example/far.zip"),
    )
    wanted = (*WANTED, Wanted(("more/", "some/more/"), "more.zip"), Wanted(("far/",), "far.zip"))
    with pytest.raises(CrosshashError) as error:
        obtain(tmp_path / "raw", "set", sources, wanted, str(copy), None, "known", 2)
    lines = str(error.value).splitlines()
    assert lines[1:6] == [
        f"  - there, packed: 'pictures/' or 'images/' in {copy}/{PHOTOS}",
        f"  - there: {copy}/texts/labels/cat.txt",
        f"  - missing: '{NOTE}', from {NOTE} (cannot be downloaded; https://labels.example/notes)",
        "  - missing: 'more/' or 'some/more/', from more.zip (cannot be downloaded; a form)",
        "  - missing: 'far/', from far.zip (http://far.example/far.zip; web)",
    ]
    assert "download.local: PATH" in lines[6]


@pytest.mark.parametrize("kind", ["nowhere", "file"])
def test_a_local_folder_that_is_none(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CrosshashError, match=r"params\.yaml: download\.local: .* is"):
        get(tmp_path, local=tmp_path / kind)


def test_a_raw_folder_that_cannot_be(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file")
    with pytest.raises(CrosshashError, match=r"raw/\.set\.lock: cannot be written"):
        get(tmp_path, server)


def test_wanted_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"'texts/labels/cat\.txt' or 'labels/cat\.txt' is not there"):
        find_wanted(tmp_path, CAT)
    write_unpacked(tmp_path)
    assert find_wanted(tmp_path, IMAGES) == tmp_path / "images"
