"""HQ, deep binary hashing and quantisation: one real vector serves a hash code and a quantised one.

Source: Deep Binary Hashing and Quantization, BMVC 2021, arXiv 2202.10232.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from crosshash.codes.quantiser import Codebook, fit_codebook, start_codebook
from crosshash.errors import CrosshashError
from crosshash.models.likelihood import pair_likelihood
from crosshash.models.similarity import similar
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingInputs, TrainingPairs


class Hq(nn.Module):
    """Two networks, a linear layer each, and a codebook that both modalities share."""

    phases: Sequence[str] = ("all",)
    training_only: Sequence[str] = ("words_",)
    codebook: Tensor

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        weights: tuple[float, float, float, float],
        pairs: Literal["aligned", "all"],
        dictionaries: int,
        words: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if train_bits % dictionaries:
            raise CrosshashError(
                f"params.yaml: hq.dictionaries: {dictionaries} does not divide bits: {train_bits}; "
                "choose a divisor."
            )
        self.train_bits = train_bits
        self.weights = weights
        self.pairs = pairs
        self.image = image.network
        self.text = text.network
        self.image_head = nn.Linear(image.dim, train_bits)
        self.text_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(text.dim, train_bits))
        self.register_buffer("codebook", torch.zeros(dictionaries, words, train_bits))

    def make_buffers(self, count: int) -> None:
        """Make room for the word numbers of all training items; -1: there is no codebook yet."""
        for modality in ("image", "text"):
            words = torch.full((count, len(self.codebook)), -1, dtype=torch.int64)
            self.register_buffer(f"words_{modality}", words)

    def parameter_groups(self, phase: str) -> list[ParameterGroup]:
        """Give the encoders' parameters as `backbone`, the linear layers' as `head`."""
        return [
            ParameterGroup("image", "backbone", list(self.image.parameters())),
            ParameterGroup("image", "head", list(self.image_head.parameters())),
            ParameterGroup("text", "backbone", list(self.text.parameters())),
            ParameterGroup("text", "head", list(self.text_head.parameters())),
        ]

    def start_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """Nothing to prepare: the codebook is made after the first epoch."""

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """Weighted sum of similarity, hash, balance and, once there is a codebook, quantisation."""
        image = self.encode_image(batch.image)
        text = self.encode_text(batch.text)
        with torch.autocast(image.device.type, enabled=False):
            parts = {
                "similarity": self._similarity(image, text, batch.labels),
                "hash": mse_loss(_signs(image), image) + mse_loss(_signs(text), text),
                "balance": (image + text).sum(0).norm(),
                "quantisation": self._quantisation(image, text, batch.index),
            }
        total = torch.stack(
            [weight * part for weight, part in zip(self.weights, parts.values(), strict=True)]
        )
        return StepLoss(total.sum(), {name: part.detach() for name, part in parts.items()})

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """One sweep of ICM over the training items' vectors, then new words; k-means the first time."""
        vectors = self._vectors(pairs)
        both = np.concatenate(list(vectors.values()))
        numbers = np.concatenate([self._words(modality).cpu().numpy() for modality in vectors])
        count, size, _ = self.codebook.shape
        if (numbers < 0).any():
            book = start_codebook(both, count, size, epoch)
            numbers = book.encode(both, sweeps=0)
        else:
            book = Codebook(self.codebook.cpu().numpy())
        numbers = book.sweep(both, numbers)
        book = fit_codebook(both, numbers, size)
        self.codebook.copy_(torch.from_numpy(book.dictionaries))
        for modality, rows in zip(vectors, np.split(numbers, 2), strict=True):
            self._words(modality).copy_(torch.from_numpy(rows))

    def encode_image(self, image: Tensor) -> Tensor:
        """Real vectors float[B, bits] of images, whose signs are the hash code."""
        vector: Tensor = self.image_head(self.image(image)).float()
        return vector

    def encode_text(self, text: Tensor) -> Tensor:
        """Real vectors of texts."""
        vector: Tensor = self.text_head(self.text(text)).float()
        return vector

    def _similarity(self, image: Tensor, text: Tensor, labels: Tensor) -> Tensor:
        """L_sim = mean [softplus(x) - s x], x = f . g: over items and shuffled texts, or over all pairs."""
        if self.pairs == "all":
            return pair_likelihood(image, text, similar(labels, labels), alpha=1.0)
        order = torch.randperm(len(image)).to(image.device)
        shared = ((labels * labels[order]).sum(1) > 0).float()
        products = (image * text[order]).sum(1)
        return (softplus(products) - shared * products).mean()

    def _quantisation(self, image: Tensor, text: Tensor, index: Tensor) -> Tensor:
        """L_q = sum_i ||f_i - b_i Cb||^2, the same for texts; zero until there is a codebook."""
        if not self.codebook.any():
            return image.new_zeros(())
        terms = [
            (vectors - self._decoded(self._words(modality)[index])).square().sum()
            for modality, vectors in (("image", image), ("text", text))
        ]
        return terms[0] + terms[1]

    def _decoded(self, words: Tensor) -> Tensor:
        parts = [dictionary[words[:, m]] for m, dictionary in enumerate(self.codebook)]
        return torch.stack(parts).sum(0)

    def _words(self, modality: str) -> Tensor:
        return self.get_buffer(f"words_{modality}")

    def _vectors(self, pairs: TrainingPairs) -> dict[str, np.ndarray]:
        """Encode the training set as it would be encoded later: float32[N, d] of each modality, by row."""
        learning = self.training
        self.eval()
        count = len(self._words("image"))
        vectors = {name: np.zeros((count, self.train_bits), np.float32) for name in ("image", "text")}
        with torch.no_grad():
            for batch in pairs():
                rows = batch.index.cpu().numpy()
                vectors["image"][rows] = self.encode_image(batch.image).cpu().numpy()
                vectors["text"][rows] = self.encode_text(batch.text).cpu().numpy()
        self.train(learning)
        return vectors


def _signs(vectors: Tensor) -> Tensor:
    """The hash code as constants +-1, zero as +1."""
    return torch.where(vectors.detach() >= 0, 1.0, -1.0)


def build(
    image: Tower,
    text: Tower,
    train_bits: int,
    inputs: TrainingInputs | None,
    similarity_weight: float,
    hash_weight: float,
    balance_weight: float,
    quan_weight: float,
    pairs: Literal["aligned", "all"],
    dictionaries: int,
    words: int,
    dropout: float,
) -> Hq:
    """Make the method, for training with buffers for the word numbers of all training items.

    Raises:
        CrosshashError: the number of dictionaries does not divide the code's length.
    """
    weights = (similarity_weight, hash_weight, balance_weight, quan_weight)
    method = Hq(image, text, train_bits, weights, pairs, dictionaries, words, dropout)
    if inputs is not None:
        method.make_buffers(len(inputs.labels))
    return method
