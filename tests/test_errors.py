from __future__ import annotations

import errno
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from crosshash.errors import CrosshashError, full_disk_named, listed, run_stage, shortage
from tests.conftest import ROOT


def raising(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


def test_few_problems_are_all_listed() -> None:
    assert listed(["one", "two"]) == "  - one\n  - two"


def test_many_problems_are_counted() -> None:
    text = listed([f"row {row}" for row in range(25)], shown=3)
    assert text.splitlines() == ["  - row 0", "  - row 1", "  - row 2", "  ... and 22 more"]


def test_no_more_than_all_are_promised() -> None:
    assert "more" not in listed(["x"] * 3, shown=3)


def test_an_error_of_the_user_ends_a_stage_with_one_message_and_status_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_stage(raising(CrosshashError("pairs.csv: row 3 is empty")))
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: pairs.csv: row 3 is empty\n"


def test_ctrl_c_ends_a_stage_with_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_stage(raising(KeyboardInterrupt()))
    assert ended.value.code == 130
    assert "Ctrl-C" in capsys.readouterr().err


def test_ctrl_c_in_a_destructor_where_python_goes_on_ends_a_stage_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Interrupted:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    def main() -> None:
        Interrupted()
        time.sleep(20)

    with pytest.raises(SystemExit) as ended:
        run_stage(main)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C; nothing half-written was left\n"


def interrupted_write(path: Path, where: str) -> subprocess.CompletedProcess[str]:
    """Write an archive as a stage does, with Ctrl-C while zipfile opens its member."""
    program = f"""
import sys, zipfile
from pathlib import Path
import numpy as np
from crosshash.artifacts import write_npz
from crosshash.errors import run_stage
from tests.test_errors import interrupt_{where}
interrupt_{where}()
run_stage(lambda: write_npz(Path(sys.argv[1]), {{"codes": np.arange(5)}}))
"""
    return subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False, cwd=ROOT
    )


def interrupt_before() -> None:
    """Have Ctrl-C come when the archive knows of a writer that is not made yet."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    zipfile._ZipWriteFile.__init__ = interrupted  # type: ignore[attr-defined]


def interrupt_after() -> None:
    """Have Ctrl-C come when the writer is made and nobody has it yet."""
    made = zipfile._ZipWriteFile.__init__  # type: ignore[attr-defined]

    def interrupted(*arguments: object) -> None:
        made(*arguments)
        raise KeyboardInterrupt

    zipfile._ZipWriteFile.__init__ = interrupted  # type: ignore[attr-defined]


@pytest.mark.parametrize("where", ["before", "after"])
def test_ctrl_c_that_what_tidies_up_turns_into_another_error_is_told_as_ctrl_c(
    tmp_path: Path, where: str
) -> None:
    """zipfile does not close an archive with a member under way: ValueError, and once more in __del__."""
    path = tmp_path / "codes.npz"
    path.write_text("old")
    ended = interrupted_write(path, where)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == "stopped by Ctrl-C; nothing half-written was left\n"
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["codes.npz"]


def test_a_refusal_that_came_of_ctrl_c_is_told_as_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            try:
                raise OSError("broken pipe")
            except OSError:
                raise CrosshashError("a worker ended early") from None

    with pytest.raises(SystemExit) as ended:
        run_stage(main)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C; nothing half-written was left\n"


def test_a_defect_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_stage(raising(ZeroDivisionError()))


def test_what_the_system_refuses_is_named() -> None:
    message = r"out/x: cannot be written \(No space left on device\)"
    with pytest.raises(CrosshashError, match=message), full_disk_named("out/x"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match=r"^other$"), full_disk_named("out/x"):
        raise ValueError("other")


def test_a_full_device_is_a_full_disk() -> None:
    """/dev/full refuses every byte, as a full disk does."""
    if sys.platform != "linux":
        pytest.skip("/dev/full is a device of Linux")
    with pytest.raises(CrosshashError, match="No space left"), full_disk_named("x"):
        Path("/dev/full").write_text("x")


def test_the_package_answers_without_torch() -> None:
    """Version, errors and codes must come at once; only `load` needs the networks."""
    script = """
import sys
import crosshash
import crosshash.errors, crosshash.artifacts, crosshash.codes.hashcodes, crosshash.cli, crosshash.protocols
assert crosshash.__version__
assert "torch" not in sys.modules, "torch was imported"
try:
    crosshash.nonsense
except AttributeError as error:
    assert "nonsense" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_too_little_memory_is_told_whoever_says_so() -> None:
    """What numpy, Linux, torch's allocator, oneDNN, the loader of libraries and threads raise."""
    refusals = [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("could not create a primitive"),
        RuntimeError("can't start new thread"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError("libllvmlite.so: failed to map segment from shared object"),
        pa.ArrowException("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"),
        pa.ArrowMemoryError("malloc of size 64 failed"),
    ]
    for error in refusals:
        assert "not enough memory" in (shortage(error) or ""), error


def test_what_a_shortage_led_to_is_told_as_the_shortage() -> None:
    """llvmlite says that its library is not found, whatever the loader said."""
    error = OSError("Could not find/load shared object file")
    error.__context__ = OSError("libllvmlite.so: failed to map segment from shared object")
    assert "failed to map segment" in (shortage(error) or "")


def test_a_file_that_seems_cut_for_want_of_memory_is_not_blamed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who deletes it, as the sentence says, loses a good file and has as little memory as before."""

    def main() -> None:
        try:
            raise pa.ArrowMemoryError("malloc of size 64 failed")
        except pa.ArrowException as error:
            raise CrosshashError(f"pairs.parquet: cannot be read ({error}). Delete it.") from None

    with pytest.raises(SystemExit) as ended:
        run_stage(main)
    assert ended.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: there is not enough memory (malloc of size 64 failed).")
    assert second == "It showed as: pairs.parquet: cannot be read (malloc of size 64 failed). Delete it."


def test_a_thread_that_is_refused_may_be_one_too_many() -> None:
    """Python says the same where memory is short and where processes are limited."""
    assert "ulimit -u" in (shortage(RuntimeError("can't start new thread")) or "")
    assert "ulimit -u" not in (shortage(MemoryError()) or "")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_what_c_code_gave_up_without_a_word_is_told_as_a_shortage_under_a_limit_alone() -> None:
    """CPython 3.11.7 says so of an import without room for it; elsewhere it is a defect of a library."""
    error = SystemError("error return without exception set")
    assert shortage(error) is None
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33))"
    ask = f"from crosshash.errors import shortage; print(shortage({error!r}))"
    told = subprocess.run(
        [sys.executable, "-c", f"{limited}; {ask}"], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("there is not enough memory (error return without exception set).")


def test_too_few_open_files_are_told() -> None:
    assert "ulimit -n" in (shortage(OSError(errno.EMFILE, "Too many open files", "x.tar")) or "")


def test_what_is_no_shortage_is_a_defect() -> None:
    for error in (RuntimeError("shapes differ"), OSError(errno.ENOENT, "x"), ValueError("out of memory")):
        assert shortage(error) is None
