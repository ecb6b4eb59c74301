from __future__ import annotations

import json
import math
import signal
import struct
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from dvc.api import metrics_show
from dvc.repo import Repo

from crosshash.artifacts import (
    atomic_path,
    read_json,
    read_npz,
    state_folder,
    write_json,
    write_npz,
    write_text,
)
from crosshash.checksums import digest_of
from crosshash.errors import CrosshashError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stop_while_writing(path: Path, stop: type[BaseException]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half of the new")
        raise stop


def stop_while_filling(path: Path, stop: type[BaseException]) -> None:
    with atomic_path(path) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("half")
        raise stop


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")
    with pytest.raises(stop):
        stop_while_writing(path, stop)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result.txt"]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_folder_and_no_other(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    path = tmp_path / "results"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(stop):
        stop_while_filling(path, stop)
    assert names(path) == ["old"]
    assert names(tmp_path) == ["results"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "results"
    for name in ("first", "second"):
        with atomic_path(path) as temporary:
            temporary.mkdir()
            (temporary / name).write_text(name)
        assert names(path) == [name]
    assert names(tmp_path) == ["results"]


def test_an_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    path = tmp_path / "results"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(CrosshashError, match="results: cannot be written"), atomic_path(path):
        pass  # nothing was written that could be moved into place
    assert names(path) == ["old"]
    assert names(tmp_path) == ["results"]


def run_killed(path: Path, script: str) -> None:
    """Run a script with `path` and `kill()`, which is how the system ends a process that gets no say."""
    start = """
import os, signal, sys
from pathlib import Path
from crosshash.artifacts import atomic_path
path = Path(sys.argv[1])
def kill(*_): os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", start + script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    path, other = tmp_path / "result.txt", tmp_path / "result"
    path.write_text("old")
    for target in (path, other):
        run_killed(target, "with atomic_path(path) as t: t.mkdir(); (t / 'half').touch(); kill()")
    assert names(tmp_path) == [".result.part", ".result.txt.part", "result.txt"]
    (left,) = names(tmp_path / ".result.txt.part")
    with atomic_path(path) as temporary:
        assert path.read_text() == "old"
        assert left not in names(tmp_path / ".result.txt.part")
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == [".result.part", "result.txt"]


@pytest.mark.parametrize("stop", [None, ValueError])
def test_a_folder_comes_back_that_a_killed_process_had_put_aside(
    tmp_path: Path, stop: type[BaseException] | None
) -> None:
    """Killed between the two renames that a file system without exchange needs: it stands nowhere else."""
    path = tmp_path / "results"
    path.mkdir()
    (path / "old").write_text("the only copy")
    script = """
import crosshash.artifacts
crosshash.artifacts.exchange = lambda *names: False
replace = os.replace
os.replace = lambda *names: (replace(*names), kill())
with atomic_path(path) as t: t.mkdir()
"""
    run_killed(path, script)
    assert names(tmp_path) == [".results.part"]
    if stop:
        with pytest.raises(stop):
            stop_while_filling(path, stop)
        assert (path / "old").read_text() == "the only copy"
    else:
        with atomic_path(path) as temporary:
            assert (path / "old").read_text() == "the only copy"
            temporary.mkdir()
        assert names(path) == []
    assert names(tmp_path) == ["results"]


def test_a_folder_that_a_killed_process_had_replaced_does_not_come_back(tmp_path: Path) -> None:
    """Killed after both renames, with the older folder still aside; then DVC removes the newer one."""
    path = tmp_path / "results"
    path.mkdir()
    (path / "old").write_text("older")
    script = """
import shutil
shutil.rmtree = lambda *names, **how: kill()
with atomic_path(path) as t: t.mkdir()
"""
    run_killed(path, script)
    assert names(path) == []
    path.rmdir()
    with pytest.raises(ValueError):
        stop_while_filling(path, ValueError)
    assert names(tmp_path) == []


def test_writers_of_one_path_leave_each_other_alone(tmp_path: Path) -> None:
    """The second begins, ends and begins again while the first is alive in another process."""
    path = tmp_path / "result"
    script = """
import sys
from pathlib import Path
from crosshash.artifacts import atomic_path
with atomic_path(Path(sys.argv[1])) as t:
    t.write_text("first")
    print(flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        first.stdout.readline()
        for text in ("second", "third"):
            write_text(path, text)
            assert path.read_text() == text
            assert len(names(tmp_path / ".result.part")) == 1
        with atomic_path(path) as temporary:
            temporary.write_text("fourth")
            first.communicate()
            assert path.read_text() == "first"
    assert first.returncode == 0
    assert path.read_text() == "fourth"
    assert names(tmp_path) == ["result"]


def test_many_writers_at_once(tmp_path: Path) -> None:
    """Each takes the shared place away when it is the last there: the others make it anew."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_text(tmp_path / "result", str(number)), range(400)))
    assert names(tmp_path) == ["result"]
    assert int((tmp_path / "result").read_text()) in range(400)


def test_folders_above_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "äöü")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "äöü".encode()


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    """A regular file stands where a folder is needed: root, too, is refused there."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CrosshashError, match=r"taken/x\.json: cannot be written .*choose a folder"):
        write_json(tmp_path / "taken" / "x.json", {})
    with pytest.raises(CrosshashError, match=r"taken/x\.npz: cannot be written"):
        write_npz(tmp_path / "taken" / "x.npz", {"a": np.zeros(3)})
    assert names(tmp_path) == ["taken"]


FEW_FILES = """
import os, resource, sys
from pathlib import Path
from crosshash.artifacts import write_json
from crosshash.errors import CrosshashError
folder, end = Path(sys.argv[1]), int(sys.argv[2])
write_json(folder / "before.json", {})  # loads all that a write needs
used = len(os.listdir("/proc/self/fd")) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (used + end, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    write_json(folder / "a.json", {"a": 1})
except CrosshashError as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts its open files as Linux does")
def test_with_hardly_a_file_left_to_open_a_write_is_whole_or_refused_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    """Its lock and the file itself are two; a third is wanted by whoever goes through a folder."""
    outcomes = set()
    for end in range(6):
        folder = tmp_path / str(end)
        done = subprocess.run(
            [sys.executable, "-c", FEW_FILES, str(folder), str(end)],
            capture_output=True,
            text=True,
            check=True,
        )
        refused = "Too many open files" in done.stdout
        assert names(folder) == (["before.json"] if refused else ["a.json", "before.json"]), end
        outcomes.add(refused)
    assert outcomes == {True, False}


@pytest.mark.parametrize(
    "call",
    [
        "write_text(path, 'x' * 100_000)",
        "write_npz(path, {'a': np.random.default_rng(0).random(100_000)})",
        "write_tensors(path, {'a': torch.zeros(100_000)})",
    ],
)
def test_a_disk_that_fills_up_is_named_and_the_old_file_stays(tmp_path: Path, call: str) -> None:
    """The system lets this process write 10,000 bytes per file, then refuses, as a full disk does."""
    path = tmp_path / "result"
    path.write_text("old")
    script = f"""
import resource, sys
from pathlib import Path
import numpy as np
from crosshash.artifacts import *
from crosshash.errors import CrosshashError
if "tensors" in {call!r}:
    import torch
    from crosshash.models.weights.tensors import write_tensors
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
path = Path(sys.argv[1])
try:
    {call}
except CrosshashError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert f"{path}: cannot be written" in done.stdout
    assert "too large" in done.stdout
    assert "Free disk space" in done.stdout
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result"]


def test_npz_comes_back_as_it_was(tmp_path: Path) -> None:
    arrays = {
        "codes": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "names": np.array(["a", "ö"]),
        "bits": np.array(7),
        "empty": np.zeros((0, 3), np.int8),
    }
    write_npz(tmp_path / "x.npz", arrays)
    found = read_npz(tmp_path / "x.npz")
    assert list(found) == list(arrays)
    for key, array in arrays.items():
        assert found[key].dtype == array.dtype
        assert np.array_equal(found[key], array)


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_npz(tmp_path / name, {"x": np.arange(100), "y": np.array(["text"])})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    write_npz(tmp_path / "b", {"x": np.arange(1, 101), "y": np.array(["text"])})
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_no_byte_depends_on_the_release_of_python(tmp_path: Path) -> None:
    """A local header: signature (4), version needed (2, here 2.0), sizes (from 18), lengths of name, extra.

    numpy.savez forces 64-bit fields: sizes of all ones and 20 extra bytes since Python 3.11.4, not before.
    """
    path = tmp_path / "x.npz"
    write_npz(path, {"ab": np.arange(100)})
    header = path.read_bytes()[:30]
    assert header[:6] == b"PK\x03\x04\x14\x00"
    packed, size, name, extra = struct.unpack("<IIHH", header[18:30])
    assert (size, name, extra) == (128 + 800, len("ab.npy"), 0)
    assert packed < size
    with zipfile.ZipFile(path) as archive:
        (member,) = archive.infolist()
    assert (member.date_time, member.create_system, member.external_attr) == (
        (1980, 1, 1, 0, 0, 0),
        3,
        0o600 << 16,
    )


def test_python_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(CrosshashError, match=r"x\.npz: array 'label' holds Python objects"):
        write_npz(path, {"fine": np.zeros(2), "label": np.array([{"a": 1}], dtype=object)})
    assert names(tmp_path) == []
    np.savez(path, label=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CrosshashError, match=r"x\.npz: cannot be read as \.npz"):
        read_npz(path)


def test_a_damaged_npz_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write_npz(path, {"a": np.arange(10_000) % 7})
    whole = path.read_bytes()
    bitten = bytearray(whole)
    bitten[60:70] = b"\xff" * 10
    single = tmp_path / "single.npy"
    np.save(single, np.zeros(3))
    for content in (whole[:100], b"", b"no archive at all", single.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(CrosshashError, match=r"x\.npz: cannot be read as \.npz .*run `dvc repro`; else"):
            read_npz(path)
    path.write_bytes(bitten)
    with pytest.raises(CrosshashError, match=r"x\.npz: its checksum differs.*Delete it and run `dvc repro`"):
        read_npz(path)


def test_missing_files_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    for read in (read_npz, read_json):
        with pytest.raises(CrosshashError, match=r"nowhere: not found\. Run `dvc repro`"):
            read(tmp_path / "nowhere")


def test_json_comes_back_and_ends_with_a_line_end(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, "ö"], "a": {"deep": True}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "ö" in text
    assert text.index('"b"') < text.index('"a"')


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_json_without_a_value_for_a_number_is_refused(tmp_path: Path, number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"mAP": number})
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b'{"a": 1', b"", b"\xff\xfe", b"[" * 100_000])
def test_a_cut_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(CrosshashError, match=r"x\.json: cannot be read as JSON"):
        read_json(tmp_path / "x.json")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    for read in (read_npz, read_json):
        with pytest.raises(CrosshashError, match="cannot be read"):
            read(tmp_path)


def test_the_folder_of_states_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path))
    assert state_folder() == tmp_path
    monkeypatch.setenv("CROSSHASH_STATE", "")
    assert state_folder().is_absolute()
    assert "crosshash" in str(state_folder())


