"""Puts the files of a project (dvc.yaml, stages, flows ...) into the wheel, for `crosshash init`.

All else stands in pyproject.toml. They stay where they are in the repository, which is such a project itself.
"""

import ast
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
LAYOUT = ROOT / "src/crosshash/newproject/layout.py"


def names() -> tuple[str, ...]:
    """Read the list of files where it stands, without importing what is being built."""
    tree = ast.parse(LAYOUT.read_text(encoding="utf-8"))
    value = next(
        one.value for one in tree.body if isinstance(one, ast.Assign) and one.targets[0].id == "NAMES"
    )
    return tuple(ast.literal_eval(part) for star in value.elts for part in star.value.elts)


class WithProject(build_py):
    """Copies them beside the package's modules; an editable installation finds them in the repository."""

    def run(self) -> None:
        """Build as usual, then copy."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "crosshash/project"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in names():
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(ROOT / name, target / name)


setup(cmdclass={"build_py": WithProject})
