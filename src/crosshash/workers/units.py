"""A unit of work: one file of results, written whole and with a checksum. Done means that it is there.

The folder it stands in is named by all that decides the results (`workers.unfinished`), so that whoever finds
the file, of whatever engine or machine, need not make it again.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from crosshash.artifacts import read_json, write_json
from crosshash.checksums import is_sealed
from crosshash.errors import CrosshashError, by_ctrl_c, shortage

VERSIONS = "versions.json"
DECISIVE = (
    *("crosshash", "numpy", "pillow", "pillow-heif", "torch", "torchvision"),
    *("open_clip_torch", "timm", "transformers", "tokenizers"),
)
"""Packages whose versions may change a byte of what a unit holds."""


@dataclass(frozen=True)
class Unit:
    """What makes one file: its name, what the work is given for it, how many items it counts for."""

    name: str
    given: Any
    size: int


Advance = Callable[[int], None]
Make = Callable[[Any, Path, Advance], None]
"""Writes the file of a unit, whole or not at all, from what is given; tells of items on the way."""


class Work(Protocol):
    """Work on units as it is sent to other processes and machines: small, and without what it loads."""

    def ready(self) -> Make:
        """Load what all units need; once in a process."""
        ...


class UnitWorker:
    """Does units one after the other, at whatever end of an engine."""

    def __init__(self, work: Work, folder: Path, make: Make | None = None) -> None:
        self.work, self.folder, self.make = work, folder, make

    def do(self, unit: Unit, advance: Advance = lambda _: None) -> str | None:
        """Make the file of a unit unless it is there by now; gives the reason if that failed."""
        path = self.folder / unit.name
        try:
            if is_sealed(path):
                return None
            if not (self.folder / VERSIONS).is_file():
                return f"{self.folder}: is gone, so another run has finished this work meanwhile"
            if self.make is None:
                self.make = self.work.ready()
            self.make(unit.given, path, advance)
        except Exception as error:  # whatever it is, the driver lists it and the other units go on
            if by_ctrl_c(error):
                raise KeyboardInterrupt from error
            if isinstance(error, CrosshashError):
                return str(error)
            return shortage(error) or f"{type(error).__name__}: {error}"
        return None


def versions() -> dict[str, str]:
    """Give the versions of what may change a byte, by package; those that are not installed are left out."""
    found = {}
    for name in DECISIVE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def check_versions(found: dict[str, str], expected: dict[str, str], where: str, remedy: str) -> None:
    """Compare versions.

    Raises:
        CrosshashError: they differ; each package is named.
    """
    names = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if names:
        pairs = [(name, found.get(name, "missing"), expected.get(name, "none")) for name in names]
        told = ", ".join(f"{name} {one}, not {other}" for name, one, other in pairs)
        raise CrosshashError(f"{where} has {told}. Install the same with constraints.txt there. {remedy}")


def begin(folder: Path) -> None:
    """See that all that works in a folder has the same versions: those of the first.

    Raises:
        CrosshashError: this machine has others.
    """
    path, ours = folder / VERSIONS, versions()
    if not path.is_file():
        _write_first(path, {"versions": ours})
    theirs = read_json(path)["versions"]
    remedy = f"Or delete {folder}, in which the work was begun, to begin anew."
    check_versions(ours, theirs, f"{socket.gethostname()} (this machine)", remedy)


def _write_first(path: Path, value: object) -> None:
    """Write a file unless another machine has meanwhile: those of an array begin at the same moment."""
    own = path.with_name(f"{uuid.uuid4().hex[:8]}-{path.name}")
    write_json(own, value)
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    except OSError:  # the file system has no links
        own.replace(path)
    own.unlink(missing_ok=True)
