"""The section `scahn` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crosshash.config.method_settings import MethodSettings
from crosshash.config.published_protocol import Published
from crosshash.config.section import NonNegative, Positive


class MethodSection(MethodSettings):
    """SCAHN's own settings (doi 10.1016/j.neucom.2020.03.019); each field is explained in params.yaml."""

    four_levels: ClassVar[bool] = True
    after_training: ClassVar[tuple[str, ...]] = ("significance",)
    published: ClassVar[Published] = Published(
        k=None,
        norm="min",
        undefined="zero",
        splits={"iaprtc12": (2_000, 10_000), "mirflickr25k": (2_000, 10_000), "nuswide": (2_100, 10_500)},
    )

    train_bits: Annotated[int, Field(ge=1, le=4096)]
    alpha: Positive
    pair_weight: NonNegative
    quan_weight: NonNegative
    significance: Literal["auto", "weights", "activity", "alignment"]

    def trained_bits(self, bits: int) -> int:
        """Length that the network learns: its own, whatever length is delivered."""
        return self.train_bits