# Checksums


def test_other_programs_read_the_files_as_ever(tmp_path: Path) -> None:
    """numpy sees the arrays, json an object with a key more, and DVC the metrics without it."""
    write_npz(tmp_path / "x.npz", {"a": np.arange(3)})
    with np.load(tmp_path / "x.npz") as file:
        assert file.files == ["a"]
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        assert archive.testzip() is None
        assert archive.comment == f"crosshash-sha256:{digest_of(tmp_path / 'x.npz')}".encode()
    write_json(tmp_path / "metrics.json", {"mAP": 0.5, "method": "twdh"})
    value = json.loads((tmp_path / "metrics.json").read_text())
    assert value.pop("checksum") == [f"crosshash-sha256:{digest_of(tmp_path / 'metrics.json')}"]
    assert value == {"mAP": 0.5, "method": "twdh"}
    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "dvc.yaml").write_text("metrics: [metrics.json]\n")
    assert metrics_show(repo=str(tmp_path)) == {"mAP": 0.5, "method": "twdh"}


def test_equal_values_have_equal_checksums_and_others_do_not(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 1), ("c", 2)):
        write_json(tmp_path / name, {"value": value})
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second != other
    assert digest_of(tmp_path / "a") != digest_of(tmp_path / "c")


def test_a_number_that_was_changed_by_hand_is_noticed_and_a_file_without_checksum_is_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"mAP": 0.5})
    path.write_text(path.read_text().replace("0.5", "0.6"))
    with pytest.raises(
        CrosshashError, match=r"x\.json: .*its checksum differs.*Delete it and run `dvc repro`"
    ):
        read_json(path)
    path.write_text(json.dumps({"mAP": 0.6}))
    assert read_json(path) == {"mAP": 0.6}
    write_json(path, [1, 2])  # a list has no place for one
    assert read_json(path) == json.loads(path.read_text()) == [1, 2]
