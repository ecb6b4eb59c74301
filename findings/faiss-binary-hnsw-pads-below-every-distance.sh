#!/usr/bin/env bash
# faiss-cpu 1.15.1: where IndexBinaryHNSW finds fewer than k items, the empty places carry id -1 and distance
# -2147483648; IndexBinaryFlat and IndexBinaryMultiHash give +2147483647 there.
# Seen: 20 items, k = 30: ten places with the smallest int32 from HNSW, with the largest from the others. Whoever merges
# or sorts answers by distance puts HNSW's empty places first, and a recall measured on that reads far too low.
# Guessed: every index of the family pads with the largest distance, as the flat one does.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "faiss-cpu==1.15.1" "numpy==2.2.6"
"$work/env/bin/python" - <<'P'
import faiss
import numpy as np

codes = np.random.default_rng(0).integers(0, 256, (20, 8), dtype=np.uint8)
seen = {}
for name, index in {
    "IndexBinaryFlat": faiss.IndexBinaryFlat(64),
    "IndexBinaryHNSW": faiss.IndexBinaryHNSW(64, 16),
    "IndexBinaryMultiHash": faiss.IndexBinaryMultiHash(64, 4, 8),
}.items():
    index.add(codes)
    distances, ids = index.search(codes[:1], 30)
    seen[name] = set(distances[ids < 0].tolist())
    print(f"{name}: {(ids < 0).sum()} empty places, distance {seen[name]}")
assert seen["IndexBinaryHNSW"] == {-2147483648}, seen
assert seen["IndexBinaryFlat"] == seen["IndexBinaryMultiHash"] == {2147483647}, seen
P
