#!/usr/bin/env bash
# sqlite-vec 0.1.9: among rows at one distance, a search in a `vec0` table gives and keeps the last row first, in blocks of 1,024 rows: 1024 1023 ... 1,
# then 2048 2047 .... By Hamming distance most rows share theirs, so which items are among the k, and their order, turns round against
# searches that break ties by id. It cannot be asked for otherwise: a second key (`ORDER BY distance, rowid`) is refused.
# Seen: 2,500 equal codes of 64 bits: k = 5 gives rows 1024 1023 1022 1021 1020; after row 1024 went and row 5000 came, 1023 ... 1019.
# Guessed: the first rows, as a plain SQL `ORDER BY vec_distance_hamming(...) LIMIT 5` gives them. Right: that one, where order among equals matters.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "sqlite-vec==0.1.9" "apsw==3.54.1.0"
"$work/env/bin/python" - <<'P'
import apsw
import sqlite_vec

base = apsw.Connection(":memory:")
base.enable_load_extension(True)
base.load_extension(sqlite_vec.loadable_path())
base.execute("CREATE VIRTUAL TABLE codes USING vec0(code bit[64])")
insert = "INSERT INTO codes(rowid, code) VALUES (?, vec_bit(?))"
base.executemany(insert, [(row, bytes(8)) for row in range(1, 2501)])


def search(k: int, order: str = "") -> list[int]:
    asked = f"SELECT rowid FROM codes WHERE code MATCH vec_bit(?) AND k = ? {order}"
    return [row for (row,) in base.execute(asked, (bytes(8), k))]


five, many = search(5), search(1500)
print("k = 5:", five, "k = 1500:", many[:3], "...", many[1021:1027])
assert five == [1024, 1023, 1022, 1021, 1020]
assert many == [*range(1024, 0, -1), *range(2048, 1572, -1)]
plain = "SELECT rowid FROM codes ORDER BY vec_distance_hamming(code, vec_bit(?)) LIMIT 5"
scanned = [row for (row,) in base.execute(plain, (bytes(8),))]
print("plain SQL:", scanned)
assert scanned == [1, 2, 3, 4, 5]
try:
    print(search(5, "ORDER BY distance, rowid"))
except apsw.SQLError as error:
    print("ORDER BY distance, rowid:", error)
else:
    raise SystemExit("a second key is taken now")
base.execute("DELETE FROM codes WHERE rowid = 1024")
base.execute(insert, (5000, bytes(8)))
assert search(5) == [1023, 1022, 1021, 1020, 1019]
P
