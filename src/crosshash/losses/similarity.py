"""Which items count as similar: those that share a label."""

from __future__ import annotations

from torch import Tensor


def similar(labels_BC: Tensor, others_NC: Tensor) -> Tensor:
    """s_ij of the pairwise losses: float[B, C] and float[N, C] of 0 and 1 give float[B, N] of 0 and 1."""
    return ((labels_BC.float() @ others_NC.float().T) > 0).float()
