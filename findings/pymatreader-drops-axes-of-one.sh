#!/usr/bin/env bash
# pymatreader 1.3.2: a matrix with one row comes back as a vector (here from a .mat file of version 5).
# Seen: codes of one query, 1 x 16, are read with shape (16,), which looks like 16 items of one number. scipy.io.loadmat
# gives (1, 16) by default.
# Guessed: a reader "as scipy, but for all versions" keeps the shape as scipy does.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "pymatreader==1.3.2"
cd "$work" && "$work/env/bin/python" - <<'P'
import numpy as np
import pymatreader
import scipy.io

scipy.io.savemat("codes.mat", {"q_img": np.ones((1, 16), dtype=np.int8)})
ours, theirs = scipy.io.loadmat("codes.mat")["q_img"].shape, pymatreader.read_mat("codes.mat")["q_img"].shape
print("scipy", ours, "pymatreader", theirs)
assert ours == (1, 16) and theirs == (16,), (ours, theirs)
P
