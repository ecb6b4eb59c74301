"""A trained network as an ONNX graph: from what its reader gives to soft codes, of any number of items."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.inference.model_folder import Model
from crosshash.models.encoders.hf_text import HfTextEncoder
from crosshash.models.weights.weight_files import first_line
from crosshash.retrieval.codefiles.codeset import Modality

OPSET = 20
"""Of ONNX's operators; onnxruntime knows it since 1.17."""
INPUT, OUTPUT = "raw", "code"


class CodeGraph(nn.Module):
    """Raw inputs -> soft codes float32[B, train_bits]; frozen networks round to float16, as embed does."""

    def __init__(self, model: Model, modality: Modality) -> None:
        super().__init__()
        frozen = model.frozen.get(modality)
        self.modality = modality
        self.frozen = None if frozen is None else copy.deepcopy(frozen.tower.network)
        self.method = copy.deepcopy(model.method)
        for name, part in [*self.named_modules()]:
            if isinstance(part, HfTextEncoder):
                above, _, own = name.rpartition(".")
                setattr(self.get_submodule(above), own, AnyLength(part))
            if isinstance(part, nn.BatchNorm1d) and part.weight is None:  # the exporter asks for both
                part.weight = nn.Parameter(torch.ones(part.num_features))
                part.bias = nn.Parameter(torch.zeros(part.num_features))
        self.eval()  # the whole of it: the exporter sets modes by the outermost module

    def forward(self, raw: Tensor) -> Tensor:
        """Give soft codes."""
        if self.frozen is not None:
            raw = self.frozen(raw).float().half().float()
        encode = self.method.encode_text if self.modality == "text" else self.method.encode_image
        return encode(raw).float()


class AnyLength(nn.Module):
    """A text network of transformers on int64[B, L] tokens that are cut to the longest already."""

    def __init__(self, network: HfTextEncoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed tokens, -1 behind each text's end."""
        inside = tokens >= 0
        ids = tokens.masked_fill(~inside, self.network.pad)
        given = self.network.inner(input_ids=ids, attention_mask=inside.long())
        embedding: Tensor = self.network._embedding(given.last_hidden_state, inside)
        return embedding


def _of_any_length(network: nn.Module) -> nn.Module:
    return AnyLength(network) if isinstance(network, HfTextEncoder) else network


def write_graph(model: Model, modality: Modality, example: Tensor, path: Path) -> None:
    """Write the network of a modality as one file, with its weights.

    example: a batch of two inputs, of which the first axis, and the second of texts, may have any length.

    Raises:
        CrosshashError: ONNX has no operator for a part of the network.
    """
    axes: dict[int, str] = {0: "items"}
    if example.dtype == torch.int64 and (example < 0).any():
        axes[1] = "places"
    graph: Any = CodeGraph(model, modality)
    try:
        with warnings.catch_warnings(), torch.no_grad(), _written_out():
            warnings.simplefilter("ignore")  # of the exporter's own ways
            torch.onnx.export(
                graph,
                (example,),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: axes, OUTPUT: {0: "items"}},
                opset_version=OPSET,
                dynamo=False,
                external_data=False,  # a second file may be no link, which DVC's cache makes
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        spec = model.card.text if modality == "text" else model.card.image
        raise CrosshashError(
            f"{path.name}: the network '{spec.name}' cannot be written as ONNX ({first_line(error)}). Use "
            "another one for a bundle."
        ) from None


@contextmanager
def _written_out() -> Iterator[None]:
    """Have torch write attention out; its short cut is one operator, which ONNX lacks."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
