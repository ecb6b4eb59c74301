#!/usr/bin/env bash
# hdf5storage 0.2.2: an array of several strings is saved as one row of characters in a MATLAB file of version 7.3.
# Seen: numpy.array(["abc", "d", ""]) is written as one char array of 1 x 9, a b c d and five nulls, of class "char": three
# captions are one text to MATLAB and to every other reader. hdf5storage itself reads three, by notes of its own beside the
# data. scipy.io.savemat writes three rows (version 5).
# Guessed: a row for each string, or a cell for each.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check \
  "hdf5storage==0.2.2" "h5py==3.16.0" "numpy==2.4.1" "scipy==1.17.1"
cd "$work" && "$work/env/bin/python" - <<'P'
import h5py
import hdf5storage
import numpy as np
import scipy.io

texts = np.array(["abc", "d", ""])
hdf5storage.savemat("new.mat", {"texts": texts}, format="7.3")
with h5py.File("new.mat") as file:
    stored = file["texts"]
    told = "".join(chr(one) for one in stored[()].ravel())
    print(stored.shape, stored.attrs["MATLAB_class"], repr(told))
    assert told == "abcd" + 5 * "\0", told
back = hdf5storage.loadmat("new.mat")["texts"].tolist()
print("read back by itself:", back)
assert back == texts.tolist(), back
scipy.io.savemat("old.mat", {"texts": texts})
rows = scipy.io.loadmat("old.mat")["texts"]
print("scipy:", rows.shape)
assert rows.shape == (3,), rows.shape
P
