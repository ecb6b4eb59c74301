#!/usr/bin/env bash
# ranx 0.3.21: items of equal score are ranked in the order in which the dict of the run has them if there are up to 15 of a query, and beyond in
# one that follows from neither ids nor that order (it sorts by a quicksort that is not stable). By Hamming distance nearly all scores are
# shared: whoever lists relevant items first gets a better mAP from the same run.
# Seen: one relevant item among three equal ones: mAP 1, 1/2, 1/3 by its place in the dict; among 16, 17 and 40, named first: on rank 15, 16 and 21.
# Guessed: a stable sort, or by id as trec_eval has it, whichever way the dict was made.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "ranx==0.3.21" "numpy==2.2.6"
"$work/env/bin/python" -W ignore - <<'P'
from ranx import Qrels, Run, evaluate


def score(measure: str, names: list[str]) -> float:
    return float(evaluate(Qrels({"q": {"relevant": 1}}), Run({"q": dict.fromkeys(names, 1.0)}), measure))


three = [score("map", names) for names in (["relevant", "a", "b"], ["a", "relevant", "b"], ["a", "b", "relevant"])]
print("mAP by the place among three equal ones:", three)
assert [round(1 / one) for one in three] == [1, 2, 3]
ranks = {n: round(1 / score("mrr", ["relevant", *(f"item{i}" for i in range(n - 1))])) for n in (15, 16, 17, 40)}
print("rank of the one named first, by the number of equal ones:", ranks)
assert ranks[15] == 1
assert 1 not in (ranks[16], ranks[17], ranks[40])
P
