#!/usr/bin/env bash
# The first pyarrow.array(...) of a process, of a list or a NumPy array, imports pandas where that is installed,
# to see whether its argument is a Series; `import pyarrow` alone does not. A program that only writes Parquet pays
# for pandas as soon as it stands in the same environment.
# Seen (pyarrow 26.0.1, pandas 3.1.1): pandas is loaded after pa.array([1, 2, 3]), and of a NumPy array as well.
# Guessed: pandas is loaded when something of pandas is asked for, as by to_pandas().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cat > "$folder/seen.py" <<'P'
import sys
import numpy as np
import pyarrow as pa

before = "pandas" in sys.modules
pa.array(np.arange(3) if sys.argv[1] == "numpy" else [1, 2, 3])
after = "pandas" in sys.modules
print("pyarrow", pa.__version__, sys.argv[1], "pandas loaded before:", before, "after:", after)
assert (before, after) == (False, True)
P
for kind in list numpy; do "$folder/venv/bin/python" "$folder/seen.py" $kind; done
