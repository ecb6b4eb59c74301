from __future__ import annotations

import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crosshash.acquire import transfer
from crosshash.acquire.download import Order, fetch_files, file_sizes, side_by_side
from crosshash.acquire.server_answers import asked_wait
from crosshash.errors import CrosshashError
from tests.acquire.file_server import FileServer

DATA = os.urandom(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
WAITS = (0.01, 0.01, 0.01)
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("NETRC", "/nowhere")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/a.zip").write_bytes(DATA)
    with FileServer(tmp_path / "served") as running:
        yield running


def order(server: FileServer, sha256: str | None = SHA256, size: int | None = None) -> Order:
    return Order("a.zip", f"{server.url}/a.zip", "the page", size, sha256)


def fetch(folder: Path, one: Order, token: str | None = None) -> bytes:
    """Fetch one file; nothing of the way there is left."""
    fetch_files(folder, [one], token, parallel=1, waits=WAITS)
    assert not list(folder.glob("*.part*"))
    return (folder / "a.zip").read_bytes()


def leave_part(server: FileServer, folder: Path, sha256: str | None = SHA256) -> None:
    """A transfer that broke off after 100,000 bytes, and was given up."""
    server.tell("a.zip", cut=100_000, cut_times=1)
    with pytest.raises(CrosshashError, match="the connection was cut, 1 times"):
        fetch_files(folder, [order(server, sha256)], None, parallel=1, waits=())
    assert (folder / "a.zip.part").read_bytes() == DATA[:100_000]
    assert not (folder / "a.zip").exists()


def ranges(server: FileServer) -> list[str | None]:
    return [request.range for request in server.requests if request.method == "GET"]


def test_a_plain_transfer_and_none_after_it(server: FileServer, tmp_path: Path) -> None:
    for _ in range(2):
        assert fetch(tmp_path / "raw", order(server)) == DATA
    assert server.count("a.zip") == 1


def test_a_cut_transfer_goes_on(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", cut=100_000, cut_times=2)
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert ranges(server) == [None, "bytes=100000-", "bytes=200000-"]


def test_as_many_cuts_as_it_likes_while_it_gets_further(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", cut=25_000, cut_times=-1)
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert server.count("a.zip") == 12


def test_no_further_and_given_up(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", cut=0, cut_times=-1)
    with pytest.raises(CrosshashError, match=r"a\.zip: http://.*/a\.zip: the connection was cut, 4 times"):
        fetch(tmp_path / "raw", order(server))
    assert server.count("a.zip") == 4


def test_a_later_run_goes_on(server: FileServer, tmp_path: Path) -> None:
    leave_part(server, tmp_path / "raw")
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert ranges(server) == [None, "bytes=100000-"]


def test_a_killed_process_loses_nothing(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", pause=0.05, block=20_000)
    part = tmp_path / "raw/a.zip.part"
    process = start_fetching(tmp_path / "raw", server)
    while not (part.exists() and part.stat().st_size >= 60_000):
        time.sleep(0.01)
    process.kill()
    process.wait()
    have = part.stat().st_size
    assert have < len(DATA)
    server.tell("a.zip")
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert ranges(server) == [None, f"bytes={have}-"]


def test_ctrl_c_does_not_wait_for_a_silent_server(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", pause=3600.0)
    process = start_fetching(tmp_path / "raw", server)
    while not server.count("a.zip"):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130


def start_fetching(folder: Path, server: FileServer, before: str = "") -> subprocess.Popen[str]:
    code = (
        "import signal, sys\nfrom pathlib import Path\nfrom crosshash.errors import run_stage\n"
        "from crosshash.acquire.download import Order, fetch_files\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in background jobs of a shell
        f"{before}\nrun_stage(lambda: fetch_files(Path(sys.argv[1]), [Order('a.zip', sys.argv[2], 'page')], "
        "None, 1, ()))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), f"{server.url}/a.zip"],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_full_disk_and_later_room(server: FileServer, tmp_path: Path) -> None:
    """The system refuses files above 64 KiB, as it refuses to fill a full disk."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))"
    process = start_fetching(tmp_path / "raw", server, limit)
    _, message = process.communicate()
    assert process.returncode == 1
    assert "a.zip.part: cannot be written (File too large)" in message
    assert (tmp_path / "raw/a.zip.part").stat().st_size == 65536
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert ranges(server) == [None, "bytes=65536-"]


def test_a_server_without_ranges(server: FileServer, tmp_path: Path) -> None:
    leave_part(server, tmp_path / "raw")
    server.tell("a.zip", ignore_range=True)
    assert fetch(tmp_path / "raw", order(server)) == DATA


def test_a_server_without_ranges_is_not_asked_for_ever(server: FileServer, tmp_path: Path) -> None:
    """Cut after 100,000 and 50,000 bytes in turn: each second answer brings more than the one before."""
    server.tell("a.zip", ignore_range=True, cut=(100_000, 50_000), cut_times=40)
    with pytest.raises(CrosshashError, match="the connection was cut, 4 times"):
        fetch(tmp_path / "raw", order(server))
    assert server.count("a.zip") == 4


@pytest.mark.parametrize("etag", [None, ""])
def test_a_file_that_changed_is_not_glued_to_the_old_part(
    server: FileServer, tmp_path: Path, etag: str | None
) -> None:
    """Its ETag tells, or without one its size; its date does not."""
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.tell("a.zip", etag=etag, modified=date, cut=100_000)
    with pytest.raises(CrosshashError):
        fetch_files(tmp_path / "raw", [order(server)], None, parallel=1, waits=())
    newer = os.urandom(250_000)
    (tmp_path / "served/a.zip").write_bytes(newer)
    server.tell("a.zip", etag=etag, modified=date)
    assert fetch(tmp_path / "raw", order(server, sha256=None)) == newer


def change_between(server: FileServer, tmp_path: Path, sha256: str | None, **manners: object) -> bytes:
    """A part of one file, then another of the same size, changed years later; gives what was fetched."""
    served = tmp_path / "served/a.zip"
    served.write_bytes(DATA[::-1])
    os.utime(served, (10**9, 10**9))
    server.tell("a.zip", cut=100_000, **manners)
    with pytest.raises(CrosshashError, match="the connection was cut"):
        fetch_files(tmp_path / "raw", [order(server, sha256)], None, parallel=1, waits=())
    served.write_bytes(DATA)
    server.tell("a.zip", **manners)
    return fetch(tmp_path / "raw", order(server, sha256))


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
@pytest.mark.parametrize("ignore", [False, True])
def test_a_changed_file_of_equal_size_is_told_by_its_date(
    server: FileServer, tmp_path: Path, etag: str, ignore: bool
) -> None:
    assert change_between(server, tmp_path, None, etag=etag, ignore_condition=ignore) == DATA
    assert ranges(server)[:2] == [None, "bytes=100000-"]


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_a_part_that_nothing_could_tell_from_another_is_not_continued(
    server: FileServer, tmp_path: Path, etag: str
) -> None:
    """No date, no strong ETag, no checksum: the equal size would glue two files together."""
    assert change_between(server, tmp_path, None, etag=etag, modified="") == DATA
    assert ranges(server) == [None, None]


def test_without_date_and_etag_the_checksum_lets_it_go_on(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", etag="", modified="", cut=100_000)
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert ranges(server) == [None, "bytes=100000-"]


def test_a_changed_file_of_equal_size_without_etag_is_told_by_its_checksum(
    server: FileServer, tmp_path: Path
) -> None:
    assert change_between(server, tmp_path, SHA256, etag="", modified="") == DATA
    assert ranges(server) == [None, "bytes=100000-", None]


def test_a_part_that_is_whole(server: FileServer, tmp_path: Path) -> None:
    """Its size was not told (chunked), so that only the server can say (416) that there is no more."""
    server.tell("a.zip", chunked=True, cut=len(DATA) - 1, etag='"1"')
    with pytest.raises(CrosshashError):
        fetch_files(tmp_path / "raw", [order(server)], None, parallel=1, waits=())
    (tmp_path / "raw/a.zip.part").write_bytes(DATA)
    server.tell("a.zip", etag='"1"')
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert [request.status for request in server.requests] == [200, 416]


def test_a_part_that_is_too_long(server: FileServer, tmp_path: Path) -> None:
    leave_part(server, tmp_path / "raw")
    (tmp_path / "raw/a.zip.part").write_bytes(DATA + b"more")
    assert fetch(tmp_path / "raw", order(server)) == DATA


def test_a_part_of_which_nothing_is_known(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.zip.part").write_bytes(b"of something else")
    (tmp_path / "raw/a.zip.part.json").write_text("{cut")
    assert fetch(tmp_path / "raw", order(server, sha256=None)) == DATA


@pytest.mark.parametrize("status", [500, 502, 503, 429])
@pytest.mark.parametrize("retry_after", [None, "0", "nonsense"])
def test_a_busy_server_is_asked_again(
    server: FileServer, tmp_path: Path, status: int, retry_after: str | None
) -> None:
    server.tell("a.zip", busy=2, busy_status=status, retry_after=retry_after)
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert server.count("a.zip") == 3


def test_retry_after_is_bounded(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transfer, "LONGEST_WAIT", 0.2)
    server.tell("a.zip", busy=1, retry_after="86400")
    with caplog.at_level(logging.INFO):
        assert fetch(tmp_path / "raw", order(server)) == DATA
    assert "503 Service Unavailable; again in 0.2 s" in caplog.text


def test_retry_after_is_read() -> None:
    import requests

    answer = requests.Response()
    assert asked_wait(answer) == 0
    answer.headers["Retry-After"] = "17"
    assert asked_wait(answer) == 17
    answer.headers["Retry-After"] = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert asked_wait(answer) == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "not found there"), (401, "credentials are missing or wrong"), (403, "not allowed"), (451, "451")],
)
def test_refusals_are_not_repeated(server: FileServer, tmp_path: Path, status: int, words: str) -> None:
    server.tell("a.zip", status=status)
    with pytest.raises(CrosshashError, match=words) as error:
        fetch(tmp_path / "raw", order(server))
    for remedy in ("the page", "download.mirror", "download.local", "netrc", "CROSSHASH_DOWNLOAD_TOKEN"):
        assert remedy in str(error.value)
    assert server.count("a.zip") == 1


def test_all_failures_in_one_message(server: FileServer, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}/r.zip"
        orders = [
            Order("none.zip", f"{server.url}/none.zip", "page 1"),
            order(server),
            Order("r.zip", refused, "page 2"),
            Order("n.zip", "http://none.invalid/n.zip", "page 3"),
            Order("u.zip", "http://[/u.zip", "page 4"),
        ]
        with pytest.raises(CrosshashError) as error:
            fetch_files(tmp_path / "raw", orders, None, parallel=2, waits=(0.01,))
    message = str(error.value)
    assert "4 of 5 file(s) could not be fetched" in message
    assert f"none.zip: {server.url}/none.zip: not found there (404). It comes from page 1" in message
    assert (
        f"r.zip: {refused}: the connection is refused, 2 times; it may come later. It comes from page 2"
        in message
    )
    assert "n.zip: http://none.invalid/n.zip: no such host is known (DNS), 2 times" in message
    assert "u.zip: http://[/u.zip: address or credentials cannot be used" in message
    assert (tmp_path / "raw/a.zip").read_bytes() == DATA


def test_a_wrong_byte(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", wrong_byte=1234)
    with pytest.raises(CrosshashError) as error:
        fetch(tmp_path / "raw", order(server))
    spoilt = DATA[:1234] + bytes([DATA[1234] ^ 1]) + DATA[1235:]
    for part in ("a.zip", SHA256, hashlib.sha256(spoilt).hexdigest(), server.url, "checksums: first"):
        assert part in str(error.value)
    assert not list((tmp_path / "raw").iterdir())
    assert server.count("a.zip") == 1
    server.tell("a.zip")
    assert fetch(tmp_path / "raw", order(server)) == DATA


def test_a_wrong_byte_in_the_first_of_two_pieces(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", wrong_byte=1234, wrong_times=1, cut=100_000)
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert ranges(server) == [None, "bytes=100000-", None]


def test_a_wrong_byte_that_stays_wrong_is_asked_for_twice(server: FileServer, tmp_path: Path) -> None:
    server.tell("a.zip", wrong_byte=1234, cut=100_000)
    with pytest.raises(CrosshashError, match=SHA256):
        fetch(tmp_path / "raw", order(server))
    assert ranges(server) == [None, "bytes=100000-", None]


def test_a_wrong_byte_over_a_bad_line_is_given_up(server: FileServer, tmp_path: Path) -> None:
    """Each of the two transfers comes in three pieces."""
    server.tell("a.zip", wrong_byte=1234, cut=100_000, cut_times=40)
    with pytest.raises(CrosshashError, match=SHA256):
        fetch(tmp_path / "raw", order(server))
    assert ranges(server) == 2 * [None, "bytes=100000-", "bytes=200000-"]


@pytest.mark.parametrize("chunked", [False, True])
def test_another_size_than_expected(server: FileServer, tmp_path: Path, chunked: bool) -> None:
    server.tell("a.zip", chunked=chunked)
    with pytest.raises(CrosshashError, match="has 300,000 bytes there, 300,001 expected"):
        fetch(tmp_path / "raw", order(server, None, 300_001))
    assert server.count("a.zip") == 1


def test_the_token_goes_to_its_host_alone(server: FileServer, tmp_path: Path) -> None:
    """127.0.0.1 and localhost are two hosts by name; the second wants none."""
    (tmp_path / "served/b.zip").write_bytes(DATA)
    server.tell("a.zip", redirect=f"{server.url_as('localhost')}/b.zip")
    assert fetch(tmp_path / "raw", order(server), token="secret") == DATA  # noqa: S106
    sent = {request.path: request.authorization for request in server.requests}
    assert sent == {"a.zip": "Bearer secret", "b.zip": None}


def test_the_token_goes_before_netrc_and_into_no_message(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.tell("a.zip", token="right")  # noqa: S106
    with caplog.at_level(logging.DEBUG), pytest.raises(CrosshashError) as error:
        fetch(tmp_path / "raw", order(server), token="wr0ng-secret")  # noqa: S106
    assert server.requests[-1].authorization == "Bearer wr0ng-secret"
    assert "wr0ng-secret" not in str(error.value) + caplog.text
    assert fetch(tmp_path / "raw", order(server), token="right") == DATA  # noqa: S106


def test_netrc(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert fetch(tmp_path / "raw", order(server)) == DATA
    assert server.requests[-1].authorization == "Basic bWU6aGlkZGVu"  # base64 of me:hidden


def test_a_folder_that_cannot_be(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CrosshashError, match=r"file/raw/a\.zip: cannot be written .Not a directory"):
        fetch_files(tmp_path / "file/raw", [order(server)], None, parallel=1, waits=())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir(mode=0o555)
    with pytest.raises(CrosshashError, match=r"raw/a\.zip.*: cannot be written"):
        fetch_files(tmp_path / "raw", [order(server)], None, parallel=1, waits=())


def test_sizes(server: FileServer, tmp_path: Path) -> None:
    """Of a file that lies there, one that is known, one that the server tells, one that it does not."""
    (tmp_path / "there.zip").write_bytes(b"12345")
    (tmp_path / "served/quiet.zip").write_bytes(b"1")
    server.tell("quiet.zip", hide_size=True)
    urls = {name: f"{server.url}/{name}" for name in ("there.zip", "known.zip", "a.zip", "quiet.zip")}
    orders = [Order(name, url, "page", 7 if name == "known.zip" else None) for name, url in urls.items()]
    sizes = file_sizes(tmp_path, orders, None, parallel=2)
    assert sizes == {"there.zip": 5, "known.zip": 7, "a.zip": 300_000, "quiet.zip": 0}


def test_side_by_side_is_parallel_and_in_order() -> None:
    both = threading.Barrier(2)

    def meet(value: int, stop: threading.Event) -> int:
        both.wait(timeout=60)
        if value == 2:
            raise CrosshashError("two")
        return -value

    results = side_by_side(meet, [1, 2, 3, 4], parallel=2)
    assert [str(result) for result in results] == ["-1", "two", "-3", "-4"]


def test_an_unforeseen_error_is_not_swallowed() -> None:
    def fail(value: int, stop: threading.Event) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side(fail, [1, 2, 3], parallel=2)
