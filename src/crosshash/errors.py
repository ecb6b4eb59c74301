"""The one error type that users meet: it names the file, key or row at fault, and the remedy."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SHOWN = 20
NO_THREAD = "can't start new thread"
NO_MEMORY = (
    *("allocate memory", "out of memory", "bad_alloc"),
    *("could not create a primitive", "failed to map segment"),
    *(NO_THREAD, "Failed to launch worker thread"),
)
"""What torch, pyarrow, oneDNN, Linux and Python say; a thread needs room for its stack, and to be allowed."""
LOST = ("without exception set", "without setting an exception")
"""What Python says where C code gave up without a word: under a limit, its own words found no room."""
PIPELINE = 'pip install "crosshash[pipeline]"'
"""What brings all that the core leaves out."""


class CrosshashError(Exception):
    """A problem the user can mend; its text names what is wrong, where, and what to do."""


def listed(problems: Sequence[str], shown: int = SHOWN) -> str:
    """Write problems one per line, the first `shown` of them, with a count of the others."""
    lines = [f"  - {problem}" for problem in problems[:shown]]
    if len(problems) > shown:
        lines.append(f"  ... and {len(problems) - shown} more")
    return "\n".join(lines)


@contextmanager
def full_disk_named(path: object) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into a CrosshashError with the remedy."""
    try:
        yield
    except OSError as error:
        raise CrosshashError(
            f"{path}: cannot be written ({error.strerror or error}). "
            "Free disk space or choose a folder you may write to; nothing half-written was left."
        ) from error


@contextmanager
def pipeline_named() -> Iterator[None]:
    """Turn the absence of a package that the core leaves out, torch or dvc, into one that names the extra.

    Raises:
        CrosshashError: such a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "crosshash"):  # a defect of ours
            raise
        raise CrosshashError(f"this needs {package}, which is not installed: {PIPELINE}") from None


def shortage(error: BaseException) -> str | None:
    """Say what the system has too little of, memory or open files, if an error is about that or came of it.

    torch and the loader of libraries have no type for it, only words; what llvmlite says instead of its
    loader's words is about anything but memory.
    """
    cause: BaseException | None = error
    while cause is not None:
        if told := _shortage(cause):
            return told
        cause = cause.__context__
    return None


def _shortage(error: BaseException) -> str | None:
    number = error.errno if isinstance(error, OSError) else None
    speaks = (
        isinstance(error, RuntimeError | ImportError | OSError) or type(error).__module__ == "pyarrow.lib"
    )
    words = str(error) if speaks and number is None else ""
    lost = isinstance(error, SystemError) and any(one in str(error) for one in LOST) and _is_limited()
    told = isinstance(error, MemoryError) or any(one in words for one in NO_MEMORY)
    if told or lost or number == errno.ENOMEM:
        limited = (
            " Or raise the limit of processes (`ulimit -u`, pids of a container)."
            if NO_THREAD in words
            else ""
        )
        return (
            f"there is not enough memory ({str(error) or type(error).__name__}). Lower train.batch, "
            "encode.batch or train.memory_mb, or take a machine with more; nothing that was finished is lost."
            f"{limited}"
        )
    if number in (errno.EMFILE, errno.ENFILE):
        return f"no more files can be opened ({error}). Raise the limit (`ulimit -n 1024`) and run again."
    return None


def _is_limited() -> bool:
    """Say whether this process may take only so much memory (`ulimit -v`)."""
    try:
        limits = Path("/proc/self/limits").read_text(encoding="ascii")
    except MemoryError:
        return True
    except OSError:  # not Linux
        return False
    return not re.search(r"^Max address space +unlimited", limits, re.MULTILINE)


def in_words(error: CrosshashError) -> str:
    """Say an error; where it came of a shortage, such as a whole file that seems cut, that first."""
    short = shortage(error)
    return f"{short}\nIt showed as: {error}" if short else str(error)


def run_stage(main: Callable[[], None], left: str = "nothing half-written was left") -> None:
    """Run a stage: a CrosshashError becomes one clear message and exit status 1, Ctrl-C status 130.

    left: what somebody who pressed Ctrl-C should know of what was begun.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as stages have it until here
        signal.signal(signal.SIGINT, signal.default_int_handler)
    before, sys.unraisablehook = sys.unraisablehook, _again
    try:
        main()
    except (Exception, KeyboardInterrupt) as error:
        if by_ctrl_c(error):
            print(f"stopped by Ctrl-C; {left}", file=sys.stderr)
            let_go(error)
            sys.exit(130)
        if not isinstance(error, CrosshashError):
            raise
        print(f"error: {in_words(error)}", file=sys.stderr)
        sys.exit(1)
    finally:
        sys.unraisablehook = before


def by_ctrl_c(error: BaseException | None) -> bool:
    """Say whether an error is Ctrl-C, or came of it.

    What tidies up after it may fail in turn, as zipfile does if it came between the opening of a member and
    the first byte of it.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def let_go(error: BaseException | None) -> None:
    """Take apart what Ctrl-C interrupted, without a word of it: a half-open archive complains as it goes."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__
    finally:
        sys.unraisablehook = before


def _again(unraisable: sys.UnraisableHookArgs) -> None:
    """Send Ctrl-C once more if it came in a destructor, where Python prints exceptions and goes on."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)
