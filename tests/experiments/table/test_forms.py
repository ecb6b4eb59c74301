from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from crosshash.experiments.collect import LeftOut
from crosshash.experiments.table.latex import escaped, latex_table
from crosshash.experiments.table.leaderboard import Leaderboard, build_leaderboard
from crosshash.experiments.table.markdown import markdown_table
from crosshash.experiments.table.page import leaderboard_page
from tests.experiments.made_runs import made_run

LEFT = LeftOut("bad|run_1", "failed; `dvc queue logs bad` <b>says</b>\nwhy")


@pytest.fixture(scope="module")
def board() -> Leaderboard:
    """DCMHT, two seeds, beats TwDH at 16 bits; TwDH with another rule for ties has a group of its own."""
    better, worse = [0.6, 0.7, 0.8, 0.9] * 2, [0.1, 0.2, 0.3, 0.4] * 2
    runs = [
        made_run(
            {task: {"AP": [value + shift for value in better]} for task in ("i2t", "t2i")}, name, **facts
        )
        for name, shift, facts in (
            ("d0", 0.0, {"method": "dcmht"}),
            ("d1", 0.01, {"method": "dcmht", "settings": {"seed": 1}}),
        )
    ]
    runs.append(made_run({task: {"AP": worse} for task in ("i2t", "t2i")}, "t0"))
    runs.append(made_run({task: {"AP": worse} for task in ("i2t", "t2i")}, "t1", ties="by_id", bits=32))
    lost = {task: {"AP": worse} for task in ("i2t", "t2i")}
    runs.append(made_run(lost, "h0", method="hq", kept=False))
    return build_leaderboard(runs, [LEFT])


def test_markdown(board: Leaderboard) -> None:
    """Means 0.75 and 0.76: 0.7550, deviation 0.01 / sqrt(2) = 0.0071."""
    lines = markdown_table(board).splitlines()
    table = lines[: lines.index("")]
    assert {len(re.split(r"(?<!\\)\|", line)) for line in table} == {1 + 1 + 4 + 1}
    assert table[0].startswith("| mAP | mirflickr25k (ties by_id), 32 bits, i2t |")
    assert table[2] == "| DCMHT | – | – | **0.7550** ± 0.0071 (2) | **0.7550** ± 0.0071 (2) |"
    assert table[3] == "| HQ | – | – | 0.2500 (1)† | 0.2500 (1)† |"
    assert table[4] == "| TwDH | 0.2500 (1) | 0.2500 (1) | 0.2500 (1) | 0.2500 (1) |"
    assert table[5] == "| DCMHT, published [1] | – | – | 0.8263 | 0.8116 |"
    assert any(line.startswith("- [1] DCMHT: DCMHT paper") for line in lines)
    assert "- bad|run_1: failed; `dvc queue logs bad` <b>says</b> why" in lines


def test_latex(board: Leaderboard) -> None:
    """Every line of the table has as many columns as its head says, and nothing special is left bare."""
    text = latex_table(board)
    columns = len(re.findall(r"\\begin\{tabular\}\{l(r+)\}", text)[0]) + 1
    body = text.split("\\toprule")[1].split("\\bottomrule")[0]
    for line in (line for line in body.splitlines() if line.endswith("\\\\")):
        spans = sum(int(width) - 1 for width in re.findall(r"\\multicolumn\{(\d+)\}", line))
        assert line.count(" & ") + 1 + spans == columns, line
    assert r"DCMHT & -- & -- & \textbf{0.7550} {\scriptsize $\pm$ 0.0071 (2)}" in body
    assert r"0.2500 {\scriptsize (1)$^{\dagger}$}" in body
    assert r"\multicolumn{2}{c}{mirflickr25k (ties by\_id)}" in body
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}" in body
    assert text.count("{") == text.count("}")
    assert "% not in the table: bad|run_1: failed" in text
    assert all(ord(sign) < 128 for sign in body)


def test_special_signs_of_latex() -> None:
    assert escaped("50 % of a_b & c\\d ~ #1 {x}\n^2") == (
        r"50 \% of a\_b \& c\textbackslash{}d \textasciitilde{} \#1 \{x\} \textasciicircum{}2"
    )


def test_equal_tables_give_equal_text(board: Leaderboard) -> None:
    for form in (markdown_table, latex_table, leaderboard_page):
        assert form(board) == form(board)


def test_page_holds_all_it_needs(board: Leaderboard) -> None:
    text = leaderboard_page(board)
    assert not re.search(r"(src|href|url)\s*[=(]\s*['\"]?\s*(https?:|//)", text)
    assert "<script" not in text
    assert "&lt;b&gt;says&lt;/b&gt;" in text
    assert "<code>dvc queue logs bad</code>" in text


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(
    board: Leaderboard, chromium: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    """The page fits its window, only tables scroll; text stands out from its ground; nothing is fetched."""
    (tmp_path / "board.html").write_text(leaderboard_page(board), encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "board.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [url for url in asked if not url.startswith("file:")] == []
    assert page.locator("h2").all_inner_texts()[:2] == [
        "mirflickr25k (ties by_id)",
        "mirflickr25k (ties expected)",
    ]
    table = page.get_by_role("table", name="mirflickr25k (ties expected)")
    assert table.locator("tbody tr").nth(0).inner_text().split() == (
        ["DCMHT", "0.7550", "±", "0.0071", "(2)", "0.7550", "±", "0.0071", "(2)"]
    )
    assert table.locator("b").all_inner_texts() == ["0.7550", "0.7550"]
    assert page.locator("summary").is_visible()
    assert page.get_by_text("d1 (seed 1)").count() == 1
    assert contrast(*(page.evaluate(f"getComputedStyle(document.body).{key}") for key in COLOURS)) >= 7
    page.close()


COLOURS = ("color", "backgroundColor")


def contrast(*colours: str) -> float:
    """WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""
    found = []
    for colour in colours:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        found.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(found) + 0.05) / (min(found) + 0.05)


def test_page_on_paper(board: Leaderboard, chromium: Browser, tmp_path: Path) -> None:
    """Printed from a dark screen: dark on white, and no table wider than the sheet."""
    (tmp_path / "board.html").write_text(leaderboard_page(board), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1000, "height": 700}, color_scheme="dark")
    page.goto((tmp_path / "board.html").as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
