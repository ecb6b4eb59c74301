from __future__ import annotations

from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml as dvc_reads
from hypothesis import given
from hypothesis import strategies as st

from crosshash.config.yaml_text import parse_yaml, yaml_text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
WORDS = st.sampled_from(
    ["1e3", "016", "0o16", "1:30", "yes", "off", "null", "None", "~", "", "1_0", "a: b #", "=", "é"]
)
KEYS = st.text(min_size=1)


@given(st.dictionaries(KEYS, SCALARS | WORDS | st.dictionaries(KEYS, SCALARS | WORDS), min_size=1))
def test_what_is_written_is_read_as_it_was_by_us_and_by_dvc(value: dict[str, Any]) -> None:
    text = yaml_text(value)
    assert parse_yaml(text) == value
    assert list(parse_yaml(text)) == list(value)
    assert dvc_reads(text, "plan.yaml") == value


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\nb: 2\na: 3\n", r"key 'a' stands twice \(line 3, column 1\)"),
        ("a: [1, 2\n", r"did not find expected ',' or '\]' \(line 2, column 1\)"),
        ("a: *b\n", r"found undefined alias.*\(line 1, column 4\)"),
        ("a: 1\n---\nb: 2\n", r"expected a single document"),
        ("a: !!python/object/apply:os.getpid []\n", r"could not determine a constructor for the tag"),
        ("a: \0\n", "control characters are not allowed"),
        (f"a: {'9' * 5000}\n", "Exceeds the limit"),
        (f"a: {'[' * 20000}\n", "nested|recursion|flow"),
        ("a: 2026-13-45\n", "month must be in 1"),
    ],
)
def test_what_is_no_yaml_is_told_in_one_line(text: str, finding: str) -> None:
    with pytest.raises(ValueError, match=finding) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)
