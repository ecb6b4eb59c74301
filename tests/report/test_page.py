"""The page: complete, self-contained, safe with any caption, the same bytes for the same run."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from crosshash.errors import CrosshashError
from crosshash.report.page import CAPTION_LENGTH, render_page, shortened
from crosshash.report.results import read_results
from tests.report.conftest import BITS

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What tests look at: every tag with its attributes, the ids, and the text outside style sheets."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"

    def words(self) -> str:
        return " ".join(self.text.split())


def render(
    folder: Path, dataset: str = "scenes", method: str = "twdh", queries: int = 3, top: int = 4
) -> str:
    return render_page(read_results(folder, dataset, BITS), method, 32, queries, top)


def test_equal_runs_give_equal_bytes(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    assert render(folder) == render(folder)


@pytest.mark.parametrize("kind", ["jpeg", "vector"])
def test_nothing_is_loaded_from_anywhere(write_run: Callable[..., Path], kind: str) -> None:
    html = render(write_run(image_kind=kind))
    page = Page(html)
    sources = [
        a[name] for _, a in page.tags for name in ("src", "href", "srcset", "data", "action") if name in a
    ]
    assert sources
    assert all(source and source.startswith(("#", "data:image/jpeg;base64,")) for source in sources)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert "@import" not in html
    assert "url(http" not in html


def test_references_inside_the_page_lead_somewhere(write_run: Callable[..., Path]) -> None:
    page = Page(render(write_run()))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for _, a in page.tags if (a.get("href") or "").startswith("#")}
    assert {"#scores", "#examples"} <= targets <= {f"#{one}" for one in ids}


def test_every_picture_has_an_alternative_text(write_run: Callable[..., Path]) -> None:
    page = Page(render(write_run(captions={"query/0.jpg": []})))
    pictures = [a for tag, a in page.tags if tag == "img"]
    assert len(pictures) == 3 + 3 * 4  # i2t: each query; t2i: four items for each query
    assert all((a["alt"] or "").strip() for a in pictures)
    assert all(a.get("aria-label") for tag, a in page.tags if tag == "svg")


def test_vectors_are_shown_by_id_and_caption(write_run: Callable[..., Path]) -> None:
    page = Page(render(write_run(image_kind="vector", captions={"query/3.jpg": []})))
    assert "img" not in {tag for tag, _ in page.tags}
    assert "query query/3.jpg" in page.words()
    assert "caption of 4" in page.words()


def test_captions_and_ids_cannot_become_markup(write_run: Callable[..., Path]) -> None:
    evil = "<script>alert('x')</script> \"quoted\" & <img src=http://example.org/x.png onerror=1>"
    names = [f"{part}/{row}.jpg" for part, row in (("query", 0), ("query", 3), ("train", 4), ("train", 5))]
    html = render(write_run(captions={name: [evil] for name in names}), top=9)
    page = Page(html)
    assert "<script" not in html
    assert evil in page.words()
    assert not any("onerror" in a for _, a in page.tags)
    assert any(a.get("alt") == evil for _, a in page.tags)


def test_headline_names_what_was_measured(write_run: Callable[..., Path]) -> None:
    words = Page(render(write_run())).words()
    assert "TwDH on scenes: 12-bit hash codes" in words
    assert "4 queries search 10 items" in words
    assert "equal distances expected" in words
    assert "queries without a relevant item 0" in words
    assert "bits delivered 12" in words
    assert "bits trained 32" in words


def test_scores_stand_beside_chance_interval_targets_and_long_code(write_run: Callable[..., Path]) -> None:
    words = Page(render(write_run())).words()
    for task in ("i2t", "t2i", "i2i", "t2t"):
        assert f"{task} 0.8123 0.7900 to 0.8300 0.7000 0.7500 0.6000 0.9000 0.3333 0.9900 0.8800" in words


def test_sets_without_labels_are_scored_by_recall(write_run: Callable[..., Path]) -> None:
    words = Page(render(write_run(labelled=False), top=14)).words()
    assert "i2t 0.2500 0.5000 0.7500" in words
    assert "✓ own partner" in words
    assert "no labels" in words
    for absent in ("AP@50[min]", "Chance", "hit d ="):
        assert absent not in words


def test_hits_and_misses_differ_by_sign_and_word(write_run: Callable[..., Path]) -> None:
    words = Page(render(write_run(unlabelled=("train/4.jpg",)), top=10)).words()
    assert all(mark in words for mark in ("✓ hit d =", "✗ miss d =", "? no label d ="))


def test_statistics_of_centres_transform_and_codes(write_run: Callable[..., Path]) -> None:
    words = Page(render(write_run())).words()
    assert "trained 32 3 hadamard 16 21 Plotkin 16.0 4 0 0" in words
    assert "delivered 12 3 hadamard 6 8 Plotkin 16.0 4 0 0" in words
    assert "ridge (used) sgd" in words
    assert "class centres mapped exactly 100.00 % 50.00 %" in words
    assert "bits right with 20 % of the long bits flipped 95.00 % 80.00 %" in words
    assert "images 10 7 0.00 % to 91.67 % 20.0" in words
    assert "texts 10 7 8.33 % to 100.00 % 20.0" in words


def test_generated_sets_show_published_figures_apart(write_run: Callable[..., Path]) -> None:
    html = render(write_run())
    assert "No paper reports TwDH on “scenes”" in html
    details = html[html.index("<details>") : html.index("</details>")]
    assert "Not comparable" in details
    assert "MIRFlickr-25K" in details
    assert html.count("0.8783") == details.count("0.8783") == 1


def test_published_figures_of_the_same_set_stand_open(write_run: Callable[..., Path]) -> None:
    html = render(write_run(dataset="wikipedia", method="djsrh"), "wikipedia", "djsrh")
    section = html[html.index('id="published"') : html.index('id="curves"')]
    assert "<details>" not in section
    assert "DJSRH paper (ICCV 2019)" in section
    assert "mAP@50" in section
    assert "MIRFlickr-25K</th>" not in section


def test_methods_without_centres_say_so(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    (folder / "artifacts/centers/statistics.json").write_text('{"used": false}', encoding="utf-8")
    (folder / "artifacts/transform_statistics.json").write_text('{"used": false}', encoding="utf-8")
    words = Page(render(folder)).words()
    assert "TwDH uses no hash centres" in words
    assert "without a transform" in words


def test_no_examples_when_none_are_asked_for(write_run: Callable[..., Path]) -> None:
    page = Page(render(write_run(), queries=0))
    assert "img" not in {tag for tag, _ in page.tags}
    assert "No examples" in page.words()


def test_provenance_holds_settings_and_data(write_run: Callable[..., Path]) -> None:
    results = read_results(write_run(), "scenes", BITS)
    words = Page(render_page(results, "twdh", 32, 1, 1)).words()
    assert results.pairs_sha256 in words
    assert len(results.pairs_sha256) == 64
    assert "plan/train.yaml" in words
    assert "dvc exp run -S method=twdh -S dataset=scenes -S bits=12" in words


def test_long_captions_are_cut_and_laid_in_one_line() -> None:
    assert shortened("a\n red\t circle ") == "a red circle"
    assert shortened("x" * CAPTION_LENGTH) == "x" * CAPTION_LENGTH
    assert shortened("x" * (CAPTION_LENGTH + 1)) == "x" * (CAPTION_LENGTH - 1) + "…"


@pytest.mark.parametrize(
    "path",
    [
        "metrics.json",
        "plots/pr.csv",
        "artifacts/codes/retrieval.npz",
        "artifacts/per_query.parquet",
        "data/scenes/pairs.parquet",
    ],
)
def test_a_missing_file_is_named_with_the_remedy(write_run: Callable[..., Path], path: str) -> None:
    folder = write_run()
    (folder / path).unlink()
    with pytest.raises(CrosshashError, match="dvc repro") as error:
        read_results(folder, "scenes", BITS)
    assert path in str(error.value)


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(CrosshashError) as error:
        read_results(tmp_path, "scenes", BITS)
    named = (
        "metrics.json",
        "plots/pr.csv",
        "codes/query.npz",
        "model.json",
        "dvclive",
        "scenes/info.json",
        "shards",
    )
    assert all(name in str(error.value) for name in named)


def test_results_of_another_run_are_refused(write_run: Callable[..., Path]) -> None:
    with pytest.raises(CrosshashError, match=r"metrics\.json has 12 bits, the plan says 16"):
        read_results(write_run(), "scenes", 16)


def test_codes_of_other_items_are_refused(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    path = folder / "data/scenes/pairs.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path, index=False)
    with pytest.raises(
        CrosshashError, match=r"query\.npz has 1 ids that pairs\.parquet lacks, as 'query/0\.jpg'"
    ):
        read_results(folder, "scenes", BITS)


def test_curves_keep_finite_values_by_step(write_run: Callable[..., Path]) -> None:
    folder = write_run()
    (folder / "dvclive/plots/metrics/loss.tsv").write_text(
        "step\tloss\n1\t0.5\n2\tnan\n3\t0.25\n", encoding="utf-8"
    )
    curves = read_results(folder, "scenes", BITS).curves
    assert curves["loss"] == [(1, 0.5), (3, 0.25)]
    assert curves["val_i2t"] == [(1, 0.4), (2, 0.7), (3, 0.8)]
