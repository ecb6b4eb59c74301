"""Methods that are solved, not trained: frozen features, a linear projection, a rotation, the sign.

Shapes: B items of a batch, N pairs of a sample, D numbers of an image's or text's features, P projected
dimensions, K bits.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosshash.codes.real_codes import to_half
from crosshash.codes.vector_code import GROUP, KINDS, WORDS, VectorCode, fit_words, stored_bits
from crosshash.errors import CrosshashError
from crosshash.models.frozen import Frozen, feature_width
from crosshash.models.method import Method
from crosshash.models.towers import Tower
from crosshash.projections.covariance import Covariance, Matrix
from crosshash.projections.rotation import itq, random_rotation
from crosshash.protocols import PairBatch, TrainingInputs

Quantiser = Literal["sign", "rotation", "itq", "none", "pq", "rabitq"]
Features = Mapping[str, NDArray[np.float32]]
"""By name: `image` and `text` float32[N, D], `labels` float32[N, C], rows of length 1."""
Known = Mapping[tuple[str, str], Matrix]
"""Covariances of two of them, by their names."""

SAMPLE = 10_000
"""Pairs whose features are kept: rotations are fitted to them, and validation queries search them."""
ROWS = 1_024
"""Pairs added to the covariances at once: small batches would wait for memory."""
PLAIN = ("sign", "none")
"""Quantisers of the projections as they are: no rotation changes an inner product of floats."""
CONSTANT = 1e-10
"""Share of a column's mean square below which its variance is what rounding left."""


@dataclass(frozen=True)
class Seen:
    """What one pass over the training set leaves: sums over all pairs, features of the first ones."""

    sums: Mapping[tuple[str, str], Covariance]
    sample: Features


