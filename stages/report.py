"""Write report/index.html, one self-contained page about the run."""

from __future__ import annotations

from pathlib import Path

from crosshash.artifacts import write_text
from crosshash.config.plans.base import read_plan
from crosshash.config.plans.report import ReportPlan
from crosshash.report.page import render_page
from crosshash.report.results import read_results
from stages import data_set, run

PAGE = Path("report/index.html")


def main(dataset: str) -> None:
    """Read what the other stages wrote and render it."""
    plan = read_plan("report", ReportPlan)
    results = read_results(Path(), dataset, plan.bits)
    shown = {"extremes": plan.extremes, "queries": plan.queries, "top": plan.top}
    write_text(PAGE, render_page(results, plan.method, plan.train_bits, **shown))


if __name__ == "__main__":
    run(lambda: main(data_set()))
