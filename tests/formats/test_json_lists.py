from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosshash.errors import CrosshashError
from crosshash.formats.json_lists import stream_lists

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def written(folder: Path, text: str) -> Path:
    path = folder / "file.json"
    path.write_text(text, encoding="utf-8")
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.dictionaries(st.text(), VALUES, max_size=5),
    piece=st.integers(1, 50),
    indent=st.sampled_from([None, 2]),
    escaped=st.booleans(),
)
def test_same_elements_as_the_whole_file_at_once(
    tmp_path: Path, content: dict[str, Any], piece: int, indent: int | None, escaped: bool
) -> None:
    path = written(tmp_path, json.dumps(content, indent=indent, ensure_ascii=escaped))
    expected = [
        (key, element) for key, value in content.items() if isinstance(value, list) for element in value
    ]
    assert list(stream_lists(path, piece)) == expected


def test_a_number_is_not_cut_where_a_piece_ends(tmp_path: Path) -> None:
    """With one character at a time `12` could be taken for `1`."""
    path = written(tmp_path, '{"a": [12, 3.5e2, -7]}')
    assert list(stream_lists(path, 1)) == [("a", 12), ("a", 350.0), ("a", -7)]


WHOLE = '{"info": {"year": 2017}, "list": [{"id": 1, "text": "\\u00e9"}, {"id": 23}], "end": []}'


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, length: int) -> None:
    path = written(tmp_path, WHOLE[:length])
    with pytest.raises(CrosshashError, match=r"file\.json: cannot be read as JSON .* it is cut or damaged\."):
        list(stream_lists(path, 7))


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("[1, 2]", r"after 0 characters \('\[' where one of '\{' must stand\)"),
        ('{"a": [1]} {', "something follows the end"),
        ("{1: [1]}", "1 where a name must stand"),
        ('{"a": [1 2]}', "'2' where one of ',]' must stand"),
        ('{"a": [1,]}', "Expecting value"),
        ('{"a": nothing}', "Expecting value"),
    ],
)
def test_other_than_json_is_refused(tmp_path: Path, text: str, finding: str) -> None:
    with pytest.raises(CrosshashError, match=finding):
        list(stream_lists(written(tmp_path, text)))


@pytest.mark.parametrize(("before", "opening"), [('{"a": [', "["), ('{"a": 1, "b": ', '{"c": ')])
def test_lists_in_lists_without_end_are_refused(tmp_path: Path, before: str, opening: str) -> None:
    path = written(tmp_path, before + opening * 100_000)
    with pytest.raises(CrosshashError, match=r"file\.json: cannot be read as JSON .*too deep"):
        list(stream_lists(path))


def test_latin_1_and_absent_files(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    with pytest.raises(CrosshashError, match=r"file\.json: not found"):
        list(stream_lists(path))
    path.write_bytes('{"a": ["é"]}'.encode("latin-1"))
    with pytest.raises(CrosshashError, match=r"file\.json: cannot be read as JSON .*utf-8"):
        list(stream_lists(path))


def test_only_a_piece_of_the_file_is_read_before_the_first_element(tmp_path: Path) -> None:
    """What is wrong far behind shows only when it is reached: the file is not read in one go."""
    path = written(tmp_path, '{"a": [' + "1, " * 10_000 + "@")
    elements = stream_lists(path, 100)
    assert [next(elements) for _ in range(5)] == [("a", 1)] * 5
    with pytest.raises(CrosshashError, match="after 30,0"):
        list(elements)
