"""What a script can reach, in small made-up packages, and in this one."""

from __future__ import annotations

from pathlib import Path

import pytest

import crosshash
from crosshash.config.code_reach import Reached, reach

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(crosshash.__file__).parent
USES = "from crosshash.a import used\n\nused()"
CHOSEN = {"crosshash.methods": "twdh", "crosshash.datasets": "features"}


def reached(folder: Path, script: str, files: dict[str, str], **chosen: str) -> Reached:
    """Follow a script through a package of these files."""
    root = folder / "crosshash"
    for name, text in {"__init__.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "__init__.py").touch()
    (folder / "script.py").write_text(script)
    return reach(folder / "script.py", root, {f"crosshash.{key}": value for key, value in chosen.items()})


def names(folder: Path, script: str, files: dict[str, str], **chosen: str) -> set[str]:
    """Give the reached definitions as `module.name`, the package's own name left out."""
    found = reached(folder, script, files, **chosen).modules
    return {f"{module}.{name}".removeprefix("crosshash.") for module in found for name in found[module]}


def test_a_function_brings_what_it_names_and_not_its_neighbours(tmp_path: Path) -> None:
    code = (
        "LIMIT = 3\n\ndef used():\n    return helper(LIMIT)\n\n"
        "def helper(x):\n    return x\n\ndef other():\n    pass\n"
    )
    found = names(tmp_path, USES, {"a.py": code})
    assert found == {"a.used", "a.helper", "a.LIMIT"}


def test_names_are_followed_from_file_to_file_and_under_other_names(tmp_path: Path) -> None:
    files = {
        "a.py": "from crosshash.b import deep as d\n\ndef used():\n    return d()\n",
        "b.py": "def deep():\n    pass\n\ndef other():\n    pass\n",
    }
    assert names(tmp_path, USES, files) == {"a.used", "a.d", "b.deep"}


@pytest.mark.parametrize(
    "script",
    [
        "from crosshash import a\na.used()",
        "import crosshash.a as short\nshort.used()",
        "import crosshash.a\ncrosshash.a.used()",
        USES,
        "def main():\n    from crosshash.a import used\n    used()",
        "def main():\n    import crosshash.a\n    crosshash.a.used()",
    ],
)
def test_every_way_to_import_a_name(tmp_path: Path, script: str) -> None:
    assert "a.used" in names(tmp_path, script, {"a.py": "def used():\n    pass\n"})


def test_of_a_module_in_the_way_of_a_name_only_that_name_counts(tmp_path: Path) -> None:
    files = {"a.py": "def used():\n    pass\n\ndef other():\n    pass\n"}
    assert names(tmp_path, "from crosshash import a\na.used()", files) == {"a.used"}


def test_a_module_handed_on_as_a_value_counts_as_a_whole(tmp_path: Path) -> None:
    files = {"a.py": "def used():\n    pass\n\ndef other():\n    pass\n"}
    assert names(tmp_path, "from crosshash import a\nprint(a)", files) == {"a.used", "a.other"}


def test_of_a_class_everything_counts_bases_and_decorators_too(tmp_path: Path) -> None:
    code = (
        "def mark(c):\n    return c\n\nclass Base:\n    pass\n\ndef inner():\n    pass\n\n"
        "@mark\nclass Used(Base):\n    def method(self):\n        return inner()\n"
    )
    found = names(tmp_path, "from crosshash.a import Used\n\nUsed()", {"a.py": code})
    assert found == {"a.Used", "a.Base", "a.mark", "a.inner"}


def test_what_runs_on_import_counts_with_what_it_names(tmp_path: Path) -> None:
    """A name bound under a condition cannot be told apart: the whole statement counts."""
    files = {
        "a.py": "import crosshash.b\n\ndef used():\n    pass\n",
        "b.py": "from crosshash.c import register\n\nregister('b')\n\ndef other():\n    pass\n",
        "c.py": "try:\n    import fast\nexcept ImportError:\n    fast = None\n\ndef register(name): ...\n",
    }
    found = reached(tmp_path, USES, files).modules
    assert found["crosshash.c"] == {"register"}
    assert found["crosshash.b"] == {"register"}


def test_a_package_runs_its_init_on_the_way(tmp_path: Path) -> None:
    files = {
        "p/__init__.py": "from crosshash.b import f\n\nf()\n",
        "p/a.py": "X = 1\n",
        "b.py": "def f():\n    pass\n",
    }
    assert {"b.f", "p.a.X"} <= names(tmp_path, "from crosshash.p.a import X\n\nX", files)


def test_of_modules_found_by_name_the_chosen_one_counts(tmp_path: Path) -> None:
    files = {
        "build.py": "def build(name):\n    return importlib.import_module(f'crosshash.methods.{name}')\n",
        "methods/one.py": "X = 1\n",
        "methods/two.py": "X = 2\n",
        "kinds/three.py": "X = 3\n",
    }
    script = "from crosshash.build import build\n\nbuild()"
    assert "methods.one.X" in names(tmp_path, script, files, methods="one")
    assert "methods.two.X" not in names(tmp_path, script, files, methods="one")
    both = names(tmp_path, script, files)
    assert {"methods.one.X", "methods.two.X"} <= both
    assert "kinds.three.X" not in both


def test_imports_for_type_checkers_alone_are_no_code(tmp_path: Path) -> None:
    files = {
        "a.py": "if TYPE_CHECKING:\n    from crosshash.b import T\n\ndef used(x: T):\n    pass\n",
        "b.py": "class T:\n    pass\n",
    }
    assert names(tmp_path, USES, files) == {"a.used"}


def test_a_name_that_a_package_passes_on_is_followed(tmp_path: Path) -> None:
    files = {"p/__init__.py": "from crosshash.p.a import used\n", "p/a.py": "used = 1\nother = 2\n"}
    found = names(tmp_path, "from crosshash.p import used\n\nused", files)
    assert found == {"p.used", "p.a.used"}


def test_circles_and_names_that_are_not_there_end(tmp_path: Path) -> None:
    files = {
        "a.py": "from crosshash.b import g\n\ndef f():\n    g()\n    missing()\n",
        "b.py": "from crosshash.a import f\n\ndef g():\n    f()\n",
    }
    found = names(tmp_path, "from crosshash.a import f\n\nf()", files)
    assert found == {"a.f", "a.g", "b.f", "b.g"}


def test_templates_beside_a_reached_module_are_its_code(tmp_path: Path) -> None:
    files = {"p/a.py": "X = 1\n", "p/page.html": "<p>", "p/notes.txt": "", "q/b.css": ""}
    found = reached(tmp_path, "from crosshash.p.a import X\n\nX", files)
    assert [path.name for path in found.data] == ["page.html"]


# This package


def test_networks_belong_to_those_who_run_them() -> None:
    for stage in ("download", "convert", "centers", "evaluate", "index", "report"):
        found = reach(ROOT / "stages" / f"{stage}.py", PACKAGE, CHOSEN).modules
        assert not [name for name in found if ".models." in name or ".methods." in name], stage
    for stage in ("train", "infer", "encode"):
        found = reach(ROOT / "stages" / f"{stage}.py", PACKAGE, CHOSEN).modules
        assert {"crosshash.models.heads", "crosshash.models.encoders.clip"} <= set(found)
        assert [name for name in found if name.startswith("crosshash.methods.")] == ["crosshash.methods.twdh"]


def test_settings_concern_the_plan_alone() -> None:
    """The others reach their own plan, not params.yaml's values, defaults or rules."""
    rules = ("params", "resolve", "presets", "methods", "datasets")
    for script in (ROOT / "stages").glob("[!_]*.py"):
        found = reach(script, PACKAGE, CHOSEN).modules
        rest = [name for name in found for rule in rules if name.startswith(f"crosshash.config.{rule}")]
        assert script.stem == "plan" or rest == []


def test_the_chosen_data_set_alone_is_read() -> None:
    found = reach(ROOT / "stages" / "convert.py", PACKAGE, CHOSEN).modules
    modules = {name for name in found if name.startswith("crosshash.datasets.") and "readers" not in name}
    assert modules == {"crosshash.datasets.features"}


def test_a_measure_that_no_training_asks_for_is_no_code_of_it() -> None:
    found = reach(ROOT / "stages" / "train.py", PACKAGE, CHOSEN).modules
    assert "PrecisionAtK" not in str(found.get("crosshash.retrieval.measures.ranking_measures", ""))
    assert not [name for name in found if name.startswith("crosshash.retrieval.scoring")]
