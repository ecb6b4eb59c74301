#!/usr/bin/env bash
# h5py 3.16.0: numbers that do not fit the type of a data set are moved to its nearest end, without error or warning, when arrays are
# written and when they are read into a smaller type. NumPy wraps them instead, and refuses a Python int that does not fit.
# Seen: labels -1 (none), 5, 300 written into a data set of uint8: 0 5 255, so that "no label" is class 0; the same from `create_dataset(..., dtype=)`,
# `astype("u1")[:]` and `read_direct` of a data set of int16. NumPy: 255 5 44. Signs that are stored as 0 and 255 read as int8: 0 127, not 0 -1.
# Guessed: as NumPy does, so that a later check for 255 finds them, or an error.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "h5py==3.16.0" "numpy==2.4.6"
"$work/env/bin/python" -W error - "$work/labels.h5" <<'P'
import sys

import h5py
import numpy as np

labels = np.array([-1, 5, 300], np.int16)
with h5py.File(sys.argv[1], "w") as file:
    file.create_dataset("written", (3,), "u1")[:] = labels
    file.create_dataset("made", data=labels, dtype="u1")
    file.create_dataset("whole", data=labels)
    file.create_dataset("signs", data=np.array([0, 255], np.uint8))
    direct = np.zeros(3, np.uint8)
    file["whole"].read_direct(direct)
    found = {"written": file["written"][:], "made": file["made"][:], "astype": file["whole"].astype("u1")[:], "read_direct": direct}
    signs = file["signs"].astype("i1")[:]
    wrapped = file["whole"][:].astype("u1"), file["signs"][:].astype("i1")
print({name: one.tolist() for name, one in found.items()}, "signs", signs.tolist(), "NumPy", [one.tolist() for one in wrapped])
assert all(one.tolist() == [0, 5, 255] for one in found.values()), found
assert signs.tolist() == [0, 127]
assert [one.tolist() for one in wrapped] == [[255, 5, 44], [0, -1]]
P
