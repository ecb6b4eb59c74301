"""Names that were perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """End a sentence about an unknown name: with those most like it, whatever their case, or a full stop."""
    spelt = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), spelt, n=3)
    return f"; did you mean {' or '.join(spelt[one] for one in near)}?" if near else "."
