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

from crosshash.codes.quantiser import Codebook, fit_codebook, revived, start_codebook
from crosshash.errors import CrosshashError
from crosshash.losses.likelihood import pair_likelihood
from crosshash.losses.similarity import similar
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, ParameterGroup, StepLoss, TrainingInputs, TrainingPairs

MODALITIES = ("image", "text")
KNOWN = 1024  # training vectors whose words the model keeps, half of them images


class Hq(nn.Module):
    """Two networks, a linear layer each, and a codebook that both modalities share.

    codebook: float[M, W, bits], zeros until the first epoch is over; known: int16[KNOWN, M], words of some
    training vectors; words_image, words_text: int16[N, M], those of all training items, -1 until then.
    """

    phases: Sequence[str] = ("all",)
    training_only: Sequence[str] = ("words_",)
    codebook: Tensor
    known: Tensor
    words_image: Tensor
    words_text: Tensor

    def __init__(
        self,
        image: Tower,
        text: Tower,
        train_bits: int,
        weights: tuple[float, float, float, float],
        pairs: Literal["aligned", "all"],
        alpha: float,
        codebook: tuple[int, int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.train_bits = train_bits
        self.weights = weights
        self.pairs = pairs
        self.alpha = alpha * train_bits / 32
        self.image = image.network
        self.text = text.network
        self.image_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(image.dim, train_bits))
        self.text_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(text.dim, train_bits))
        self.register_buffer("codebook", torch.zeros(*codebook, train_bits))
        self.register_buffer("known", torch.zeros(KNOWN, codebook[0], dtype=torch.int16))

    def make_buffers(self, count: int) -> None:
        """Make room for the words of all training items."""
        for modality in MODALITIES:
            words = torch.full((count, len(self.codebook)), -1, dtype=torch.int16)
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
                "hash": hash_loss(image) + hash_loss(text),
                "balance": balance_loss(image, text),
                "quantisation": self._quantisation(image, text, batch.index),
            }
            total = sum(weight * part for weight, part in zip(self.weights, parts.values(), strict=True))
        assert isinstance(total, Tensor)  # noqa: S101 - tells mypy that there are parts
        return StepLoss(total, {name: part.detach() for name, part in parts.items()})

    def end_epoch(self, epoch: int, pairs: TrainingPairs) -> None:
        """One sweep of ICM over the training items' vectors, then new words; k-means the first time.

        Raises:
            CrosshashError: the vectors are no longer numbers.
        """
        vectors = self._vectors(pairs)
        if not np.isfinite(vectors).all():
            raise CrosshashError(
                f"HQ's vectors are no longer numbers after epoch {epoch}, so that they cannot be quantised. "
                "Lower train.lr_head and train.lr_backbone; the state after the epoch before is kept."
            )
        words = torch.cat([self.words_image, self.words_text]).cpu().numpy().astype(np.int64)
        count, size, _ = self.codebook.shape
        if (words < 0).any():
            # Torch's generator was seeded by the epoch's named stream, and goes on from there.
            book = start_codebook(vectors, count, size, seed=int(torch.randint(2**62, ())))
            words[:] = 0  # any: the dictionaries' blocks have nothing to do with one another yet
        else:
            book = Codebook(self.codebook.cpu().numpy())
        words = book.sweep(vectors, words)
        book = revived(fit_codebook(vectors, words, size), vectors, words)
        self.codebook.copy_(torch.from_numpy(book.dictionaries))
        rows = np.linspace(0, len(words) - 1, KNOWN).astype(np.int64)
        self.known.copy_(torch.from_numpy(words[rows]))
        for buffer, rows in zip((self.words_image, self.words_text), np.split(words, 2), strict=True):
            buffer.copy_(torch.from_numpy(rows))

    def dictionaries(self) -> Tensor:
        """Words of the codebook: float[M, W, bits]."""
        return self.codebook

    def known_words(self) -> Tensor:
        """Words of some training images and texts: int16[KNOWN, M]."""
        return self.known

    def encode_image(self, image: Tensor) -> Tensor:
        """Real vectors float[B, bits] of images, whose signs are the hash code."""
        vector: Tensor = self.image_head(self.image(image)).float()
        return vector

    def encode_text(self, text: Tensor) -> Tensor:
        """Real vectors of texts."""
        vector: Tensor = self.text_head(self.text(text)).float()
        return vector

    def _similarity(self, image: Tensor, text: Tensor, labels: Tensor) -> Tensor:
        if self.pairs == "all":
            return pair_likelihood(image, text, similar(labels, labels), self.alpha)
        order = torch.randperm(len(image)).to(image.device)
        return aligned_likelihood(image, text[order], labels, labels[order], self.alpha)

    def _quantisation(self, image: Tensor, text: Tensor, index: Tensor) -> Tensor:
        if not self.codebook.any():
            return image.new_zeros(())
        terms = [
            quantisation_loss(vectors, self.codebook, words[index].long())
            for vectors, words in ((image, self.words_image), (text, self.words_text))
        ]
        return terms[0] + terms[1]

    def _vectors(self, pairs: TrainingPairs) -> np.ndarray:
        """Encode the training set as it would be encoded later: float32[2N, d], images, then texts."""
        learning = self.training
        self.eval()
        count = len(self.words_image)
        vectors = np.zeros((2 * count, self.train_bits), np.float32)
        with torch.no_grad():
            for batch in pairs():
                rows = batch.index.cpu().numpy()
                vectors[rows] = self.encode_image(batch.image).cpu().numpy()
                vectors[count + rows] = self.encode_text(batch.text).cpu().numpy()
        self.train(learning)
        return vectors


