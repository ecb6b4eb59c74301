"""Networks whose weights come from a file: nothing is drawn for them first, two seconds for a ViT-B-32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

DRAWING = {
    *(torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.erfinv_),
    *(nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_),
}
"""What fills weights with random values; erfinv_ makes a truncated normal distribution of uniform ones."""


class UnsetWeights(TorchFunctionMode):
    """Within it, in this thread, new weights keep whatever stands in memory."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - of any function of torch
        """Hand back what would be filled; call all else."""
        if func in DRAWING:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))
