"""Bits of a code in the order in which they are best left out: those that stay agree with the labels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosshash.losses.similarity import similar

Matrix = NDArray[np.float64]


def bit_alignment(image: Tensor, text: Tensor, labels: Tensor) -> Tensor:
    """Rank bits by backward elimination: float[K], 1 for the last bit to go, 1/K for the first.

    image, text: float[N, K] codes of the same items; labels: [N, C]. The alignment of a set of bits is the
    correlation of the inner products sum_b f_ib g_jb, over all pairs i, j, with s_ij, after each side's mean
    is taken off: centred kernel alignment (Cortes, Mohri & Rostamizadeh, JMLR 2012). Of the bits that are
    left, the one goes without which the alignment is highest; so bits that repeat others go early, however
    good they are by themselves.
    """
    agreement, overlap = _moments(image.double(), text.double(), similar(labels, labels).double())
    order = _eliminated(agreement.cpu().numpy(), overlap.cpu().numpy())
    bits = len(order)
    significance = np.empty(bits)
    significance[order] = np.arange(1, bits + 1) / bits
    return torch.from_numpy(significance)


def _moments(image: Tensor, text: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """Inner products of f_b g_b' with S, float[K], and with one another, float[K, K], all N x N, centred."""
    image, text = image - image.mean(0), text - text.mean(0)
    return (image * (shared @ text)).sum(0), (image.T @ image) * (text.T @ text)


def _eliminated(agreement: NDArray[np.float64], overlap: Matrix) -> list[int]:
    """Leave out bit after bit; the value of what stays is sum_b agreement_b / sqrt(sum_bc overlap_bc)."""
    left = np.arange(len(agreement))
    within = overlap.sum(1)  # of each bit, with those that are left
    order: list[int] = []
    while len(left):
        agreed = agreement[left].sum() - agreement[left]
        size = np.maximum(within[left].sum() - 2 * within[left] + overlap[left, left], 0)
        value = np.divide(agreed, np.sqrt(size), out=np.zeros_like(agreed), where=size > 0)
        place = int(value.argmax())
        order.append(int(left[place]))
        within -= overlap[left[place]]
        left = np.delete(left, place)
    return order
