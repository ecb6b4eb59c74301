from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from crosshash.models.encoders.torchvision_cure import import_torchvision

# Packages of that name: one without trouble, one that fails for another reason, and one that fails half-way,
# after a part of it was imported, for the want of its operators, as the real one does.
FINE = "trouble = False\n"
OTHER = "raise RuntimeError('the disk is on fire')\n"
LACKING = """
import torch
import torchvision.part
for name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, name):
        raise RuntimeError("operator torchvision::nms does not exist")
"""
SCRIPT = """
import sys, torch
from crosshash.models.encoders.torchvision_cure import import_torchvision
for folder in sys.argv[1:]:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    sys.path.insert(0, folder)
    try:
        import_torchvision()
    except RuntimeError as error:
        found = str(error)
    else:
        found = "imported"
    print(found, hasattr(torch.ops.torchvision, "nms"))
"""


def test_torchvision_can_be_imported_here() -> None:
    import_torchvision()
    assert "torchvision" in sys.modules
    import_torchvision()  # a second time there is nothing to cure


def test_operators_are_declared_for_the_one_error_that_they_cure(tmp_path: Path) -> None:
    folders = []
    for name, code in (("fine", FINE), ("other", OTHER), ("lacking", LACKING)):
        package = tmp_path / name / "torchvision"
        package.mkdir(parents=True)
        (package / "part.py").touch()
        (package / "__init__.py").write_text(code)
        folders.append(str(package.parent))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *folders], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["imported False", "the disk is on fire False", "imported True"]
