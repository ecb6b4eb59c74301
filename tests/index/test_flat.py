from __future__ import annotations

import sys

import numpy as np
import pytest

from crosshash.index import flat
from tests.index.codes import by_loops, clustered


def test_many_codes_are_searched_also_where_nothing_can_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of what stands as None in `sys.modules` is an ImportError."""
    monkeypatch.setattr(flat, "LEAST", 10)
    monkeypatch.setitem(sys.modules, "crosshash.index.lookup.looked_up", None)
    codes, queries = clustered(0, 100), clustered(1, 3)
    places, distances = flat.Flat(codes).nearest(queries, 20)
    assert (places.tolist(), distances.tolist()) == by_loops(queries, codes, np.arange(100), 20)
