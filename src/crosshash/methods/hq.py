"""HQ, deep binary hashing and quantisation: one real vector serves a hash code and a quantised one.

Source: Deep Binary Hashing and Quantization, BMVC 2021, arXiv 2202.10232.
Shapes: B items of a batch, N training items, C classes, K bits, M dictionaries of W words each.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from crosshash.codes.quantiser import Codebook, fit_codebook, revived, start_codebook
from crosshash.errors import CrosshashError
from crosshash.losses.likelihood import pair_likelihood, unlikelihood
from crosshash.losses.similarity import similar
from crosshash.models.method import TwoTowerMethod, encoding
from crosshash.models.towers import Tower
from crosshash.protocols import PairBatch, StepLoss, TrainingInputs, TrainingPairs

MODALITIES = ("image", "text")
KNOWN = 1024  # training vectors whose words the model keeps, half of them images


class Hq(TwoTowerMethod):
    """Two networks, a linear layer each, and a codebook that both modalities share.

    codebook: float[M, W, K], zeros until the first epoch is over; known: int16[KNOWN, M], words of some
    training vectors; words_image, words_text: int16[N, M], those of all training items, -1 until then.
    """

    training_only = ("words_",)
    codebook: Tensor
    known: Tensor
    words_image: Tensor
    words_text: Tensor

    def __init__(
        self,
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
    ) -> None:
        image_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(image.dim, train_bits))
        text_head = nn.Sequential(nn.Dropout(dropout), nn.Linear(text.dim, train_bits))
        super().__init__(image, text, train_bits, (image_head, text_head))
        self.weights = (similarity_weight, hash_weight, balance_weight, quan_weight)
        self.pairs = pairs
        self.alpha = alpha * train_bits / 32
        self.register_buffer("codebook", torch.zeros(dictionaries, words, train_bits))
        self.register_buffer("known", torch.zeros(KNOWN, dictionaries, dtype=torch.int16))
        if inputs is not None:
            self.make_buffers(len(inputs.labels))

    def make_buffers(self, count: int) -> None:
        """Make room for the words of all training items.

        Raises:
            CrosshashError: fewer training items than words, of which each starts as the mean of some vectors.
        """
        dictionaries, words, _ = self.codebook.shape
        if count < words:
            raise CrosshashError(
                f"params.yaml: hq.words: {words} words, but only {count} training items. "
                f"Lower hq.words to {count} or less."
            )
        for modality in MODALITIES:
            words_NM = torch.full((count, dictionaries), -1, dtype=torch.int16)
            self.register_buffer(f"words_{modality}", words_NM)

    def training_step(self, batch: PairBatch, phase: str) -> StepLoss:
        """Weighted sum of similarity, hash, balance and, once there is a codebook, quantisation."""
        image_BK, text_BK = map(self.soft_code, self.outputs(batch))
        with torch.autocast(image_BK.device.type, enabled=False):
            parts = {
                "similarity": self._similarity(image_BK, text_BK, batch.labels),
                "hash": hash_loss(image_BK) + hash_loss(text_BK),
                "balance": balance_loss(image_BK, text_BK),
                "quantisation": self._quantisation(image_BK, text_BK, batch.index),
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
        """Words of the codebook: float[M, W, K]."""
        return self.codebook

    def known_words(self) -> Tensor:
        """Words of some training images and texts: int16[KNOWN, M]."""
        return self.known

    def soft_code(self, output: Tensor) -> Tensor:
        """Real vectors float[B, K], whose signs are the hash code."""
        return output.float()

    def _similarity(self, image_BK: Tensor, text_BK: Tensor, labels_BC: Tensor) -> Tensor:
        if self.pairs == "all":
            return pair_likelihood(image_BK, text_BK, similar(labels_BC, labels_BC), self.alpha)
        order_B = torch.randperm(len(image_BK)).to(image_BK.device)
        return aligned_likelihood(image_BK, text_BK[order_B], labels_BC, labels_BC[order_B], self.alpha)

    def _quantisation(self, image_BK: Tensor, text_BK: Tensor, index_B: Tensor) -> Tensor:
        if not self.codebook.any():
            return image_BK.new_zeros(())
        terms = [
            quantisation_loss(vectors_BK, self.codebook, words_NM[index_B].long())
            for vectors_BK, words_NM in ((image_BK, self.words_image), (text_BK, self.words_text))
        ]
        return terms[0] + terms[1]

    def _vectors(self, pairs: TrainingPairs) -> np.ndarray:
        """Encode the training set as it would be encoded later: float32[2N, K], images, then texts."""
        count = len(self.words_image)
        vectors = np.zeros((2 * count, self.train_bits), np.float32)
        with encoding(self):
            for batch in pairs():
                rows = batch.index.cpu().numpy()
                vectors[rows] = self.encode_image(batch.image).cpu().numpy()
                vectors[count + rows] = self.encode_text(batch.text).cpu().numpy()
        return vectors


build = Hq


def aligned_likelihood(
    image_BK: Tensor, text_BK: Tensor, labels_BC: Tensor, text_labels_BC: Tensor, alpha: float
) -> Tensor:
    """L_sim: mean over i of softplus(x_i) - s_i x_i, x_i = f_i . g_i / alpha.

    Row by row any two items; labels: float of 0 and 1; s_i = 1 where the two of a row share a label.
    """
    products_B = (image_BK * text_BK).sum(1) / alpha
    shared_B = (labels_BC * text_labels_BC).sum(1) > 0
    return unlikelihood(products_B, shared_B).mean()


def hash_loss(vectors_BK: Tensor) -> Tensor:
    """L_h of one modality: the mean of (sign(f) - f)^2; signs are constants, that of zero is +1."""
    signs_BK = torch.where(vectors_BK.detach() >= 0, 1.0, -1.0)
    loss: Tensor = mse_loss(vectors_BK, signs_BK)
    return loss


def balance_loss(image_BK: Tensor, text_BK: Tensor) -> Tensor:
    """L_b: || sum_i (f_i + g_i) || over the batch, so that each bit is +1 as often as -1."""
    norm: Tensor = (image_BK + text_BK).sum(0).norm()
    return norm


def quantisation_loss(vectors_BK: Tensor, codebook_MWK: Tensor, words_BM: Tensor) -> Tensor:
    """L_q of one modality: sum_i || f_i - b_i Cb ||^2, words (int64) and codebook being constants."""
    chosen_MBK = torch.stack([words_WK[words_BM[:, m]] for m, words_WK in enumerate(codebook_MWK)])
    return (vectors_BK - chosen_MBK.sum(0)).square().sum()
