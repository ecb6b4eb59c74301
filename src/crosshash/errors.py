"""The one error type that users meet: it names the file, key or row at fault, and the remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

SHOWN = 20


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


def run_stage(main: Callable[[], None], left: str = "nothing half-written was left") -> None:
    """Run a stage: a CrosshashError becomes one clear message and exit status 1, Ctrl-C status 130.

    left: what somebody who pressed Ctrl-C should know of what was begun.
    """
    try:
        main()
    except CrosshashError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"stopped by Ctrl-C; {left}", file=sys.stderr)
        sys.exit(130)
