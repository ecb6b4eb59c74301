"""The pipeline's stages, one thin script each, run by DVC as `python -m stages.<name>`.

This copy's `src` goes first on the path: inside a temporary experiment the copy's code runs, not the
code of the checkout that was installed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
