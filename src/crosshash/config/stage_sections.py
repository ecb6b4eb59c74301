"""The sections of params.yaml that belong to stages; each field is explained in params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from crosshash.config.section import Count, NonNegative, Positive, Real, Section
from crosshash.errors import CrosshashError

Share = Count | Annotated[Real, Field(gt=0, lt=1)]
Fraction = Annotated[Real, Field(ge=0, lt=1)]


def _address(value: str) -> str:
    """Check the address of a mirror."""
    if not value.startswith(("http://", "https://")) or "@" in value:
        raise ValueError(
            "must begin with http:// or https:// and hold no password (that belongs in ~/.netrc)"
        )
    return value


class DownloadSection(Section):
    """Where the files of published data sets come from."""

    local: Annotated[str, Field(min_length=1)] | None
    mirror: Annotated[str, AfterValidator(_address)] | None
    checksums: Literal["known", "first"]
    parallel: Annotated[int, Field(ge=1, le=64)]


class SplitSection(Section):
    """Who is query, who is trained on."""

    file: Annotated[str, Field(min_length=1)] | None
    query: Share | None
    train: Share | None
    val: Fraction
    seed: Annotated[int, Field(ge=0)]
    missing_class: Literal["error", "warn"]


class ConvertSection(Section):
    """Raw files to pair table, .mat triple and shards."""

    check: Literal["full", "quick"]
    max_side: Annotated[int, Field(ge=16)]
    bad_images: Literal["fail", "skip"]
    vocabulary: Count
    shard_mb: Positive


class TransformSection(Section):
    """The way from the long code to the delivered one."""

    solver: Literal["ridge", "sgd"]
    ridge_lambda: Positive
    tie_row: bool
    sgd_lr: Positive
    sgd_epochs: Count
    sgd_batch: Count


class ModelSection(Section):
    """Which networks look at images and texts."""

    image: Annotated[str, Field(min_length=1)]
    text: Annotated[str, Field(min_length=1)]
    pretrained: str | None
    backbone: Literal["auto", "frozen", "tuned"]
    pooling: Literal["auto", "mean", "cls", "last"]
    hidden: Count
    layers: Literal["auto"] | Count


class TrainSection(Section):
    """The training loop."""

    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    lr_head: Positive
    lr_backbone: Literal["auto"] | Positive
    lr_text: Positive
    optimizer: Literal["adamw", "sgd"]
    momentum: Fraction
    schedule: Literal["cosine", "exponential", "constant"]
    lr_end: Annotated[Real, Field(ge=0, le=1)]
    weight_decay: NonNegative
    warmup: Fraction
    clip_norm: Positive
    precision: Literal["auto", "fp32", "bf16"]
    devices: Literal["auto"] | Count
    nodes: Count
    compile: bool
    caption: Literal["random", "first"]
    select: Literal["best", "last"]
    memory_mb: Positive

    def check_schedule(self) -> None:
        """Refuse a rate that falls exponentially to nothing.

        Raises:
            CrosshashError: it has no end to fall to.
        """
        if self.schedule == "exponential" and not self.lr_end:
            raise CrosshashError(
                "params.yaml: train.schedule: exponential needs a train.lr_end above 0, such as 3.16e-5."
            )

    def processes(self, device: Literal["cpu", "cuda"], there: int) -> int:
        """Settle how many processes of each machine train one model; there: GPUs, or cores of the CPU.

        Raises:
            CrosshashError: more than there are, or a batch that cannot be dealt among them in equal parts.
        """
        most = there if device == "cuda" else 1
        dealt = (one for one in range(most, 0, -1) if not self.batch % (one * self.nodes))
        devices = next(dealt, 1) if self.devices == "auto" else self.devices
        if devices > there:
            what = "CUDA device(s)" if device == "cuda" else "core(s) for this process (CROSSHASH_THREADS)"
            raise CrosshashError(
                f"params.yaml: train.devices: {devices}, but this machine has {there} {what}. Set it to "
                f"{there} or less, or to auto."
            )
        ranks = devices * self.nodes
        if left := self.batch % ranks:
            near = [one for one in (self.batch - left, self.batch - left + ranks) if one]
            raise CrosshashError(
                f"params.yaml: train.batch: {self.batch} pairs cannot be dealt among {ranks} processes in "
                f"equal parts. Set it to {' or '.join(map(str, near))}, or change train.devices."
            )
        return devices


class InferSection(Section):
    """The trained networks over all items."""

    batch: Count
    keep_gb: NonNegative


class EncodeSection(Section):
    """Codes out of what the networks give."""

    caption: Literal["first", "all"]


class EvaluateSection(Section):
    """Scores out of the codes."""

    ties: Literal["expected", "by_id", "optimistic", "pessimistic"]
    undefined: Literal["skip", "skip_without_hit", "zero", "error"]
    bootstrap: Count


class IndexSection(Section):
    """How codes are searched."""

    kind: Literal["flat", "ivf", "hnsw", "multihash", "auto"]
    distance: Literal["auto", "hamming", "asymmetric"]


class ReportSection(Section):
    """The page that shows it all."""

    extremes: Annotated[int, Field(ge=0)]
    queries: Annotated[int, Field(ge=0)]
    top: Count
