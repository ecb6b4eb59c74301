#!/usr/bin/env bash
# pynear 2.6.0: `searchKNN` gives the farthest first for trees and graphs (VPTree*, HNSW*, MIHSeededHNSW*), and the nearest first for
# IVFFlat* and MIH*. Who takes the first answer as the nearest one gets the k-th, or exchanges one kind of index for another and turns
# every ranking round.
# Seen: 300 random codes of 64 bits, a stored one as query, k = 5: distances 24 23 22 22 0 by VPTreeBinaryIndex and HNSWBinaryIndex, 0 22 ...
# by IVFFlatBinaryIndex and MIHBinaryIndex; the same for floats. The README of the package says: sorted nearest-first.
# Guessed: nearest first everywhere.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "pynear==2.6.0" "numpy==2.2.6"
"$work/env/bin/python" - <<'P'
from importlib.metadata import metadata

import numpy as np
import pynear

generator = np.random.default_rng(0)
codes = generator.integers(0, 256, (300, 8), np.uint8)
vectors = generator.normal(size=(300, 8)).astype(np.float32)
first = {}
for name, stored in (
    *((name, codes) for name in ("VPTreeBinaryIndex", "HNSWBinaryIndex", "MIHSeededHNSWBinaryIndex", "IVFFlatBinaryIndex", "MIHBinaryIndex")),
    *((name, vectors) for name in ("VPTreeL2Index", "HNSWL2Index", "IVFFlatL2Index")),
):
    index = getattr(pynear, name)()
    index.set(stored)
    (rows,), (distances,) = index.searchKNN(stored[:1], 5)
    print(name, rows, [round(float(one), 2) for one in distances])
    assert distances in (sorted(distances), sorted(distances, reverse=True))
    first[name] = "nearest" if rows[0] == 0 else "farthest"
assert {name for name, which in first.items() if which == "farthest"} == {
    "VPTreeBinaryIndex", "HNSWBinaryIndex", "MIHSeededHNSWBinaryIndex", "VPTreeL2Index", "HNSWL2Index",
}, first  # fmt: skip
assert "sorted nearest-first" in metadata("pynear").get_payload(), "the README says something else now"
P
