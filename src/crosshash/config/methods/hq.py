"""The section `hq` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crosshash.config.section import Count, NonNegative, Positive, Real, Section


class MethodSection(Section):
    """HQ's own settings (arXiv 2202.10232); each field is explained in params.yaml."""

    supervised: ClassVar[bool] = True
    uses_centers: ClassVar[bool] = False
    four_levels: ClassVar[bool] = False
    after_training: ClassVar[tuple[str, ...]] = ("rerank",)

    similarity_weight: NonNegative
    hash_weight: NonNegative
    balance_weight: NonNegative
    quan_weight: NonNegative
    pairs: Literal["aligned", "all"]
    alpha: Positive
    dictionaries: Count
    words: Annotated[int, Field(ge=2, le=65536)]
    dropout: Annotated[Real, Field(ge=0, lt=1)]
    rerank: Count

    def trained_bits(self, bits: int) -> int:
        """Length that the network learns: the one delivered."""
        return bits

    def training_knows_bits(self) -> bool:
        """No loss looks at a transform: there is none."""
        return False
