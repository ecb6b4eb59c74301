from __future__ import annotations

import unicodedata
from pathlib import Path

from crosshash.search.questions import read_question


def test_pictures_of_a_list_are_found_in_the_spelling_of_the_disk(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "été.jpg")
    (tmp_path / decomposed).touch()
    (tmp_path / "list.txt").write_text(
        f"été.jpg\n/data/plain.jpg\n{decomposed}\nnone é.jpg\n", encoding="utf-8"
    )
    asked = read_question(queries=tmp_path / "list.txt", task="i2t")
    assert asked.pictures == [
        tmp_path / decomposed, Path("/data/plain.jpg"), tmp_path / decomposed, tmp_path / "none é.jpg",
    ]  # fmt: skip
    assert asked.names[0] == "été.jpg"
    assert read_question(queries=tmp_path / "list.txt").pictures is None
