from __future__ import annotations

from crosshash.experiments.table.scores import score_page, score_rows


def test_the_page_shows_a_row_per_task_and_the_other_values_below() -> None:
    page = score_page(
        "Experiment `otter`",
        {
            "method": "twdh",
            "bits": 16,
            "target_mAP": None,
            "train_bits_mAP": {"i2t": 0.91, "t2i": 0.9},
            "i2t": {"mAP": 0.5, "P@100": 0.25},
            "t2i": {"mAP": 0.123456, "P@100": None},
        },
        "dvc exp apply otter",
    ).splitlines()
    assert page[0] == "# Experiment `otter`"
    assert page[2:6] == [
        "| task | mAP | P@100 |",
        "| --- | --- | --- |",
        "| i2t | 0.5000 | 0.2500 |",
        "| t2i | 0.1235 |  |",
    ]
    assert {"- bits: 16", "- target_mAP: ", "- train_bits_mAP: i2t 0.9100, t2i 0.9000"} <= set(page)
    assert "dvc exp apply otter" in page[-1]


def test_a_set_without_labels_has_other_measures() -> None:
    page = score_page("otter", {"bits": 16, "i2t": {"recall@1": 0.5}, "t2i": {"recall@5": 1}})
    assert "| task | recall@1 | recall@5 |" in page
    assert "| i2t | 0.5000 |  |" in page
    assert "| t2i |  | 1 |" in page


def test_the_table_has_the_scores_of_each_task() -> None:
    rows = score_rows({"bits": 16, "t2i": {"mAP": 0.123456, "P@100": None}, "i2t": {"mAP": 0.5}})
    assert rows == [{"task": "i2t", "mAP": "0.5000"}, {"task": "t2i", "mAP": "0.1235", "P@100": ""}]