class ClosedFormMethod(Method):
    """A method whose code is sign((x - mean) W R): W is solved from covariances, the rotation R fitted to W.

    Some quantisers store vectors instead of signs, see `VectorCode`.

    needs: whose covariances; what_limits: what has only so many dimensions, in words; spreads: whether a
    rotation may deliver more bits than there are dimensions; own_units: columns of vectors are brought to one
    deviation first; penalties: those tried under `auto`.
    """

    needs: ClassVar[Sequence[tuple[str, str]]]
    what_limits: ClassVar[str]
    spreads: ClassVar[bool] = False
    own_units: ClassVar[bool] = True
    penalties: ClassVar[Sequence[float]] = (0.0,)

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        inputs: TrainingInputs | None,
        quantiser: Quantiser,
        penalty: Literal["auto"] | float,
    ) -> None:
        super().__init__(train_bits)
        self.image, self.text = Frozen(image.network), Frozen(text.network)
        self.quantiser = quantiser
        self.tried = self.penalties if penalty == "auto" else (float(penalty),)
        for name, tower in (("image", image), ("text", text)):
            width = feature_width(tower.network, tower.dim)
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_weight", torch.zeros(width, train_bits))
        if quantiser == "pq":
            self.register_buffer("words", torch.zeros(train_bits // GROUP, WORDS, GROUP))

    @abstractmethod
    def projections(self, known: Known, penalty: float) -> tuple[Matrix, Matrix]:
        """Solve for W of images and of texts, float64[D, P], P at most as many as there is use for."""

    def encode_image(self, image: Tensor) -> Tensor:
        """Soft codes of images."""
        return self._code("image", self.image(image))

    def encode_text(self, text: Tensor) -> Tensor:
        """Soft codes of texts."""
        return self._code("text", self.text(text))

    def vector_code(self) -> VectorCode | None:
        """How items are stored by none, pq and rabitq."""
        kind = next((one for one in KINDS if one == self.quantiser), None)
        if kind is None:
            return None
        words: Tensor | None = getattr(self, "words", None)
        return VectorCode(kind, self.train_bits, None if words is None else words.cpu().numpy())

    def fit_vector_code(self, sample: Features, seed: int) -> None:
        """Fit what `pq` stores words of to what the sample is projected to; nothing for other quantisers.

        Raises:
            CrosshashError: the sample is too small.
        """
        if self.quantiser == "pq":
            values = [to_half(self.code_of(name, sample[name])) for name in ("image", "text")]
            self._keep("words", fit_words(np.concatenate(values), seed).astype(np.float64))

    def features(self, batch: PairBatch) -> Features:
        """Give what a batch is projected from, and its labels."""
        labels = torch.nn.functional.normalize(batch.labels.float())
        found = {"image": self.image(batch.image), "text": self.text(batch.text), "labels": labels}
        return {name: values.float().cpu().numpy() for name, values in found.items()}

    def code_of(self, name: str, features_ND: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give soft codes float32[N, K] of features of `image` or `text`."""
        mean: Tensor = getattr(self, f"{name}_mean")
        return self._code(name, torch.from_numpy(features_ND).to(mean.device)).cpu().numpy()

    def look_at(self, batches: Iterable[PairBatch]) -> Seen:
        """Pass over the training pairs once.

        Raises:
            CrosshashError: features that are no numbers.
        """
        sums = {names: Covariance() for names in self.needs}
        sample: list[Features] = []
        for rows in _gathered(self.features(batch) for batch in batches):
            for (first, second), covariance in sums.items():
                covariance.add(rows[first], rows[second])
            if sum(len(one["image"]) for one in sample) < SAMPLE:
                sample.append(rows)
        if not all(np.isfinite(covariance.matrix()).all() for covariance in sums.values()):
            raise CrosshashError(
                "the networks turn some training pairs into values that are no numbers. Look at model.image, "
                "model.text and model.pretrained, or at the vectors."
            )
        return Seen(sums, joined(sample))

    def solve(self, seen: Seen, penalty: float, generator: np.random.Generator) -> float:
        """Take the projections of a penalty and their rotation for its own; gives what the sign costs.

        That is |sign(v) - v|^2 over |v|^2, v the values before the sign brought to a mean square of 1.

        Raises:
            CrosshashError: more bits than there are dimensions, or features without any.
        """
        scales = {name: self._scale(seen, name) for name in ("image", "text")}
        known = {
            (one, other): _scaled(_scaled(covariance.matrix(), scales.get(one)).T, scales.get(other)).T
            for (one, other), covariance in seen.sums.items()
        }
        solved = dict(zip(("image", "text"), self.projections(known, penalty), strict=True))
        means = {name: seen.sums[name, name].means[0] for name in solved}
        weights = {name: scales[name][:, None] * solved[name] for name in solved}
        values = np.concatenate([(seen.sample[name] - means[name]) @ weights[name] for name in solved])
        rotation = self._rotation(values, generator)
        for name in solved:
            self._keep(f"{name}_mean", means[name])
            self._keep(f"{name}_weight", weights[name] @ rotation)
        return _cost_of_the_sign(values @ rotation)

    def _scale(self, seen: Seen, name: str) -> NDArray[np.float64]:
        """One over the deviation of each column of vectors, which may be of any unit; else ones."""
        covariance = seen.sums[name, name]
        variance = np.diagonal(covariance.matrix())
        encoder: Frozen = getattr(self, name)
        if not (self.own_units and encoder.any_unit):
            return np.ones_like(variance)
        constant = variance <= CONSTANT * (variance + covariance.means[0] ** 2)
        return np.where(constant, 0.0, 1 / np.sqrt(np.where(constant, 1.0, variance)))

    def _rotation(self, values_NP: NDArray[np.float64], generator: np.random.Generator) -> Matrix:
        """Make R, float64[P, K]."""
        dims, bits = values_NP.shape[1], self.train_bits
        turned = self.spreads and self.quantiser not in PLAIN
        if not dims or (dims < bits and not turned):
            spread = " Quantisers that turn (rotation, itq, pq, rabitq) give more." * self.spreads
            code = self.vector_code()
            wanted = f"{bits}" if code is None or code.bits == bits else f"{code.bits} ({bits} dimensions)"
            most = dims if code is None or not dims else stored_bits(code.kind, dims)
            raise CrosshashError(
                f"params.yaml: bits: {wanted}, but {self.what_limits} of these training pairs has only "
                f"{dims} dimensions: bits can be {most} at most.{spread if dims else ''}"
            )
        if self.quantiser in PLAIN:
            return np.eye(dims)
        start = random_rotation(dims, bits, generator)
        return start if self.quantiser == "rotation" else itq(values_NP, start)

    def _keep(self, name: str, values: Matrix) -> None:
        """Fill a buffer."""
        buffer: Tensor = getattr(self, name)
        buffer.copy_(torch.from_numpy(values))

    def _code(self, name: str, features_BD: Tensor) -> Tensor:
        """(x - mean) W R in float32, whatever the precision of the networks."""
        mean, weight = getattr(self, f"{name}_mean"), getattr(self, f"{name}_weight")
        with torch.autocast(features_BD.device.type, enabled=False):
            code: Tensor = (features_BD.float() - mean) @ weight
        return code


def joined(parts: Sequence[Features]) -> Features:
    """Put rows of the same features together."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _gathered(batches: Iterable[Features]) -> Iterator[Features]:
    """Join small batches until there are ROWS of them."""
    waiting: list[Features] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(one["image"]) for one in waiting) >= ROWS:
            yield joined(waiting)
            waiting.clear()
    if waiting:
        yield joined(waiting)


def _scaled(matrix_PQ: Matrix, scale_P: NDArray[np.float64] | None) -> Matrix:
    """Multiply each row by its own scale, if there are any."""
    return matrix_PQ if scale_P is None else scale_P[:, None] * matrix_PQ


def _cost_of_the_sign(values_NK: NDArray[np.float64]) -> float:
    """|sign(v) - v|^2 over the number of entries, v of mean square 1."""
    size = float(np.sqrt(np.square(values_NK).mean()))
    return float(np.square(np.where(values_NK >= 0, 1.0, -1.0) - values_NK / size).mean())
