"""The section `dcmht` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crosshash.config.published_protocol import Published
from crosshash.config.section import NonNegative, Real, Section


class MethodSection(Section):
    """DCMHT's own settings (doi 10.1145/3503161.3548187); each field is explained in params.yaml."""

    supervised: ClassVar[bool] = True
    uses_centers: ClassVar[bool] = False
    four_levels: ClassVar[bool] = False
    after_training: ClassVar[tuple[str, ...]] = ()
    published: ClassVar[Published] = Published(
        k=None,
        norm="min",
        undefined="skip",
        splits={"coco2017": (5_000, 10_000), "mirflickr25k": (5_000, 10_000), "nuswide": (5_000, 10_000)},
    )

    similarity: Literal["euclidean", "cosine"]
    vartheta: Annotated[Real, Field(gt=0, le=1)]
    quan_weight: NonNegative
    head: Literal["attention", "mlp"]

    def trained_bits(self, bits: int) -> int:
        """Length that the network learns: the one delivered."""
        return bits

    def training_knows_bits(self) -> bool:
        """No loss looks at a transform: there is none."""
        return False
