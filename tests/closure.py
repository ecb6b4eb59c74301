"""Which files of src/crosshash a stage's script imports, found by reading the code, not by running it.

`python -m tests.closure` prints the code deps that each stage of dvc.yaml should list.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
TEMPLATED = {"methods": "${method}", "datasets": "${dataset}"}
DATA = {".html", ".css", ".csv"}  # package data beside a module: templates, tables
WHOLE = {Path("crosshash/config/methods"), Path("crosshash/config/datasets")}
# Its one import is lazy and serves users of the package, no stage.
NOT_FOLLOWED = {Path("crosshash/__init__.py")}


def code_deps(stage: str) -> set[str]:
    """Files, relative to the repository, that decide what a stage does; chosen modules as templates."""
    script = ROOT / "stages" / f"{stage}.py"
    found: set[Path] = set()
    templates: set[str] = set()
    waiting = _imports(script)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting |= _imports(SOURCE / path) - found
    deps = {f"stages/{stage}.py", "stages/__init__.py"}
    for path in found:
        if (
            path.parent in WHOLE
        ):  # every file of the folder, also the next one, is read: the folder is the dep
            deps.add(f"src/{path.parent}")
            continue
        folder = path.parts[1] if len(path.parts) == 3 else ""
        if folder in TEMPLATED and path.stem != "__init__":
            templates.add(f"src/crosshash/{folder}/{TEMPLATED[folder]}.py")
        elif (SOURCE / path).stat().st_size:
            deps.add(f"src/{path}")
        deps |= {
            f"src/{data.relative_to(SOURCE)}"
            for data in (SOURCE / path).parent.glob("*.*")
            if data.suffix in DATA
        }
    return deps | templates


def _imports(script: Path) -> set[Path]:
    """Modules of crosshash that a file imports, also inside functions, not those for type checkers only."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    found: set[Path] = set()
    for node in _running_nodes(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.JoinedStr):
            found |= _package_members(node)
            continue
        else:
            continue
        for name in names:
            found |= _files(name)
    return found - NOT_FOLLOWED


def _running_nodes(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    nodes: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        nodes += [node, *_running_nodes(node)]
    return nodes


def _package_members(node: ast.JoinedStr) -> set[Path]:
    """For the text f"crosshash.methods.{name}" of a chosen module: every module of that package."""
    start = node.values[0]
    if not (isinstance(start, ast.Constant) and str(start.value).startswith("crosshash.")):
        return set()
    folder = SOURCE / str(start.value).strip(".").replace(".", "/")
    if not folder.is_dir():
        return set()
    return {path.relative_to(SOURCE) for path in folder.glob("*.py")}


def _files(name: str) -> set[Path]:
    """The module's file and the packages above it."""
    if name.partition(".")[0] != "crosshash":
        return set()
    parts = name.split(".")
    files = {Path(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)}
    files.add(Path(*parts).with_suffix(".py"))
    return {path for path in files if (SOURCE / path).is_file()}


if __name__ == "__main__":
    for name in sorted(path.stem for path in (ROOT / "stages").glob("[!_]*.py")):
        print(f"{name}:")
        for dep in sorted(code_deps(name)):
            print(f"      - {dep}")
