"""The pairwise likelihood of shared labels given inner products, in blocks: no B x N matrix is kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from crosshash.losses.similarity import similar

BLOCK = 8192  # rows of the buffer at once


def pair_likelihood(codes: Tensor, others: Tensor, shared: Tensor, alpha: float) -> Tensor:
    """Mean over i, j of softplus(t) - s t, t = codes_i . others_j / alpha, with gradients for both sides.

    codes: float[B, K]; others: float[N, K]; shared: float[B, N] of 0 and 1.
    """
    products = codes @ others.T / alpha
    return (softplus(products) - shared * products).mean()


def buffer_likelihood(
    codes: Tensor, buffer: Tensor, labels: Tensor, buffer_labels: Tensor, alpha: float
) -> Tensor:
    """The same mean against a buffer of constants, for any number of rows.

    codes: float[L, B, K], several codes of the same items; buffer: float[N, K]; labels: float[B, C];
    buffer_labels: [N, C]. Memory: a few blocks of L B x BLOCK, whatever N; the gradient is made beside the
    value.
    """
    value: Tensor = _BufferLikelihood.apply(codes, buffer, labels, buffer_labels, alpha)  # type: ignore[no-untyped-call]
    return value


class _BufferLikelihood(torch.autograd.Function):
    """d/dt [softplus(t) - s t] = sigmoid(t) - s, so that one pass gives value and gradient."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        codes: Tensor,
        buffer: Tensor,
        labels: Tensor,
        buffer_labels: Tensor,
        alpha: float,
    ) -> Tensor:
        count = codes.shape[0] * codes.shape[1] * len(buffer)
        total = codes.new_zeros(())
        gradient = torch.zeros_like(codes)
        for start in range(0, len(buffer), BLOCK):
            rows = buffer[start : start + BLOCK]
            shared = similar(labels, buffer_labels[start : start + BLOCK]).to(codes.dtype)
            products = codes @ rows.T / alpha
            total += (softplus(products) - shared * products).sum()
            gradient += (torch.sigmoid(products) - shared) @ rows
        ctx.save_for_backward(gradient / (alpha * count))
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - torch's own
        (gradient,) = ctx.saved_tensors
        return upstream * gradient, None, None, None, None
