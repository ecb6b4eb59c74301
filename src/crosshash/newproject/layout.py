"""The files of a project, copied from the package, under git and DVC."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import crosshash
from crosshash.config.params import load_params
from crosshash.config.plans.base import Settings
from crosshash.errors import PIPELINE, CrosshashError

NAMES = (
    *(".dvcignore", ".gitignore", "dvc.yaml", "params.yaml", "prefect.yaml"),
    *("configs", "examples", "flows", "presets", "stages"),
)
"""Files and folders that make a project; setup.py puts them into the wheel."""
CONFIG = ("core.analytics false", "core.autostage false", "cache.type reflink,hardlink,symlink,copy")
"""What DVC is told of a new project: no copies in the cache where the disk can do without."""


def source() -> Path:
    """Give the folder that holds the files of a project: in the package, or the repository it lies in.

    Raises:
        CrosshashError: this installation has none of both.
    """
    package = Path(crosshash.__file__).parent
    for folder in (package / "project", package.parents[1]):
        if all((folder / name).exists() for name in NAMES):
            return folder
    raise CrosshashError(f"{package}: the files of a project are missing there. Install crosshash again.")


def check_place(folder: Path, images: Path | None = None) -> None:
    """Refuse places where no project can lie, before the pictures are looked through, which may take long.

    Raises:
        CrosshashError: DVC is not installed, the folder holds something already, or lies in that of the
            pictures, whose stages would read what they write.
    """
    if find_spec("dvc") is None:
        raise CrosshashError(f"a project needs dvc, which is not installed: {PIPELINE}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CrosshashError(f"{folder}: is there already and not empty. Name a new folder.")
    if images is not None and folder.resolve().is_relative_to(images.resolve()):
        raise CrosshashError(
            f"{folder}: lies in --images {images}, so that the project's own files would count among your "
            "data. Name a folder outside of it."
        )


def lay_out(folder: Path) -> None:
    """Fill an empty or new folder with the files of a project.

    Raises:
        CrosshashError: the folder holds something already, or cannot be written.
    """
    check_place(folder)
    origin, compiled = source(), shutil.ignore_patterns("__pycache__", "*.pyc")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            if (origin / name).is_dir():
                shutil.copytree(origin / name, folder / name, ignore=compiled)
            else:
                shutil.copyfile(origin / name, folder / name)
    except OSError as error:
        raise CrosshashError(f"{folder}: cannot be written ({error.strerror}).") from None


def take_away(folder: Path) -> None:
    """Empty a folder again that `lay_out` has filled, so that it can be tried anew."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def default_settings(project: Path) -> Callable[[str], Settings]:
    """Give what params.yaml says of each data set, by its name."""
    params = load_params(project / "params.yaml")
    return lambda dataset: getattr(params, dataset).model_dump()


def put_under_control(folder: Path) -> None:
    """Make the folder a repository of git and of DVC with a first commit, which experiments start from.

    Raises:
        CrosshashError: git is not installed, or one of both refuses.
    """
    _run(folder, "git", "init", "--quiet")
    _run(folder, sys.executable, "-m", "dvc", "init", "--quiet")
    for setting in CONFIG:
        _run(folder, sys.executable, "-m", "dvc", "config", *setting.split(" "))
    _run(folder, "git", "add", "--all")
    name = subprocess.run(["git", "config", "user.email"], cwd=folder, capture_output=True, check=False)
    nobody = [] if name.stdout else ["-c", "user.name=crosshash", "-c", "user.email=crosshash@localhost"]
    _run(folder, "git", *nobody, "commit", "--quiet", "--message", "A project of crosshash")


def _run(folder: Path, *command: str) -> None:
    """Run a program quietly.

    Raises:
        CrosshashError: it is missing or fails; its last words are told.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CrosshashError(f"{command[0]} is not installed, and a project needs it.") from None
    if done.returncode:
        raise CrosshashError(f"{' '.join(command[:4])}: {done.stderr.strip() or done.stdout.strip()}")
