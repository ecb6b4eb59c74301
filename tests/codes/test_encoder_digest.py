from __future__ import annotations

import hashlib

import numpy as np

from crosshash.codes.encoder_digest import describe_encoder

MATRIX = np.arange(8, dtype=np.float32).reshape(4, 2)
KEPT = np.array([3, 0, 2])


def digest(
    model: str = "abc", matrix: np.ndarray | None = MATRIX, kept: np.ndarray | None = KEPT, bits: int = 2
) -> str:
    return str(describe_encoder(model, matrix, kept, bits)["digest"])


def test_the_digest_by_hand() -> None:
    """The model's own digest, then of each array its type, shape and bytes, or that there is none."""
    content = b"abc" + b"<f4(4, 2)" + MATRIX.tobytes() + b"<i8(3,)" + KEPT.tobytes()
    assert describe_encoder("abc", MATRIX, KEPT, 2) == {
        "digest": hashlib.sha256(content).hexdigest(),
        "bits": 2,
    }
    assert digest(matrix=None, kept=None) == hashlib.sha256(b"abcnonenone").hexdigest()


def test_everything_that_makes_a_code_is_in_the_digest() -> None:
    found = [
        digest(),
        digest(model="abd"),
        digest(matrix=None),
        digest(matrix=MATRIX + 1),
        digest(matrix=MATRIX.reshape(2, 4)),
        digest(matrix=MATRIX.view(np.int32)),
        digest(kept=None),
        digest(kept=KEPT[::-1]),
        digest(kept=KEPT[:2]),
    ]
    assert len(set(found)) == len(found)


def test_how_an_array_lies_in_memory_is_not() -> None:
    assert digest(matrix=np.asfortranarray(MATRIX)) == digest()
    assert digest(kept=np.repeat(KEPT, 2)[::2]) == digest()
