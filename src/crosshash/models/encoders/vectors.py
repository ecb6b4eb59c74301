"""Encoders for vectors and bags of words: networks for what is not pixels or tokens."""

from __future__ import annotations

from torch import Tensor, nn

from crosshash.errors import CrosshashError
from crosshash.models.encoders.levels import Encoder, Levels, Widths


class VectorEncoder(Encoder):
    """float[B, D] -> float[B, hidden]: hidden layers with ReLU over vectors or word counts.

    scaled: bring every column to the mean and deviation of the training set first (constant columns become
    zero). Right for vectors of any unit; wrong for words, of which the rare ones would drown the others.
    layers: how many; four and more can be looked at in four depths.
    """

    def __init__(self, dim: int, hidden: int, *, scaled: bool, layers: int = 1) -> None:
        super().__init__()
        self.inputs, self.scaled = dim, scaled
        self.scale = nn.BatchNorm1d(dim, affine=False) if scaled else nn.Identity()
        self.hidden = nn.Linear(dim, hidden)
        self.deeper = nn.ModuleList(_layer(hidden) for _ in range(layers - 1))

    @property
    def level_dims(self) -> Widths:
        """Widths of the four levels.

        Raises:
            CrosshashError: fewer than four layers.
        """
        if len(self.deeper) < 3:
            raise CrosshashError(
                f"params.yaml: model.layers: {1 + len(self.deeper)}, but this method looks at four depths of "
                "the network. Set model.layers to 4."
            )
        width = self.hidden.out_features
        return width, width, width, width

    def forward(self, vectors: Tensor) -> Tensor:
        """Embed vectors."""
        return self._layers(vectors)[-1]

    def levels(self, vectors: Tensor) -> Levels:
        """Give the outputs of four layers, evenly spaced, the last one last."""
        assert self.level_dims  # noqa: S101 - says what is wrong with fewer layers
        outputs = self._layers(vectors)
        first, second, third, last = (outputs[(step * len(outputs)) // 4 - 1] for step in (1, 2, 3, 4))
        return first, second, third, last

    def _layers(self, vectors: Tensor) -> list[Tensor]:
        outputs = [nn.functional.relu(self.hidden(self.scale(vectors.float())))]
        for layer in self.deeper:
            outputs.append(nn.functional.relu(layer(outputs[-1])))
        return outputs


def _layer(width: int) -> nn.Linear:
    """Make a layer whose ReLU keeps the size of its input; torch's usual weights would let it fade."""
    layer = nn.Linear(width, width)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer
