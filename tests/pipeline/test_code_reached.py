"""What really runs in each stage, held against what reading the code says that it can reach."""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

import crosshash
from crosshash.config.code_reach import module_file, reach
from tests.pipeline.test_repro import SMALL, SMALL_CODES
from tests.projects import copy_project, override

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(crosshash.__file__).parent
STAGES = (
    "download",
    "convert",
    "embed",
    "centers",
    "transform",
    "train",
    "infer",
    "encode",
    "evaluate",
    "index",
    "report",
)


@contextmanager
def recorded() -> Iterator[set[CodeType]]:
    """Collect the code of every function that is called meanwhile, in all threads; class bodies are none."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            seen.add(frame.f_code)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def called(stage: str) -> set[tuple[Path, str]]:
    """Run a stage and give the definitions of the package that were called: file, outermost name."""
    main: Callable[..., None] = importlib.import_module(f"stages.{stage}").main
    with recorded() as seen:
        main(*(["features"] if inspect.signature(main).parameters else []))
    places = {(Path(code.co_filename), code.co_qualname.partition(".")[0]) for code in seen}
    return {
        (path, name)
        for path, name in places
        if path.is_relative_to(PACKAGE) and path.suffix == ".py" and "<" not in name
    }


@pytest.mark.usefixtures("trained_project")  # loops are compiled by then, which takes long with a profiler
@pytest.mark.parametrize("method", ["twdh", "hq"])
def test_no_function_runs_that_the_digest_does_not_know(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_project(tmp_path / "project")
    override(project, *SMALL, *SMALL_CODES, f"method={method}", "hq.words=16", "hq.rerank=50")
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["stage", "features"])
    for name in ("RAW", "STATE"):
        monkeypatch.setenv(f"CROSSHASH_{name}", str(tmp_path / name))
    importlib.import_module("stages.plan").main()
    for stage in STAGES:
        chosen = {"crosshash.methods": method, "crosshash.datasets": "features"}
        found = reach(ROOT / "stages" / f"{stage}.py", PACKAGE, chosen).modules
        known = {(module_file(PACKAGE, module), name) for module in found for name in found[module]}
        ran = called(stage)
        assert ran, stage
        assert sorted(map(str, ran - known)) == [], stage
