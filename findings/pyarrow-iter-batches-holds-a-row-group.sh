#!/usr/bin/env bash
# pyarrow 26.0.1: reading a parquet file batch by batch holds the whole row group, unless two settings are changed.
# Seen: one row group of 64 MB in pages of 1 MB, iter_batches(64). By default, with buffer_size=1 MB alone and with
# pre_buffer=False alone Arrow holds 64 MB; with both it holds a few MB.
# Guessed: iter_batches streams; buffer_size ("if positive, perform read buffering when deserializing individual
# column chunks") is the setting that makes it so.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "pyarrow==26.0.1"
cd "$work" && cat > read.py <<'P'
import json, sys
import pyarrow as pa, pyarrow.parquet as pq

most = 0
for batch in pq.ParquetFile("a.parquet", **json.loads(sys.argv[1])).iter_batches(64, use_threads=False):
    most = max(most, pa.total_allocated_bytes())
print(most)
P
env/bin/python - <<'P'
import os
import pyarrow as pa, pyarrow.parquet as pq

table = pa.table({"image": pa.array([os.urandom(1000) for _ in range(64_000)])})
pq.write_table(table, "a.parquet", row_group_size=64_000, use_dictionary=False, compression="none")
P
held() { env/bin/python read.py "$1"; }
default=$(held '{}') buffer=$(held '{"buffer_size": 1048576}') pre=$(held '{"pre_buffer": false}')
both=$(held '{"buffer_size": 1048576, "pre_buffer": false}')
echo "bytes held at most: default $default, buffer_size alone $buffer, pre_buffer=False alone $pre, both $both"
((default > 60000000 && buffer > 60000000 && pre > 60000000 && both < 10000000))
