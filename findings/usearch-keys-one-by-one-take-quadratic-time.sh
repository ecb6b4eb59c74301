#!/usr/bin/env bash
# usearch 2.26.6: going through `index.keys` asks for each key by its place, and each of these walks over those before it: time grows with
# the square of the number of keys. `index.keys[:]` gives all in one array at once.
# Seen for 20,000 keys: 3.6 s by iteration, 0.001 s by the slice. Guessed: iteration is a slice, with some Python around each key.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "usearch==2.26.6" "numpy==2.2.6"
"$work/env/bin/python" - <<'P'
import time

import numpy as np
from usearch.index import Index


def seconds(count: int) -> tuple[float, float]:
    index = Index(ndim=64, dtype="b1", metric="hamming")
    index.add(np.arange(count, dtype=np.uint64), np.random.default_rng(0).integers(0, 256, (count, 8), np.uint8))
    start = time.process_time()
    one_by_one = [int(key) for key in index.keys]
    middle = time.process_time()
    at_once = index.keys[:]
    end = time.process_time()
    assert sorted(one_by_one) == sorted(at_once.tolist()) == list(range(count))
    return middle - start, end - middle


took = {count: seconds(count) for count in (5_000, 20_000)}
print({count: tuple(round(one, 4) for one in both) for count, both in took.items()})
assert took[20_000][0] > 6 * took[5_000][0], took  # four times as many: four times as long if it were linear
assert took[20_000][0] > 100 * took[20_000][1], took
P
