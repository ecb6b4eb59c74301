"""What the embed stage needs to know."""

from __future__ import annotations

from typing import Literal

from crosshash.config.plans.base import Plan


class EmbedPlan(Plan):
    """Names of the networks that are frozen, with their weights; None: it is trained, or there is none.

    pretrained_sha256: of the weight file, None where `pretrained` names none; folders_sha256: of the
    folders that `image` and `text` name. All is None where no network is frozen, so that other networks and
    devices leave the stage alone.
    """

    image: str | None = None
    text: str | None = None
    pretrained: str | None = None
    pretrained_sha256: str | None = None
    pooling: Literal["auto", "mean", "cls", "last"] | None = None
    folders_sha256: str | None = None
    device: Literal["cpu", "cuda"] | None = None
