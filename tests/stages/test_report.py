"""The stage as DVC starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crosshash.report.page import render_page
from crosshash.report.results import read_results
from crosshash.retrieval.codefiles.codeset import TASKS
from stages.report import main
from tests.report.conftest import write_run as write_run

REPOSITORY = Path(__file__).parents[2]


def start(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages.report", "scenes"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_process_writes_the_same_bytes(
    write_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run()
    result = start(folder)
    assert result.returncode == 0, result.stderr
    first = (folder / "report/index.html").read_bytes()
    monkeypatch.chdir(folder)
    main("scenes")
    assert (folder / "report/index.html").read_bytes() == first
    assert [path.name for path in (folder / "report").iterdir()] == ["index.html"]
    assert first.endswith(b"</html>\n")
    assert len(first) < 3_000_000


def test_a_failure_is_one_message_and_leaves_the_former_page(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    (folder / "metrics.json").unlink()
    (folder / "report").mkdir()
    (folder / "report/index.html").write_text("former", encoding="utf-8")
    result = start(folder)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "metrics.json" in result.stderr
    assert "Traceback" not in result.stderr
    assert (folder / "report/index.html").read_text(encoding="utf-8") == "former"


def test_what_the_other_stages_write_is_what_the_page_reads(trained_project: Path) -> None:
    results = read_results(trained_project, "scenes", 16)
    page = render_page(results, "twdh", 64, extremes=1, queries=1, top=3)
    assert all(f"<strong>{results.metrics[task]['mAP']:.4f}</strong>" in page for task in TASKS)
    assert "recall@100" in page
