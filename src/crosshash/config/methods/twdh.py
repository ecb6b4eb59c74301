"""The section `twdh` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from crosshash.config.method_settings import MethodSettings
from crosshash.config.published_protocol import Published
from crosshash.config.section import NonNegative


class MethodSection(MethodSettings):
    """TwDH's own settings (doi 10.1109/TMM.2024.3381828); each field is explained in params.yaml."""

    uses_centers: ClassVar[bool] = True
    published: ClassVar[Published] = Published(
        k=5_000,
        norm="first",
        undefined="skip",
        splits={"coco2017": (5_000, 10_000), "mirflickr25k": (5_000, 10_000), "nuswide": (5_000, 10_000)},
    )

    train_bits: Annotated[int, Field(ge=1, le=4096)]
    quan_weight: NonNegative
    short_weight: NonNegative

    def trained_bits(self, bits: int) -> int:
        """Length that the network learns: its own, whatever length is delivered."""
        return self.train_bits

    def training_knows_bits(self) -> bool:
        """Whether the loss looks at the delivered code too, so that a new `bits` means a new training."""
        return self.short_weight > 0
