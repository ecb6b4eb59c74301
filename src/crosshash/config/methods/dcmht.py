"""The section `dcmht` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from crosshash.config.method_settings import MethodSettings
from crosshash.config.published_protocol import Published
from crosshash.config.section import NonNegative, Real


class MethodSection(MethodSettings):
    """DCMHT's own settings (doi 10.1145/3503161.3548187); each field is explained in params.yaml."""

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
