from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from crosshash.errors import CrosshashError
from crosshash.pairs.source import SplitSizes
from crosshash.pairs.split import make_split, write_split
from crosshash.pairs.split_file import read_split_file
from crosshash.pairs.table import Pair, write_pairs

ITEMS = {"a": True, "b": True, "c": True, "d": True, "e": False}


def write(folder: Path, content: object, name: str = "split.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def problems_of(path: Path) -> list[str]:
    """The lines of the list in the message, which names key, file and remedy."""
    with pytest.raises(CrosshashError) as error:
        read_split_file(path, ITEMS)
    message = str(error.value)
    assert message.startswith(f"split.file: {path}: ")
    assert "split.file to null" in message
    return [line.removeprefix("  - ") for line in message.splitlines() if line.startswith("  - ")]


def test_the_projects_own_file(tmp_path: Path) -> None:
    ids = [f"{number}.jpg" for number in range(40)]
    split = make_split(ids, [True] * 40, SplitSizes(5, 30), 0.1, 0)
    write_pairs(tmp_path, [Pair(item, item, (), (), "rest") for item in ids])
    write_split(tmp_path, split)
    given = read_split_file(tmp_path / "split.json", dict.fromkeys(ids, True))
    assert (given.query, given.train, given.val_query) == (split.query, split.train, split.val_query)


def test_json_without_and_with_empty_validation_queries(tmp_path: Path) -> None:
    lists: dict[str, object] = {"query": ["b"], "train": ["d", "a"]}
    given = read_split_file(write(tmp_path, lists), ITEMS)
    assert (given.query, given.train, given.val_query) == (("b",), ("d", "a"), None)
    assert read_split_file(write(tmp_path, lists | {"val_query": []}), ITEMS).val_query == ()


def test_numbers_are_taken_as_their_text(tmp_path: Path) -> None:
    items = dict.fromkeys(("1", "20", "007"), True)
    given = read_split_file(write(tmp_path, {"query": [1], "train": [20, "007"]}), items)
    assert (given.query, given.train) == (("1",), ("20", "007"))


def test_csv(tmp_path: Path) -> None:
    """With a byte order mark, blanks, a blank line, another column, quotes and rows of rest, or without."""
    items = dict.fromkeys(("a", "b", "c,d", "ä"), True)
    text = '\ufeffpart,note,id\nquery,x,b\n\ntrain,,"c,d"\n rest ,, a \ntrain,,ä\n'
    given = read_split_file(write(tmp_path, text, "split.csv"), items)
    assert (given.query, given.train, given.val_query) == (("b",), ("c,d", "ä"), None)
    text = "id,part\r\nb,query\r\na,val\r\nä,train\r\n"
    assert read_split_file(write(tmp_path, text, "SPLIT.CSV"), items).val_query == ("a",)


def test_all_that_is_wrong_with_ids_is_listed(tmp_path: Path) -> None:
    value = {"query": ["a", "zz", "e"], "train": ["b", "b", "a"], "val_query": [1]}
    assert problems_of(write(tmp_path, value)) == [
        "query[1]: 'zz' is no item of the data set",
        "query[2]: 'e' lacks a text or a label, it can only be searched",
        "train[1]: 'b' stands in train[0] already",
        "train[2]: 'a' stands in query[0] already",
        "val_query[0]: '1' is no item of the data set",
    ]


def test_all_that_is_wrong_with_rows_is_listed(tmp_path: Path) -> None:
    text = "id,part\na,query\nb,test\nc\nd,train,x\na,rest\ne,rest\nf,rest\n"
    assert problems_of(write(tmp_path, text, "split.csv")) == [
        "row 3: part 'test' is none of query, train, val, rest",
        "row 4: 1 cells, the header has 2",
        "row 5: 3 cells, the header has 2",
        "row 6: 'a' stands in row 2 already",
        "row 8: 'f' is no item of the data set",
    ]


@pytest.mark.parametrize(
    ("name", "content", "finding"),
    [
        ("split.json", {"query": [], "train": ["a"]}, "no item in query"),
        ("split.csv", "id,part\na,query\nb,val\n", "no item in train"),
        ("split.json", {"query": ["a"]}, "train is no list of ids"),
        ("split.json", {"query": ["a"], "train": "b"}, "train is no list of ids"),
        ("split.json", {"query": ["a"], "train": ["b"], "val_query": None}, "val_query is no list of ids"),
        ("split.json", {"query": ["a"], "train": ["b"], "val": ["c"]}, "unknown key 'val'"),
        ("split.json", {"query": [1.0], "train": ["b"]}, "query[0]: 1.0 is no id"),
        ("split.json", {"query": [True], "train": ["b"]}, "query[0]: True is no id"),
        ("split.json", ["a", "b"], "is no object with the lists query and train"),
        ("split.json", '{"query": ["a"], "tr', "is no JSON: "),
        ("split.json", "", "is no JSON: "),
        ("split.json", '{"query": ' + "[" * 100_000, "holds lists or objects nested too deep"),
        ("split.csv", "", "row 1: must name the columns id,part; found: "),
        ("split.csv", "id;part\na;query\n", "row 1: must name the columns id,part; found: id;part"),
        ("split.csv", "image,part\na,query\n", "row 1: must name the columns id,part; found: image,part"),
        ("split.csv", 'id,part\na,query\n"b,train\n', "row 3: "),
    ],
)
def test_other_layouts_are_named(tmp_path: Path, name: str, content: object, finding: str) -> None:
    (problem,) = problems_of(write(tmp_path, content, name))
    assert problem.startswith(finding)


@pytest.mark.parametrize("name", ["split.json", "split.csv"])
def test_a_file_that_is_not_utf_8(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes("id,part\na,query\nä,train\n".encode("latin-1"))
    with pytest.raises(CrosshashError, match=rf"{name}: line 3 is not UTF-8 \(byte 0xe4\)"):
        read_split_file(path, ITEMS)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError, match=r"split\.txt: its name ends neither with \.json nor"):
        read_split_file(tmp_path / "split.txt", ITEMS)
    (tmp_path / "folder.csv").mkdir()
    for name in ("none.json", "folder.csv"):
        with pytest.raises(CrosshashError, match=rf"{name}: cannot be read"):
            read_split_file(tmp_path / name, ITEMS)


def test_items_that_were_left_out_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"query": ["x", "a"], "train": ["b", "y"]})
    given = read_split_file(path, ITEMS, {"x", "y"})
    assert (given.query, given.train) == (("a",), ("b",))
    with pytest.raises(CrosshashError, match="no item in query"):
        read_split_file(path, ITEMS | {"x": True, "y": True}, {"a", "x"})


def test_ids_in_another_spelling_are_those_of_the_data_set(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "é.jpg")
    items = {"é.jpg": True, "b": True, unicodedata.normalize("NFD", "ü.jpg"): True}
    given = read_split_file(write(tmp_path, {"query": [decomposed], "train": ["b", *list(items)[2:]]}), items)
    assert (given.query, given.train) == (("é.jpg",), ("b", unicodedata.normalize("NFD", "ü.jpg")))
    given = read_split_file(
        write(tmp_path, {"query": ["b"], "train": [decomposed, "b2"]}), items | {"b2": True}, ["é.jpg"]
    )
    assert given.train == ("b2",)
