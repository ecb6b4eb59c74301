#!/usr/bin/env bash
# faiss-cpu 1.15.1: IndexPQFastScan.search with k = 1 gives a wrong distance, below zero, where the sum of the table entries is
# above 32767; with k = 2 the same item comes with the right distance.
# Seen: 257 groups of 4 bits, squared distance 3200 of the one item: k = 1 says about -1169, k = 2 says 3200. The item itself is right.
# Guessed: k = 1 is the first column of k = 2. (Handler of one result: its distances are signed numbers of 16 bits, the sums unsigned.)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "faiss-cpu==1.15.1" "numpy==2.2.6"
"$work/env/bin/python" - <<'P'
import faiss
import numpy as np

groups = 257
words = np.tile(2.0 * ((np.arange(16)[:, None] >> np.arange(4)) & 1) - 1, (groups, 1, 1)).astype(np.float32)
words[-1], words[-1, 1:, 0] = 0, 17**0.5  # the widest table spans 17: all entries are whole numbers
index = faiss.IndexPQ(4 * groups, groups, 4, faiss.METRIC_L2)
faiss.copy_array_to_vector(words.ravel(), index.pq.centroids)
index.is_trained = True
code = np.zeros((1, 129), np.uint8)
code[0, :100] = 255  # 800 bits differ from the query's: (1 - -1) ** 2 * 800 = 3200
index.add_sa_codes(code)
scan = faiss.IndexPQFastScan(index)
query = np.full((1, 4 * groups), -1, np.float32)
query[0, -4:] = 0
one, two = (scan.search(query, k)[0][0, 0] for k in (1, 2))
print(f"k = 1: {one:.1f}, k = 2: {two:.1f}, right: 3200")
assert round(two) == 3200, two
assert round(one) == round(3200 - 65536 / 15), one
P
