from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.newproject.layout import (
    NAMES,
    check_place,
    default_settings,
    lay_out,
    put_under_control,
    source,
)
from tests.projects import ROOT, environment


def said(folder: Path, *command: str) -> str:
    """What a program prints."""
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_repository_is_such_a_project_itself() -> None:
    assert source() == ROOT
    assert default_settings(ROOT)("custom")["path"] == "examples/custom"


def test_a_project_is_under_git_and_dvc_with_nothing_left_to_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # whose git knows no name and no address
    project = tmp_path / "my project"
    lay_out(project)
    put_under_control(project)
    assert {path.name for path in project.iterdir()} == {*NAMES, ".git", ".dvc"}
    assert not list(project.rglob("__pycache__"))
    assert said(project, "git", "status", "--short") == ""
    assert "cache.type=reflink,hardlink,symlink,copy" in said(project, "dvc", "config", "--list")


@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_there_already_is_left_alone(tmp_path: Path, there: str) -> None:
    target = tmp_path / "target"
    if there == "folder":
        target.mkdir()
        (target / "notes.txt").write_text("mine")
    else:
        target.write_text("mine")
    with pytest.raises(CrosshashError, match="target: is there already and not empty"):
        lay_out(target)
    assert [path.name for path in target.rglob("*")] in ([], ["notes.txt"])


def test_no_project_lies_among_the_pictures_that_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    check_place(tmp_path / "photos 2", tmp_path / "photos")
    monkeypatch.chdir(tmp_path / "photos")
    for folder in (Path("project"), tmp_path / "photos/new/project", Path(".")):
        with pytest.raises(CrosshashError, match=r"lies in --images \.,.* Name a folder outside of it"):
            check_place(folder, Path("."))


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert (tmp_path / "dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()


def test_a_machine_without_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CrosshashError, match="git is not installed, and a project needs it"):
        put_under_control(tmp_path)


def test_the_wheel_holds_a_whole_project(tmp_path: Path) -> None:
    """Built from a copy of the source by what is installed, without fetching anything."""
    copy, beside = tmp_path / "source", ("tests/", "docs/", "benchmarks/", "findings/", "faults/")
    for name in said(ROOT, "git", "ls-files", "-co", "--exclude-standard").splitlines():
        if not name.startswith(beside) and (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    said(copy, sys.executable, "setup.py", "--quiet", "bdist_wheel", "--dist-dir", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("crosshash/project/")}
    files = [path for name in NAMES for path in (copy / name, *(copy / name).rglob("*")) if path.is_file()]
    assert held == {f"crosshash/project/{path.relative_to(copy).as_posix()}" for path in files}
