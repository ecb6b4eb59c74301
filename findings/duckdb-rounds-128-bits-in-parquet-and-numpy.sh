#!/usr/bin/env bash
# duckdb 2.0.1: integers of 128 bits (HUGEINT, UHUGEINT), the type that holds a code of 128 bits or an MD5 and that every `sum` of integers has,
# leave the database as double, without a word: in COPY ... TO parquet, and in `fetchnumpy`; 53 bits are left. `fetchall` is exact.
# Seen: 1,000 codes that differ in their lowest 64 bits alone become one number in the file; sum of 2^53 + 1 is even in NumPy.
# Guessed: an error, or a decimal or 16 bytes. Right: two UBIGINT, or a cast to VARCHAR or BLOB first.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "duckdb==2.0.1" "numpy==2.4.6"
cd "$work" && "$work/env/bin/python" - <<'P'
import duckdb

base = duckdb.connect()
base.execute("CREATE TABLE codes AS SELECT (1::UHUGEINT << 127) + number::UHUGEINT * 1000000007 AS code FROM range(1000) AS r(number)")
base.execute("COPY codes TO 'codes.parquet' (FORMAT parquet)")
count = "SELECT count(DISTINCT code), any_value(typeof(code)) FROM "
inside, outside = base.execute(count + "codes").fetchone(), base.execute(count + "'codes.parquet'").fetchone()
print("in the database", inside, "in the file", outside)
assert inside == (1000, "UHUGEINT") and outside == (1, "DOUBLE")
total = "SELECT sum(number) AS total FROM (SELECT 9007199254740993::BIGINT AS number)"
exact, array = base.execute(total).fetchone()[0], base.execute(total).fetchnumpy()["total"]
print("sum by fetchall", exact, "by fetchnumpy", array.dtype, int(array[0]))
assert exact == 2**53 + 1 and array.dtype == float and int(array[0]) == 2**53
P
