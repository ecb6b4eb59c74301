from __future__ import annotations

from io import StringIO

import numpy as np
from rich.console import Console

from crosshash.retrieval.evaluation import evaluate
from crosshash.retrieval.tables import score_table
from tests.retrieval.sets import random_set


def shown(metrics: dict[str, object]) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(score_table(metrics))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_table_names_conventions_and_what_was_left_out() -> None:
    generator = np.random.default_rng(0)
    report = evaluate(random_set("q", generator, 6), random_set("r", generator, 20))
    metrics = {"bits": 16, **report.counts(), **report.scores(), "n_undefined": 3, "target_mAP": 0.5}
    text = shown(metrics)
    for part in ("AP@50[min]", "AP@50[hits]", "nDCG@1000", "16 bits, ties expected", "relevant item: 3"):
        assert part in " ".join(text.split())  # the caption may break anywhere
    for task, scores in report.scores().items():
        (line,) = [line for line in text.splitlines() if f" {task} " in line]
        assert all(f"{score:.4f}" in line for score in scores.values())
    assert "mAP of the targets as codes: 0.5," in text
    assert "without text" not in text
