#!/usr/bin/env bash
# pytrec_eval-terrier 0.5.11 (trec_eval inside): scores of a run are kept as float32. What differs by less is a tie, and ties are ordered by
# falling id: double-precision scores of long lists, such as sums of log-probabilities or 1e6 + a fraction, are ranked by name.
# Seen: the relevant item `a` at 1000000.01, `b` at 1000000: mAP 1/2, as if equal; the relevant one named `z`: 1.
# Guessed: Python floats are compared as they are.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "pytrec_eval-terrier==0.5.11" "numpy==2.2.6"
"$work/env/bin/python" - <<'P'
import pytrec_eval


def mean_ap(run: dict[str, float], relevant: str) -> float:
    evaluator = pytrec_eval.RelevanceEvaluator({"q": {relevant: 1}}, {"map"})
    return evaluator.evaluate({"q": run})["q"]["map"]


close = mean_ap({"a": 1_000_000.01, "b": 1_000_000.0}, "a")
far = mean_ap({"a": 1_000_001.0, "b": 1_000_000.0}, "a")
named = mean_ap({"z": 1_000_000.01, "b": 1_000_000.0}, "z")
print("apart by 0.01:", close, "by 1:", far, "by 0.01, the better one later by name:", named)
assert (close, far, named) == (0.5, 1.0, 1.0)
P
