from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

import pytest

from crosshash.datasets.readers.pairs_csv import read_pairs_csv
from crosshash.errors import CrosshashError
from crosshash.pairs.source import RawItem
from tests.datasets.folders import write_csv


def error_of(path: Path) -> str:
    with pytest.raises(CrosshashError) as error:
        read_pairs_csv(path)
    return str(error.value)


def test_rows_of_one_image_are_one_item(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "pairs.csv",
        [
            ("b.jpg", "first", "dog"),
            ("a.jpg", "other", "cat;dog"),
            ("b.jpg", "second", "cat; dog ;"),
            ("b.jpg", "first", ""),
        ],
    )
    assert read_pairs_csv(path) == (
        RawItem("b.jpg", ("first", "second"), ("dog", "cat"), (2, 4, 5)),
        RawItem("a.jpg", ("other",), ("cat", "dog"), (3,)),
    )


def test_odd_texts_survive(tmp_path: Path) -> None:
    caption = 'he said "hi",\nthen; left \N{WAVING HAND SIGN}'
    path = write_csv(tmp_path / "pairs.csv", [("a.jpg", caption, "hot dog;fish, raw; ;hot dog")])
    (item,) = read_pairs_csv(path)
    assert item.captions == (caption,)
    assert item.labels == ("hot dog", "fish, raw")


def test_absent_texts_and_labels_are_empty(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "pairs.csv", [("a.jpg", "  ", " ; "), ("b.jpg", "", "")])
    assert [(item.captions, item.labels) for item in read_pairs_csv(path)] == [((), ()), ((), ())]


def test_very_long_caption(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "pairs.csv", [("a.jpg", "word " * 100_000, "x")])
    assert len(read_pairs_csv(path)[0].captions[0]) == 499_999


def test_byte_order_mark_other_columns_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(codecs.BOM_UTF8 + b"labels, image ,licence,caption\r\n\r\nx,a.jpg,CC,hello\r\n")
    assert read_pairs_csv(path) == (RawItem("a.jpg", ("hello",), ("x",), (3,)),)


def test_two_spellings_of_a_path_are_one_item(tmp_path: Path) -> None:
    """Otherwise one picture could be query and training item at once."""
    path = write_csv(tmp_path / "pairs.csv", [("./im//a.jpg", "one", "x"), ("im/a.jpg", "two", "x")])
    assert [item.id for item in read_pairs_csv(path)] == ["im/a.jpg"]


def test_missing_file(tmp_path: Path) -> None:
    assert "pairs.csv: not found. Write it with the columns image, caption, labels" in error_of(
        tmp_path / "pairs.csv"
    )


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("")
    assert "is empty. Its first row must be `image,caption,labels`" in error_of(path)


def test_header_alone(tmp_path: Path) -> None:
    assert "has a header but no rows" in error_of(write_csv(tmp_path / "pairs.csv", []))


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "pairs.csv", [("a.jpg", "x")], header=("image", "text"))
    assert "missing column(s) caption, labels; found: image, text" in error_of(path)


def test_captions_need_no_column_of_labels_unless_it_may_have_another_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "pairs.csv", [("a.jpg", "one"), ("b.jpg", "")], header=("image", "caption"))
    assert read_pairs_csv(path) == (RawItem("a.jpg", ("one",), (), (2,)), RawItem("b.jpg", (), (), (3,)))
    write_csv(path, [("a.jpg", "one", "x")], header=("image", "caption", "label"))
    assert "missing column(s) labels; found: image, caption, label. " in error_of(path)


def test_semicolons_between_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("image;caption;labels\na.jpg;x;y\n")
    message = error_of(path)
    assert "found: image;caption;labels" in message
    assert "separated by commas" in message


def test_not_utf8_names_the_row_not_the_line(tmp_path: Path) -> None:
    """Row 2 covers three lines, so that the bad byte of row 3 stands in line 5."""
    path = tmp_path / "pairs.csv"
    path.write_bytes(b'image,caption,labels\na.jpg,"one\ntwo\nthree",x\nb.jpg,caf\xe9,y\n')
    assert "row 3 is not UTF-8 (byte 0xe9). Save the file as UTF-8" in error_of(path)


def test_all_bad_rows_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("image,caption,labels\na.jpg,one, two,x\n ,three,x\nb.jpg,four\nc.jpg,fine,x\n")
    message = error_of(path)
    assert "3 row(s) cannot be read" in message
    assert "row 2: 4 cells, the header has 3" in message
    assert "row 3: the image cell holds no file name" in message
    assert "row 4: 2 cells, the header has 3" in message
    assert "between double quotes" in message
    assert "Name a picture in each row" in message


def test_unclosed_quote_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('image,caption,labels\na.jpg,x,y\nb.jpg,"open,y\nc.jpg,z,y\n')
    assert "row 3 cannot be read" in error_of(path)


def test_captions_alone_where_they_are_allowed(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "pairs.csv",
        [("", "alone", "x"), ("a.jpg", "alone", ""), ("", "other", ""), ("", "alone", "y")],
    )
    message = error_of(path)
    assert "row 2: the image cell holds no file name" in message
    assert "`crosshash encode` adds them" in message
    assert "quotes" not in message
    assert read_pairs_csv(path, captions_alone=True) == (
        RawItem("", ("alone",), ("x", "y"), (2, 5)),
        RawItem("a.jpg", ("alone",), (), (3,)),
        RawItem("", ("other",), (), (4,)),
    )
    write_csv(path, [("", "")], ("image", "caption"))
    with pytest.raises(CrosshashError, match=r"row 2: the image cell holds no file name\n.*a caption\.$"):
        read_pairs_csv(path, captions_alone=True)
    write_csv(path, [("one",)], ("caption",))
    with pytest.raises(
        CrosshashError, match=r"missing column\(s\) image; .* image or caption may stay empty"
    ):
        read_pairs_csv(path, captions_alone=True)


def test_labels_that_look_the_same_are_one_class(tmp_path: Path) -> None:
    """Two files of one set, one edited on a Mac; blanks that a text editor put in."""
    decomposed = unicodedata.normalize("NFD", "café")
    rows = [("1.jpg", "", "café;red wine"), ("2.jpg", "", f"{decomposed};red\N{NO-BREAK SPACE}wine;\u200b")]
    items = read_pairs_csv(write_csv(tmp_path / "pairs.csv", rows))
    assert [item.labels for item in items] == [("café", "red wine")] * 2


def test_names_of_images_in_two_spellings_are_one_item(tmp_path: Path) -> None:
    rows = [("été\\1.jpg", "a", ""), (unicodedata.normalize("NFD", "été/1.jpg"), "b", "")]
    (item,) = read_pairs_csv(write_csv(tmp_path / "pairs.csv", rows))
    assert (item.id, item.captions, item.rows) == ("été/1.jpg", ("a", "b"), (2, 3))