def aligned_likelihood(
    image: Tensor, text: Tensor, labels: Tensor, text_labels: Tensor, alpha: float
) -> Tensor:
    """L_sim: mean over i of softplus(x_i) - s_i x_i, x_i = f_i . g_i / alpha.

    image, text: float[B, d], row by row of any two items; labels, text_labels: float[B, C] of 0 and 1;
    s_i = 1 where the two of a row share a label.
    """
    products = (image * text).sum(1) / alpha
    shared = ((labels * text_labels).sum(1) > 0).to(products.dtype)
    return (softplus(products) - shared * products).mean()


def hash_loss(vectors: Tensor) -> Tensor:
    """L_h of one modality: the mean of (sign(f) - f)^2; signs are constants, that of zero is +1."""
    signs = torch.where(vectors.detach() >= 0, 1.0, -1.0).to(vectors.dtype)
    loss: Tensor = mse_loss(vectors, signs)
    return loss


def balance_loss(image: Tensor, text: Tensor) -> Tensor:
    """L_b: || sum_i (f_i + g_i) || over the batch, so that each bit is +1 as often as -1."""
    norm: Tensor = (image + text).sum(0).norm()
    return norm


def quantisation_loss(vectors: Tensor, codebook: Tensor, words: Tensor) -> Tensor:
    """L_q of one modality: sum_i || f_i - b_i Cb ||^2, words and codebook being constants.

    vectors: float[B, d]; codebook: float[M, W, d]; words: int64[B, M].
    """
    decoded = torch.stack([dictionary[words[:, m]] for m, dictionary in enumerate(codebook)]).sum(0)
    return (vectors - decoded).square().sum()


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
    alpha: float,
    dictionaries: int,
    words: int,
    dropout: float,
) -> Hq:
    """Make the method, for training with buffers for the words of all training items.

    Raises:
        CrosshashError: fewer training items than words, of which each starts as the mean of some vectors.
    """
    weights = (similarity_weight, hash_weight, balance_weight, quan_weight)
    method = Hq(image, text, train_bits, weights, pairs, alpha, (dictionaries, words), dropout)
    if inputs is not None:
        if len(inputs.labels) < words:
            raise CrosshashError(
                f"params.yaml: hq.words: {words} words, but only {len(inputs.labels)} training items. "
                f"Lower hq.words to {len(inputs.labels)} or less."
            )
        method.make_buffers(len(inputs.labels))
    return method
