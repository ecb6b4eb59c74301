"""What the train stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan, Settings


class ModelPlan(Plan):
    """Which networks; `auto` is settled by the kind of the data.

    pretrained_sha256: of the weight file, None where `pretrained` names none. folders_sha256: of the
    folders that `image` and `text` name, None where they name none.
    """

    image: str
    text: str
    pretrained: str | None
    hidden: int
    layers: int
    pretrained_sha256: str | None = None
    pooling: Literal["auto", "mean", "cls", "last"] = "auto"
    folders_sha256: str | None = None


class TrainPlan(Plan):
    """Method, networks and loop; not the delivered `bits`: a loss that looks at them sees the transform.

    lr_backbone: `auto` is settled for each network by where its weights come from. batch: of all processes
    together. threads: of torch on the CPU in each process, None on CUDA. devices: processes of each machine.
    """

    method: str
    supervised: bool
    train_bits: int
    settings: Settings
    model: ModelPlan
    epochs: int
    batch: int
    lr_head: float
    lr_backbone: Literal["auto"] | float
    lr_text: float
    optimizer: Literal["adamw", "sgd"]
    momentum: float
    schedule: Literal["cosine", "exponential", "constant"]
    lr_end: float
    weight_decay: float
    warmup: float
    clip_norm: float
    precision: Literal["auto", "fp32", "bf16"]
    caption: Literal["random", "first"]
    select: Literal["best", "last"]
    memory_mb: float
    seed: int
    device: Literal["cpu", "cuda"]
    threads: int | None
    devices: int = 1
    nodes: int = 1
    compile: bool = False
