"""Which items count as similar: those that share a label."""

from __future__ import annotations

from torch import Tensor


def similar(labels: Tensor, others: Tensor) -> Tensor:
    """s_ij of the pairwise losses: float[B, C] and float[N, C] of 0 and 1 give float[B, N] of 0 and 1."""
    return ((labels.float() @ others.float().T) > 0).float()
