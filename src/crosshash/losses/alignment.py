"""Bits of a code in the order in which they are best left out: those that stay agree with the labels.

Shapes: N items, C classes, K bits.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosshash.losses.similarity import similar


def bit_alignment(image_NK: Tensor, text_NK: Tensor, labels_NC: Tensor) -> Tensor:
    """Rank bits by backward elimination: float[K], 1 for the last bit to go, 1/K for the first.

    image, text: codes of the same items. The alignment of a set of bits is the correlation of the inner
    products sum_b f_ib g_jb, over all pairs i, j, with s_ij, after each side's mean is taken off: centred
    kernel alignment (Cortes, Mohri & Rostamizadeh, JMLR 2012). Of the bits that are left, the one goes
    without which the alignment is highest; so bits that repeat others go early, however good they are by
    themselves.
    """
    shared_NN = similar(labels_NC, labels_NC).double()
    agreement_K, overlap_KK = _moments(image_NK.double(), text_NK.double(), shared_NN)
    order = _eliminated(agreement_K.cpu().numpy(), overlap_KK.cpu().numpy())
    bits = len(order)
    significance_K = np.empty(bits)
    significance_K[order] = np.arange(1, bits + 1) / bits
    return torch.from_numpy(significance_K)


def _moments(image_NK: Tensor, text_NK: Tensor, shared_NN: Tensor) -> tuple[Tensor, Tensor]:
    """Inner products of f_b g_b' with S, float[K], and with one another, float[K, K], all N x N, centred."""
    image_NK, text_NK = image_NK - image_NK.mean(0), text_NK - text_NK.mean(0)
    agreement_K = (image_NK * (shared_NN @ text_NK)).sum(0)
    return agreement_K, (image_NK.T @ image_NK) * (text_NK.T @ text_NK)


def _eliminated(agreement_K: NDArray[np.float64], overlap_KK: NDArray[np.float64]) -> list[int]:
    """Leave out bit after bit; the value of what stays is sum_b agreement_b / sqrt(sum_bc overlap_bc).

    R bits are left.
    """
    left_R = np.arange(len(agreement_K))
    within_K = overlap_KK.sum(1)  # of each bit, with those that are left
    order: list[int] = []
    while len(left_R):
        agreed_R = agreement_K[left_R].sum() - agreement_K[left_R]
        size_R = within_K[left_R].sum() - 2 * within_K[left_R] + overlap_KK[left_R, left_R]
        value_R = agreed_R / np.sqrt(np.where(size_R > 0, size_R, np.inf))  # 0 where only constant bits stay
        place = int(value_R.argmax())
        order.append(int(left_R[place]))
        within_K -= overlap_KK[left_R[place]]
        left_R = np.delete(left_R, place)
    return order
