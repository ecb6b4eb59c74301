from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.newproject.layout import NAMES, default_settings, lay_out, put_under_control, source
from tests.projects import ROOT, environment


def test_the_repository_is_such_a_project_itself() -> None:
    assert source() == ROOT
    assert default_settings(ROOT)("custom")["path"] == "examples/custom"


def test_a_project_is_under_git_and_dvc_with_nothing_left_to_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # whose git knows no name and no address
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_EMAIL", raising=False)
    project = tmp_path / "my project"
    lay_out(project)
    put_under_control(project)
    assert {path.name for path in project.iterdir()} == {*NAMES, ".git", ".dvc"}
    assert not list(project.rglob("__pycache__"))
    done = subprocess.run(
        ["git", "status", "--short"], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    told = subprocess.run(
        ["dvc", "config", "--list"], cwd=project, env=environment(tmp_path), capture_output=True, text=True, check=True
    )  # fmt: skip
    assert "cache.type=reflink,hardlink,symlink,copy" in told.stdout


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


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert (tmp_path / "dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()


def test_a_refusal_of_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CrosshashError, match="git is not installed, and a project needs it"):
        put_under_control(tmp_path)


def test_the_wheel_holds_a_whole_project(tmp_path: Path) -> None:
    """Built from a copy of the source, as pip does, without fetching anything."""
    copy = tmp_path / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (
            not name.startswith(("tests/", "docs/", "benchmarks/", "findings/", "faults/"))
            and (ROOT / name).exists()
        ):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [
        "python",
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        ".",
    ]
    subprocess.run(
        [*command, "source"], cwd=tmp_path, env=environment(tmp_path), check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("crosshash/project/")}
    expected = set()
    for name in NAMES:
        paths = (
            [ROOT / name]
            if (ROOT / name).is_file()
            else [one for one in (ROOT / name).rglob("*") if one.is_file()]
        )
        expected |= {
            f"crosshash/project/{path.relative_to(ROOT).as_posix()}"
            for path in paths
            if path.suffix != ".pyc"
        }
    assert held == expected
