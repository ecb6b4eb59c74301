#!/usr/bin/env bash
# faiss-cpu 1.15.1: `real_to_binary` sets a bit where a value is above 0, `fvec2bitvec` (and so IndexLSH) where it is 0 or more: codes of
# vectors with zeros, as ReLU leaves them, differ by the function that made them, and their Hamming distances mean nothing.
# Seen for 1, -1, 0, -0, 2, 0, 0, -0: bits 10001000 by the first, 10111111 by the second and by IndexLSH; without zeros all are equal.
# Guessed: one library has one rule for the sign of zero.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "faiss-cpu==1.15.1" "numpy==2.2.6"
"$work/env/bin/python" - <<'P'
import faiss
import numpy as np


def codes(values: np.ndarray) -> dict[str, str]:
    found = {}
    for name, call in (
        ("real_to_binary", lambda x, out: faiss.real_to_binary(8, x, out)),
        ("fvec2bitvec", lambda x, out: faiss.fvec2bitvec(x, out, 8)),
    ):
        code = np.zeros(1, np.uint8)
        call(faiss.swig_ptr(values), faiss.swig_ptr(code))
        found[name] = code
    found["IndexLSH"] = faiss.IndexLSH(8, 8, False, False).sa_encode(values[None])[0]
    return {name: "".join(map(str, np.unpackbits(code, bitorder="little"))) for name, code in found.items()}


with_zeros = codes(np.array([1, -1, 0, -0.0, 2, 0, 0, -0.0], np.float32))
print(with_zeros)
assert with_zeros["real_to_binary"] == "10001000"
assert with_zeros["fvec2bitvec"] == with_zeros["IndexLSH"] == "10111111"
without = codes(np.array([1, -1, 3, -2, 2, 1, -4, -5], np.float32))
print(without)
assert len(set(without.values())) == 1
P
