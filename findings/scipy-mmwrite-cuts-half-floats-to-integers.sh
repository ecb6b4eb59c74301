#!/usr/bin/env bash
# scipy 1.17.1: `scipy.io.mmwrite` writes a float16 array as integers: every number is cut at the point, without a warning, and mmread gives
# int64. A float32 array in the other order of bytes (`>f4`, as IDX and other old formats hold) goes the same way; float32 and float64 are whole.
# Seen: 0.25 -0.75 1.5 2 in float16 becomes 0 0 1 2; embeddings between -1 and 1, which are kept in float16 to save room, all become 0.
# With `field="real"` they are whole. csr_array refuses float16 by an error.
# Guessed: as float32, or refused.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "scipy==1.17.1" "numpy==2.4.6"
"$work/env/bin/python" -W error - <<'P'
import io

import numpy as np
import scipy.io


def again(numbers: np.ndarray, **more: str) -> np.ndarray:
    with io.BytesIO() as file:
        scipy.io.mmwrite(file, numbers, **more)
        file.seek(0)
        return scipy.io.mmread(file)


numbers = np.array([[0.25, -0.75], [1.5, 2]])
for kind in ("float64", "float32", "float16", ">f4", ">f8"):
    back = again(numbers.astype(kind))
    print(kind, "comes back as", back.dtype, back.tolist())
    cut = kind not in ("float64", "float32")
    assert back.dtype == (np.int64 if cut else np.float64), kind
    assert back.tolist() == (np.trunc(numbers) if cut else numbers).tolist(), kind
assert again(numbers.astype(np.float16), field="real").tolist() == numbers.tolist()
P
