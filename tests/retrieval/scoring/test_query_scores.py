from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from crosshash.errors import CrosshashError
from crosshash.retrieval.scoring.query_scores import read_query_scores, write_query_scores

SCORES = pd.DataFrame({"task": ["i2t", "i2t"], "id": ["a", "b"], "AP": [0.5, None]})
FILE = Path("per_query.parquet")


@pytest.fixture(autouse=True)
def _written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plots").mkdir()
    for name in ("plots/a.csv", "plots/b.csv"):
        Path(name).write_text("x,y\n1,2\n")
    write_query_scores(FILE, SCORES, ["plots/a.csv", "plots/b.csv"])


def test_the_scores_come_back_where_the_tables_are_as_they_were(tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(read_query_scores(FILE, Path()), SCORES)
    pd.testing.assert_frame_equal(read_query_scores(tmp_path / FILE, tmp_path), SCORES)
    pd.testing.assert_frame_equal(pd.read_parquet(FILE), SCORES)


def test_a_table_with_another_digit_is_named() -> None:
    Path("plots/b.csv").write_text("x,y\n1,3\n")
    with pytest.raises(
        CrosshashError, match=r"^plots/b\.csv: not as written with per_query\.parquet: .*evaluate"
    ):
        read_query_scores(FILE, Path())


def test_scores_of_another_program_know_no_tables() -> None:
    SCORES.to_parquet(FILE)
    Path("plots/b.csv").unlink()
    pd.testing.assert_frame_equal(read_query_scores(FILE, Path()), SCORES)


def test_the_place_of_a_row_in_another_table_is_not_written() -> None:
    write_query_scores(FILE, SCORES[1:], [])
    pd.testing.assert_frame_equal(read_query_scores(FILE, Path()), SCORES[1:].reset_index(drop=True))


def test_cut_scores_are_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CrosshashError, match=rf"^{path}: .*Run `dvc repro evaluate`"):
        read_query_scores(path, tmp_path)
