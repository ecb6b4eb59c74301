"""The likelihood of shared labels given inner products; against buffers in blocks: no B x N matrix is kept.

Shapes: B items, N others, C classes, K bits, L codes of the same items, n rows of a block of the others.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from crosshash.losses.similarity import similar

BLOCK = 8192  # rows of the buffer at once


def unlikelihood(products: Tensor, shared: Tensor) -> Tensor:
    """Negative logarithm of the likelihood of s given t: softplus(t) - s t, for tensors of one shape."""
    return softplus(products) - shared * products


def pair_likelihood(codes_BK: Tensor, others_NK: Tensor, shared_BN: Tensor, alpha: float) -> Tensor:
    """Mean over i, j of softplus(t) - s t, t = codes_i . others_j / alpha, with gradients for both sides."""
    products_BN = codes_BK @ others_NK.T / alpha
    return unlikelihood(products_BN, shared_BN).mean()


def buffer_likelihood(
    codes_LBK: Tensor, buffer_NK: Tensor, labels_BC: Tensor, buffer_labels_NC: Tensor, alpha: float
) -> Tensor:
    """The same mean against a buffer of constants, for any number of rows.

    Memory: a few blocks of L B x BLOCK, whatever N; the gradient is made beside the value.
    """
    value: Tensor = _BufferLikelihood.apply(codes_LBK, buffer_NK, labels_BC, buffer_labels_NC, alpha)  # type: ignore[no-untyped-call]
    return value


class _BufferLikelihood(torch.autograd.Function):
    """d/dt [softplus(t) - s t] = sigmoid(t) - s, so that one pass gives value and gradient."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        codes_LBK: Tensor,
        buffer_NK: Tensor,
        labels_BC: Tensor,
        buffer_labels_NC: Tensor,
        alpha: float,
    ) -> Tensor:
        count = codes_LBK.shape[0] * codes_LBK.shape[1] * len(buffer_NK)
        total = codes_LBK.new_zeros(())
        gradient_LBK = torch.zeros_like(codes_LBK)
        for start in range(0, len(buffer_NK), BLOCK):
            rows_nK = buffer_NK[start : start + BLOCK]
            shared_Bn = similar(labels_BC, buffer_labels_NC[start : start + BLOCK])
            products_LBn = codes_LBK @ rows_nK.T / alpha
            total += unlikelihood(products_LBn, shared_Bn).sum()
            gradient_LBK += (torch.sigmoid(products_LBn) - shared_Bn) @ rows_nK
        ctx.save_for_backward(gradient_LBK / (alpha * count))
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - torch's own
        (gradient_LBK,) = ctx.saved_tensors
        return upstream * gradient_LBK, None, None, None, None
