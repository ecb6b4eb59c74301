"""Import torchvision where its wheel was built for another torch than the one installed.

The registry's torchvision is the CUDA build; beside a CPU-only torch its import stops with "operator
torchvision::nms does not exist". Declaring the two operators' schemas is enough for everything but calling
them, which this project never does.
"""

from __future__ import annotations

import importlib
import sys

import torch

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # a library that is collected takes its schemas with it


def import_torchvision() -> None:
    """Import torchvision, declaring its missing operators only if the import fails for the want of them."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            library.define(name + SIGNATURE)  # type: ignore[no-untyped-call]
        _declared.append(library)
        for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        importlib.import_module("torchvision")
