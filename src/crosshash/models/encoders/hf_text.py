"""Text encoders of transformers: the last layer's outputs, pooled by their mean, first or last token."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from crosshash.config.encoders.hf_folder import REMEDY
from crosshash.errors import CrosshashError
from crosshash.models.encoders.levels import Encoder, Levels, Widths, evenly
from crosshash.models.encoders.torchvision_cure import import_torchvision

Pooling = Literal["mean", "cls", "last"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
Config = dict[str, Any]


class HfTextEncoder(Encoder):
    """int64[B, L] tokens, -1 behind each text's end -> float32[B, D].

    config: `model`, transformers' own config; `pad`, the id of padding; `pooling`; `unit`, whether embeddings
    have length 1.
    """

    inner: Any

    def __init__(self, config: Config) -> None:
        super().__init__()
        transformers = import_transformers()
        described = transformers.AutoConfig.for_model(**config["model"])
        described.use_cache = False
        self.inner = transformers.AutoModel.from_config(described, dtype=torch.float32)
        if getattr(self.inner, "pooler", None) is not None:
            self.inner.pooler = None  # takes no part: parameters without gradient would mislead
        self.dim = int(described.hidden_size)
        self.pad: int = config["pad"]
        self.pooling: Pooling = config["pooling"]
        self.unit: bool = config["unit"]

    @property
    def level_dims(self) -> Widths:
        """Widths of three depths and of the embedding.

        Raises:
            CrosshashError: the network has no four depths to show.
        """
        if self.inner.config.num_hidden_layers < 2:
            raise CrosshashError(
                "params.yaml: model.text: this network has a single layer, so no four depths to show, which "
                "this method looks at. Use another network."
            )
        return self.dim, self.dim, self.dim, self.dim

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed tokens."""
        given, inside = self._run(tokens, every=False)
        return self._embedding(given.last_hidden_state, inside)

    def levels(self, tokens: Tensor) -> Levels:
        """Give what enters three layers, evenly spaced, averaged over the tokens, and the embedding."""
        assert self.level_dims  # noqa: S101 - says what is wrong with fewer layers
        given, inside = self._run(tokens, every=True)
        states = given.hidden_states
        first, second, third = (_mean(states[index], inside) for index in evenly(len(states)))
        return first, second, third, self._embedding(given.last_hidden_state, inside)

    def _run(self, tokens: Tensor, every: bool) -> tuple[Any, Tensor]:
        """Run the network on the tokens, cut to the longest text; gives its outputs and bool[B, L]."""
        inside = tokens >= 0
        longest = int(inside.sum(1).max())
        tokens, inside = tokens[:, :longest], inside[:, :longest]
        ids = tokens.masked_fill(~inside, self.pad)
        return self.inner(input_ids=ids, attention_mask=inside.long(), output_hidden_states=every), inside

    def _embedding(self, states: Tensor, inside: Tensor) -> Tensor:
        if self.pooling == "mean":
            pooled = _mean(states, inside)
        else:
            place = inside.sum(1) - 1 if self.pooling == "last" else torch.zeros_like(inside.sum(1))
            pooled = states[torch.arange(len(states), device=states.device), place]
        return nn.functional.normalize(pooled.float()) if self.unit else pooled


def import_transformers() -> Any:  # noqa: ANN401 - a module
    """Import transformers, late: it is an extra, and takes a second.

    Raises:
        CrosshashError: it is not installed.
    """
    import_torchvision()  # transformers imports it where it is
    try:
        import transformers
    except ImportError as error:
        raise CrosshashError(f"The text encoder needs the package transformers ({error}): {REMEDY}") from None
    return transformers


def _mean(states: Tensor, inside: Tensor) -> Tensor:
    """Average float[B, L, C] over the tokens of each text."""
    weight = inside[:, :, None].float()
    return (states.float() * weight).sum(1) / weight.sum(1)
