#!/usr/bin/env bash
# lancedb 0.40.0: `where("row IN (...)", prefilter=True)` takes most of a minute for a million values, whatever the table: here it has
# 1,000 rows, of which a search without the filter takes some milliseconds. The time goes into reading the filter, not into the search.
# Seen on two cores: 10,000 values 0.2 s, 100,000 values 3 s, 1,000,000 values 33 to 55 s (busy cores; 30 microseconds a value).
# Guessed: that an IN list becomes a set within about a second, as in PostgreSQL 18 (`row = ANY($1)`, 2.4 s for a million, nearly all of it sending them).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "lancedb==0.40.0" "numpy==2.2.6"
LANCEDB_LOG=error "$work/env/bin/python" - "$work/db" <<'P'
import sys
import time

import lancedb
import numpy as np
import pyarrow as pa

codes = np.random.default_rng(0).integers(0, 256, 8000, np.uint8)
column = pa.FixedSizeListArray.from_arrays(pa.array(codes), 8)
table = lancedb.connect(sys.argv[1]).create_table("codes", pa.table({"row": np.arange(1000), "code": column}))


def seconds(count: int) -> float:
    asked = table.search(codes[:8]).distance_type("hamming").select(["row", "_distance"]).limit(10)
    if count:
        asked = asked.where(f"row IN ({', '.join(map(str, range(count)))})", prefilter=True)
    start = time.perf_counter()
    assert len(asked.to_arrow()) == 10
    return time.perf_counter() - start


seconds(0)
took = {count: seconds(count) for count in (0, 10_000, 100_000, 1_000_000)}
print({count: round(one, 3) for count, one in took.items()})
assert took[0] < 0.5, took
assert took[1_000_000] > 5, took
P
