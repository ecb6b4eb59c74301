from __future__ import annotations

import numpy as np

from crosshash.formats.matlab.mat_text import text_rows


def test_rows_lose_blanks_and_empty_texts() -> None:
    assert text_rows(np.array(["a ", "", "b"])) == (("a",), (), ("b",))
    assert text_rows(np.array([["a", " b"], ["c", " "]])) == (("a", "b"), ("c",))
    assert text_rows(np.zeros((2, 0), dtype=np.dtypes.StringDType())) == ((), ())
    assert text_rows(np.array("alone")) == (("alone",),)
    assert text_rows(np.zeros(0, dtype="<U1")) == ()
