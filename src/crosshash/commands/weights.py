"""`crosshash weights`: published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crosshash.commands.options import told


def convert(
    source: Annotated[
        Path, typer.Argument(help="OpenAI's own .pt archive; it is trusted to be what it says.")
    ],
    target: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
) -> None:
    """Turn OpenAI's TorchScript archive into a safetensors file for model.pretrained."""
    with told():
        from crosshash.models.weights.clip_weights import convert_openai

        count = convert_openai(source, target)
    print(f"{target}: {count} tensors. Use it with: model.pretrained={target.resolve()}")
