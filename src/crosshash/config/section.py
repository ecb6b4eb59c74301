"""What every section of params.yaml shares: unknown keys refused, strict types, 1e-3 accepted as a number."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


class Section(BaseModel):
    """A section of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _number(value: object) -> object:
    """Read `1e-3`, which YAML 1.1 takes for text, as the number that was meant."""
    return float(value) if isinstance(value, str) and EXPONENT.fullmatch(value) else value


Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
NonNegative = Annotated[Real, Field(ge=0)]
Positive = Annotated[Real, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
