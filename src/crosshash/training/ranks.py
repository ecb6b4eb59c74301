"""The processes that train one model: each runs its own pairs through the networks, all see the whole batch.

A loss that compares the items of a batch, or batch norm, over one process's part would be another method. So
what the networks give is gathered from all processes, with gradient, and each computes heads and loss on the
whole batch. The gradient of a gathered row is the sum over the processes, one per equal loss; DDP divides by
their number again. N processes of B pairs are one of N x B, but for the order of the sums.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from crosshash.checksums import file_sha256
from crosshash.errors import CrosshashError, listed
from crosshash.models.encoders.levels import Encoder
from crosshash.models.frozen import Frozen
from crosshash.protocols import Batches, PairBatch, Share
from crosshash.seeding import stream_seed
from crosshash.training.checkpoint import STATE
from crosshash.workers.unfinished import locked

Pass = Callable[[Tensor], Tensor | tuple[Tensor, ...]]
WORD = 320  # bytes in which processes tell one another a digest and the name of their machine


class Ranks:
    """The processes of a launched Fabric; with one process all of this does nothing.

    seed: of the training, from which each process draws the dropout of its own networks. All else that is
    drawn (dropout of heads, negatives) has to be the same everywhere.
    """

    draws: Tensor  # of the epoch that has begun

    def __init__(self, fabric: Fabric, seed: int) -> None:
        self.fabric = fabric
        self.share = Share(fabric.global_rank, fabric.world_size)
        self.seed = seed
        self.device = fabric.device
        self.sizes: tuple[int, ...] = ()
        self.inside = False
        # Labels, rows and digests stay on the CPU, whatever the networks run on.
        self.group = distributed.new_group(backend="gloo") if self.share.ranks > 1 else None

    def joined(self, batches: Batches) -> Batches:
        """Make batches with the labels and rows of all processes; pictures and texts stay one's own."""
        return batches if self.share.ranks == 1 else Joined(batches, self)

    def join(self, method: nn.Module) -> None:
        """Let the networks of a method give the whole batch, and take over the first process's weights."""
        if self.share.ranks == 1:
            return
        for module in list(method.modules()):
            if isinstance(module, Encoder):
                self._join_norms(module)
                self._join_passes(module, "forward", "levels")
            elif isinstance(module, Frozen) and isinstance(module.network, nn.Identity):
                self._join_passes(module.network, "forward")
        for value in method.state_dict().values():
            value.copy_(self._of_first(value))

    def take_up(self, batch: PairBatch) -> PairBatch:
        """Begin with a batch: the networks give the rows of all processes from now on."""
        self.sizes = batch.sizes
        labels, index = (
            gathered(one, self.sizes, self.share.rank, self.group) for one in (batch.labels, batch.index)
        )
        if len(set(index.tolist())) < len(index):
            raise CrosshashError(
                "the processes that train one model show the same items: they do not see the same data. Give "
                "all of them one folder, and start them with the same plan."
            )
        return replace(batch, labels=labels, index=index, sizes=())

    def start_epoch(self, epoch: int) -> None:
        """Draw anew what the own networks drop."""
        self.draws = _drawn_from(stream_seed(self.seed, "epoch", epoch, "rank", self.share.rank), self.device)

    @contextmanager
    def holding(self, folder: Path) -> Iterator[None]:
        """Hold the folder of unfinished work in the first process; the others wait with it.

        Raises:
            CrosshashError: the processes do not mean the same work, or do not find the same checkpoint.
        """
        self.agree("plan, data or version of torch", folder.name)
        with ExitStack() as held:
            with self.fabric.rank_zero_first():  # however long that is
                if self.fabric.is_global_zero:
                    held.enter_context(locked(folder, "training"))
            if self.share.ranks > 1:
                stopped = folder / STATE
                self.agree(str(stopped), file_sha256(stopped) if stopped.is_file() else "none")
            yield

    def agree(self, what: str, digest: str) -> None:
        """Compare a digest among all processes.

        Raises:
            CrosshashError: another process has another one; they and their machines are named.
        """
        if self.share.ranks == 1:
            return
        told = f"{digest} {socket.gethostname()}".encode()[:WORD]
        own = torch.zeros(1, WORD, dtype=torch.uint8)
        own[0, : len(told)] = torch.frombuffer(bytearray(told), dtype=torch.uint8)
        rows = gathered(own, (1,) * self.share.ranks, self.share.rank, self.group)
        words = [bytes(row.tolist()).rstrip(b"\0").decode(errors="replace").split(" ") for row in rows]
        others = [
            f"process {rank} on {words[rank][-1]}"
            for rank in range(len(words))
            if words[rank][0] != words[0][0]
        ]
        if others:
            raise CrosshashError(
                f"{what}: not the same for all processes that train one model. Another one than process 0 on "
                f"{words[0][-1]} have:\n{listed(others)}\nGive all of them one folder that all machines see, "
                "and the versions of constraints.txt."
            )

    def _join_passes(self, network: nn.Module, *names: str) -> None:
        for name in names:
            setattr(network, name, self._whole_pass(network, getattr(network, name)))

    def _whole_pass(self, network: nn.Module, inner: Pass) -> Pass:
        """Run the own pairs, then give the rows of all; a pass within a pass stays as it is."""

        def run(inputs: Tensor) -> Any:  # noqa: ANN401
            if self.inside:
                return inner(inputs)
            self.inside = True
            try:
                with self._own_draws(network.training):
                    found = inner(inputs)
            finally:
                self.inside = False
            return tuple(map(self._whole, found)) if isinstance(found, tuple) else self._whole(found)

        return run

    def _join_norms(self, network: nn.Module) -> None:
        """Let batch norm within a network see the whole batch: by torch on CUDA, by gathering on the CPU."""
        if self.device.type == "cuda":
            from timm.layers import norm_act  # torch's own way loses the activations of timm's layers

            norm_act.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
            return
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                setattr(module, "forward", self._whole_norm(module, module.forward))  # noqa: B010

    def _whole_norm(self, norm: nn.Module, inner: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def run(inputs: Tensor) -> Tensor:
            if not norm.training:
                return inner(inputs)
            whole = inner(self._whole(inputs))
            first = sum(self.sizes[: self.share.rank])
            return (
                whole[first : first + max(self.sizes[self.share.rank], 1)]
                if first < len(whole)
                else whole[:1]
            )

        return run

    def _whole(self, rows: Tensor) -> Tensor:
        whole: Tensor = _Gather.apply(rows, self.sizes, self.share.rank)  # type: ignore[no-untyped-call]
        return whole

    @contextmanager
    def _own_draws(self, wanted: bool) -> Iterator[None]:
        if not wanted:
            yield
            return
        common = _draws(self.device)
        _set_draws(self.draws, self.device)
        try:
            yield
        finally:
            self.draws = _draws(self.device)
            _set_draws(common, self.device)

    def _of_first(self, value: Tensor) -> Tensor:
        """Give the first process's value; as bytes, for gloo does not know every type."""
        sent = value.detach().cpu().contiguous()
        distributed.broadcast(sent.view(-1).view(torch.uint8), 0, group=self.group)
        return sent


@dataclass(frozen=True)
class Joined:
    """Batches of which each process shows its own pairs, with the labels and rows of all."""

    own: Batches
    ranks: Ranks

    def __len__(self) -> int:
        return len(self.own)

    def epoch(self, epoch: int) -> Iterator[PairBatch]:
        """Yield the batches of an epoch."""
        self.ranks.start_epoch(epoch)
        return map(self.ranks.take_up, self.own.epoch(epoch))

    def in_order(self) -> Iterator[PairBatch]:
        """Yield every item once in the order of the split."""
        return map(self.ranks.take_up, self.own.in_order())


class _Gather(torch.autograd.Function):
    """Rows of all processes; a row's gradient is the sum over the processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:  # noqa: ANN401
        ctx.sizes, ctx.rank = sizes, rank
        return gathered(rows, sizes, rank)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        total = gradient.float().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        own = torch.split(total, list(ctx.sizes))[ctx.rank].to(gradient.dtype)
        return own if len(own) else torch.zeros_like(total[:1], dtype=gradient.dtype), None, None


def gathered(
    rows: Tensor, sizes: tuple[int, ...], rank: int, group: distributed.ProcessGroup | None = None
) -> Tensor:
    """Give the rows of all processes in their order, sizes[r] of each; as bytes, whatever the type."""
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[: sizes[rank]] = rows[: sizes[rank]]
    parts = [torch.empty_like(padded) for _ in sizes]
    distributed.all_gather([part.view(torch.uint8) for part in parts], padded.view(torch.uint8), group)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def _drawn_from(seed: int, device: torch.device) -> Tensor:
    return torch.Generator(device).manual_seed(seed).get_state()


def _draws(device: torch.device) -> Tensor:
    return torch.get_rng_state() if device.type == "cpu" else torch.cuda.get_rng_state(device)


def _set_draws(state: Tensor, device: torch.device) -> None:
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.cuda.set_rng_state(state, device)
