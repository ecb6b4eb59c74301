from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from crosshash.cli import app


def run(project: Path, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["compare", *arguments, "--project", str(project)])
    return done.exit_code, done.stdout, done.stderr


def test_table(experiments: Path) -> None:
    code, text, _ = run(experiments, "second", "rival", "--resamplings", "200")
    assert code == 0
    assert "A: second" in text
    assert "method: twdh -> dcmht" in text
    rows = [line.split() for line in text.splitlines() if "mAP" in line or "P@10" in line]
    assert [row[:2] for row in rows] == [
        ["i2t", "mAP"],
        ["P@10", rows[1][1]],
        ["t2i", "mAP"],
        ["P@10", rows[3][1]],
    ]
    assert rows[0][-1] == f"{2 / 201:.4f}"
    assert float(rows[0][4]) < 0
    assert "i2t 40, t2i 40" in text
    assert "200 resamplings" in text


def test_markdown_has_a_row_per_measure_and_differences_that_leave_out_zero_in_bold(
    experiments: Path,
) -> None:
    code, text, _ = run(experiments, "second", "rival", "--markdown", "--resamplings", "200")
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == "A: second, B: rival"
    assert "- `method`: twdh -> dcmht" in lines
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    assert [row[:2] for row in cells[2:]] == [
        ["i2t", "mAP"],
        ["i2t", "P@10"],
        ["t2i", "mAP"],
        ["t2i", "P@10"],
    ]
    assert {len(row) for row in cells} == {7}
    found = json.loads(run(experiments, "second", "rival", "--json", "--resamplings", "200")[1])[
        "differences"
    ]
    for row, one in zip(cells[2:], found, strict=True):
        sure = one["low"] > 0 or one["high"] < 0
        change = f"{one['difference']:+.4f}"
        assert row[4] == (f"**{change}**" if sure else change)
    assert "200 resamplings" in text


def test_json(experiments: Path) -> None:
    code, text, _ = run(experiments, "main", "second", "--json", "--resamplings", "200")
    assert code == 0
    found = json.loads(text)
    assert (found["a"], found["b"], found["resamplings"]) == ("main", "second", 200)
    assert found["settings"] == {"seed": [0, 1]}
    first = found["differences"][0]
    assert (
        first["difference"] == first["b"] - first["a"]
        or abs(first["difference"] - (first["b"] - first["a"])) < 1e-12
    )
    assert run(experiments, "main", "second", "--json", "--resamplings", "200")[1] == text


def test_unknown_name(experiments: Path) -> None:
    code, text, error = run(experiments, "secnd", "rival")
    assert (code, text) == (1, "")
    assert "error: 'secnd' is no experiment" in error
    assert "did you mean second?" in error


def test_other_conditions(experiments: Path, tmp_path: Path) -> None:
    """A copy of the workspace's results that claims another rule for ties."""
    (tmp_path / "artifacts").mkdir()
    for name in ("metrics.json", "artifacts/per_query.parquet"):
        (tmp_path / name).write_bytes((experiments / name).read_bytes())
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps(metrics | {"ties": "by_id"}))
    code, _, error = run(experiments, "rival", str(tmp_path))
    assert code == 1
    assert "ties: expected and by_id" in error
