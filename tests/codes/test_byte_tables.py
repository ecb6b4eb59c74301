from __future__ import annotations

import numpy as np

from crosshash.codes.byte_tables import byte_tables


def test_tables_by_hand() -> None:
    """Byte 10000001 of the query (1, 2, 4, ..., 128): 1 - 2 - 4 - 8 - 16 - 32 - 64 + 128 = 3."""
    tables = byte_tables(2.0 ** np.arange(8, dtype=np.float32)[None])
    assert tables.shape == (1, 1, 256)
    assert tables[0, 0, 0b10000001] == 3
    assert tables[0, 0, 255] == 255


def test_bytes_add_up_to_the_inner_product() -> None:
    generator = np.random.default_rng(0)
    queries = generator.standard_normal((4, 24)).astype(np.float32)
    codes = generator.integers(0, 256, (5, 3), np.uint8)
    tables = byte_tables(queries)
    for query in range(4):
        for code in codes:
            plain = sum(
                float(queries[query, bit]) * (1 if code[bit // 8] >> (7 - bit % 8) & 1 else -1)
                for bit in range(24)
            )
            assert abs(sum(tables[query, byte, code[byte]] for byte in range(3)) - plain) < 1e-12
