#!/usr/bin/env bash
# usearch 2.26.6: a batch of queries that finds fewer than `count` items is filled up with key 0, a key that an item can have, at distance
# nan; only `counts` tells. A single query gives a shorter answer instead, and so does going through the batch answer by answer.
# Seen: three items under the keys 7, 8, 9, count 5: keys 7 8 9 0 0 in the row of a batch, 7 8 9 for one query.
# Guessed: filled up with the largest number or -1, as FAISS does, or cut as for one query.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "usearch==2.26.6" "numpy==2.2.6"
"$work/env/bin/python" - <<'P'
import numpy as np
from usearch.index import Index

codes = np.array([[0] * 8, [1] + [0] * 7, [3] + [0] * 7], np.uint8)
index = Index(ndim=64, dtype="b1", metric="hamming")
index.add(np.array([7, 8, 9], np.uint64), codes)
for exact in (False, True):
    batch, one = index.search(codes[:2], 5, exact=exact), index.search(codes[0], 5, exact=exact)
    print("exact" if exact else "graph", batch.keys.tolist(), batch.distances.tolist(), batch.counts, one.keys)
    assert batch.keys[0].tolist() == [7, 8, 9, 0, 0]
    assert np.isnan(batch.distances[:, 3:]).all()
    assert batch.counts.tolist() == [3, 3]
    assert one.keys.tolist() == [7, 8, 9] == batch[0].keys.tolist()
P
