#!/usr/bin/env bash
# torchmetrics 1.9.0: RetrievalAUROC puts all scores of a query through a sigmoid in single precision if one of them is outside 0 to 1. Scores
# from about 17 on are equal after it, so that a ranking by equal bits or by matching votes is taken for one great tie. The documentation of the
# classification measures tells of the sigmoid, that of the retrieval measures does not; the others among them take any scores.
# Seen: 64 bits minus distances 0 10 20 30 40, relevant on ranks 4 and 5: 0.5, as for random order; the same scores divided by 64: 0.
# Guessed: AUROC depends on order alone, so scaled scores give the same. Right: divide by the number of bits.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "torchmetrics==1.9.0" "torch==2.13.0" "numpy==2.4.6"
"$work/env/bin/python" - <<'P'
import torch
from torchmetrics.retrieval import RetrievalAUROC, RetrievalMAP

scores = 64 - torch.tensor([0.0, 10, 20, 30, 40])
worst = torch.tensor([False, False, False, True, True])
query = torch.zeros(5, dtype=torch.int64)


def measure(kind: type, scores: torch.Tensor) -> float:
    metric = kind()
    metric.update(scores, worst, indexes=query)
    return metric.compute().item()


for kind in (RetrievalAUROC, RetrievalMAP):
    print(kind.__name__, "scores", scores.tolist(), measure(kind, scores), "divided by 64", measure(kind, scores / 64))
assert measure(RetrievalAUROC, scores) == 0.5
assert measure(RetrievalAUROC, scores / 64) == 0
assert measure(RetrievalMAP, scores) == measure(RetrievalMAP, scores / 64)
assert "sigmoid" not in RetrievalAUROC.__doc__ and "logit" not in RetrievalAUROC.__doc__, "the documentation tells of it now"
P
