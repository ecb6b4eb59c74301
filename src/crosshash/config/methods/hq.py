"""The section `hq` of params.yaml."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from crosshash.config.method_settings import MethodSettings
from crosshash.config.published_protocol import Published
from crosshash.config.section import Count, NonNegative, Positive, Real
from crosshash.errors import CrosshashError

MOST_WORDS = 8192  # in all: they are fitted at once, with a matrix of this number squared


class MethodSection(MethodSettings):
    """HQ's own settings (arXiv 2202.10232); each field is explained in params.yaml.

    rerank: at least 50 or all items, at most all of them; checked where their number is known.
    """

    after_training: ClassVar[tuple[str, ...]] = ("rerank",)
    published: ClassVar[Published] = Published(
        k=50,
        norm="hits",
        undefined="skip_without_hit",
        splits={"mirflickr25k": (2_000, 10_000), "nuswide": (2_100, 10_500)},
    )

    similarity_weight: NonNegative
    hash_weight: NonNegative
    balance_weight: NonNegative
    quan_weight: NonNegative
    pairs: Literal["aligned", "all"]
    alpha: Positive
    dictionaries: Count
    words: Annotated[int, Field(ge=2, le=MOST_WORDS)]
    dropout: Annotated[Real, Field(ge=0, lt=1)]
    rerank: Count

    @field_validator("words")
    @classmethod
    def _can_be_fitted(cls, words: int, info: ValidationInfo) -> int:
        dictionaries = info.data.get("dictionaries", 1)
        if dictionaries * words > MOST_WORDS:
            most = MOST_WORDS // dictionaries
            raise PydanticCustomError(
                "many_words", f"must be at most {most} with {dictionaries} dictionaries"
            )
        return words

    def trained_bits(self, bits: int) -> int:
        """Length that the network learns: the one delivered.

        Raises:
            CrosshashError: the dictionaries do not divide it: each starts on its own block of the bits.
        """
        if bits % self.dictionaries:
            raise CrosshashError(
                f"params.yaml: hq.dictionaries: {self.dictionaries} does not divide bits: {bits}; "
                f"choose {' or '.join(map(str, _nearest_divisors(bits, self.dictionaries)))}."
            )
        return bits


def _nearest_divisors(bits: int, wanted: int) -> list[int]:
    """Give the next divisors of `bits` below and above `wanted`, as far as there are."""
    divisors = [n for n in range(1, bits + 1) if bits % n == 0]
    below, above = [n for n in divisors if n < wanted], [n for n in divisors if n > wanted]
    return below[-1:] + above[:1]
