#!/usr/bin/env bash
# scipy 1.17.1: `savemat` writes an array or list of strings as one matrix of characters, every row as long as the longest; `loadmat` gives the
# shorter ones back with blanks at their end, and an empty one as blanks alone. As an object array they become cells, and whole.
# Seen: ids "7", "12", "1234" come back as "7   ", "12  ", "1234": the two files of a data set then share no id but the longest,
# and a lookup by id finds only those.
# Guessed: the strings that were written (np.savez gives them), as for numbers.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "scipy==1.17.1" "numpy==2.4.6"
cd "$work" && "$work/env/bin/python" -W error - <<'P'
import numpy as np
import scipy.io

ids = ["7", "12", "1234", ""]
scipy.io.savemat("ids.mat", {"list": ids, "array": np.array(ids), "cells": np.array(ids[:3], object)})
np.savez("ids.npz", array=np.array(ids))
found = scipy.io.loadmat("ids.mat", variable_names=["list", "array", "cells"])
print("list", found["list"].tolist(), "array", found["array"].tolist(), "cells", [one.item() for one in found["cells"].ravel()])
assert found["list"].tolist() == found["array"].tolist() == ["7   ", "12  ", "1234", "    "]
assert [one.item() for one in found["cells"].ravel()] == ids[:3]
assert np.load("ids.npz")["array"].tolist() == ids
P
