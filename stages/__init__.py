"""The pipeline's stages, one thin script each, run by DVC as `python -m stages.<name>`.

This copy's `src` goes first on the path: inside a temporary experiment the copy's code runs, not the
code of the checkout that was installed.

OpenMP's threads look a few microseconds for what comes next, then sleep (torch reads the settings when it is
loaded). Asleep at once, two threads took 14 s for a training that now takes 11; awake as long as gcc's OpenMP
has it, two trainings on the same cores took several times as long as one after the other, now 1.3 times as
long as with threads that sleep at once.

Python looks for unreachable circles of objects as seldom as suits a process that ends by itself: loading the
libraries makes a million objects, all of which stay (plan 1.9 s of CPU, now 1.5; evaluate 2.2, now 1.7).

numpy's linear algebra has one thread: its sums depend on the number, and plans record that of torch alone.

From its first moment on, while it still loads its libraries, a process that is a stage ends with the DVC that
started it, ends by Ctrl-C, and tells of too little memory and too few open files in one line. A stage that
has ended well takes nothing apart: Python would do so with all that the libraries have made, 0.1 to 0.7 s.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


_ended_well = False


def data_set() -> str:
    """Give the name of the data set, the one argument of a stage.

    Raises:
        CrosshashError: there is none, or more than that: the work of most stages is not shared out.
    """
    from crosshash.errors import CrosshashError

    if len(sys.argv) == 2:
        return sys.argv[1]
    found = f"not '{' '.join(sys.argv[1:])}'" if sys.argv[1:] else "and there is none"
    raise CrosshashError(
        f"the name of a data set is the one argument of this stage, {found}: python -m "
        f"stages.{Path(sys.argv[0]).stem} scenes. --shard I --of N are for convert, embed and infer."
    )


def run(main: Callable[[], None], *left: str) -> None:
    """Run a stage to its end, as the last thing that a process does; left: see `run_stage`."""
    from crosshash.errors import run_stage

    global _ended_well
    run_stage(main, *left)
    _ended_well = True


def _leave() -> None:
    """End the process here: threads have been waited for, and the libraries have said their last words.

    Where these cannot be written, on a full disk or into a closed pipe, Python says so, with status 120.
    """
    if _ended_well:
        with suppress(OSError, ValueError):  # closed by somebody
            for stream in filter(None, (sys.stdout, sys.stderr)):  # none if it was closed from the start
                stream.flush()
            os._exit(0)


def _unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if missing := shortage(error):
        print(f"error: {missing}", file=sys.stderr, flush=True)
        os._exit(1)  # torch's threads that got no memory never end, and Python would wait for them
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ["-m"]:  # what it is while `python -m stages.<name>` looks for the stage
    atexit.register(_leave)  # first, so that it is called last
    gc.set_threshold(50_000, 20, 50)
    from crosshash.errors import shortage
    from crosshash.workers.parent import end_with_parent

    end_with_parent()
    sys.excepthook = _unhandled
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python's own way loses a Ctrl-C that comes while an import cleans up. `run_stage` brings it back.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
