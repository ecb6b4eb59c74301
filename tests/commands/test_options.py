from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from crosshash.commands.options import told
from crosshash.errors import CrosshashError
from tests.conftest import ROOT


def raised_by(main: Callable[[], None]) -> int:
    """The exit status of a command."""
    with pytest.raises(typer.Exit) as ended, told():
        main()
    return ended.value.exit_code


def test_an_error_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise CrosshashError("no such file")

    assert raised_by(main) == 1
    assert capsys.readouterr().err == "error: no such file\n"


def test_a_defect_of_the_program_stays_one() -> None:
    with pytest.raises(ZeroDivisionError), told():
        print(1 // 0)


@pytest.mark.parametrize("kind", [ValueError, CrosshashError])
def test_what_came_of_ctrl_c_ends_as_ctrl_c(
    kind: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise kind("an open writing handle")

    assert raised_by(main) == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize("where", ["before", "after"])
def test_ctrl_c_while_an_archive_is_written_is_told_of_no_archive(tmp_path: Path, where: str) -> None:
    """As of `run_stage`: zipfile complains of it twice."""
    program = f"""
import sys
from pathlib import Path
import numpy as np
from crosshash.artifacts import write_npz
from crosshash.cli import app
from crosshash.commands.options import told
from tests.test_errors import interrupt_{where}
interrupt_{where}()
@app.command("write")
def write(path: Path) -> None:
    with told():
        write_npz(path, {{"codes": np.arange(5)}})
app()
"""
    command = [sys.executable, "-c", program, "write", str(tmp_path / "codes.npz")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "stopped\n")
    assert not list(tmp_path.iterdir())
