"""What changes the digest of a stage's code, and what does not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import crosshash
from crosshash.config.code_digest import code_digest
from crosshash.config.code_reach import parse

ROOT = Path(__file__).resolve().parents[2]
STAGES = [path.stem for path in sorted((ROOT / "stages").glob("[!_]*.py")) if path.stem != "plan"]
Edit = Callable[[str, str, str], None]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of stages and package whose files may be edited."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=ignored)
    shutil.copytree(Path(crosshash.__file__).parent, tmp_path / "crosshash", ignore=ignored)
    return tmp_path


def digests(folder: Path, method: str = "twdh", dataset: str = "scenes") -> dict[str, str]:
    parse.cache_clear()  # files are edited under their names here
    chosen = {"crosshash.methods": method, "crosshash.datasets": dataset}
    return {name: code_digest(name, folder / "stages", folder / "crosshash", chosen) for name in STAGES}


def changed(folder: Path, name: str, old: str, new: str, method: str = "twdh") -> set[str]:
    """Edit a file and give the stages whose digest is another one then."""
    before = digests(folder, method)
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    after = digests(folder, method)
    return {stage for stage in STAGES if before[stage] != after[stage]}


def test_the_place_of_the_project_has_no_part(copy: Path, tmp_path: Path) -> None:
    before = digests(copy)
    (tmp_path / "elsewhere").mkdir()
    for name in ("stages", "crosshash"):
        (copy / name).rename(tmp_path / "elsewhere" / name)
    assert digests(tmp_path / "elsewhere") == before


def digests_of_this_copy() -> dict[str, str]:
    chosen = {"crosshash.methods": "twdh", "crosshash.datasets": "scenes"}
    return {
        name: code_digest(name, ROOT / "stages", Path(crosshash.__file__).parent, chosen) for name in STAGES
    }


def test_comments_docstrings_and_layout_change_nothing(copy: Path) -> None:
    heads = "crosshash/models/heads.py"
    assert changed(copy, heads, "from torch", "# a word\nfrom torch") == set()
    assert changed(copy, heads, '"""', '"""Another sentence. ') == set()
    assert (
        changed(copy, heads, "    def forward(self", "    # a word\n\n    def forward(\n        self")
        == set()
    )


def test_a_shared_head_concerns_training_and_encoding(copy: Path) -> None:
    assert changed(copy, "crosshash/models/heads.py", "return 1 - ", "return 2 - ") == {
        "train",
        "infer",
        "encode",
    }


def test_a_method_concerns_those_who_chose_it(copy: Path) -> None:
    edit = ("crosshash/methods/djsrh.py", "import math", "import math\n\nmath.tau")
    assert changed(copy, *edit) == set()
    assert changed(copy, edit[0], "math.tau", "math.pi", method="djsrh") == {"train", "infer", "encode"}


def test_a_function_that_a_stage_never_names_is_none_of_its_code(copy: Path) -> None:
    text = "\n\ndef never_named():\n    return 1\n"
    name = "crosshash/retrieval/measures/ranking_measures.py"
    (copy / name).write_text((copy / name).read_text() + text)
    assert changed(copy, name, "return 1\n", "return 2\n") == set()


def test_a_script_and_the_scripts_package_are_code(copy: Path) -> None:
    assert changed(copy, "stages/index.py", "def main(", "MORE = 1\n\n\ndef main(") == {"index"}
    assert changed(copy, "stages/__init__.py", "import os", "import os\n\nMORE = 1") == set(STAGES)


def test_a_template_is_code_of_the_report(copy: Path) -> None:
    assert changed(copy, "crosshash/report/page.html", "<", " <") == {"report"}


def test_equal_code_gives_equal_digests_whatever_the_order_of_hashing(copy: Path) -> None:
    assert digests(copy) == digests(copy)
