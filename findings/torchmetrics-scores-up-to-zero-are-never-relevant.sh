#!/usr/bin/env bash
# torchmetrics 1.9.0: RetrievalMAP, RetrievalMRR, RetrievalPrecision and RetrievalRecall count an item whose score is 0 or below as not relevant,
# whatever its target; RetrievalNormalizedDCG, RetrievalHitRate, RetrievalRPrecision and RetrievalAUROC do not. No documentation says so, and nothing warns.
# Seen: one query, ranks 1 and 3 of three relevant. Scores 3 2 1: mAP 0.83; minus the distances, -1 -2 -3, the same ranking: mAP, MRR, precision and
# recall 0, with NDCG 0.92 unchanged. Cosines 0.5 0.1 -0.2: mAP 1 instead of 0.83, since the relevant item below zero is forgotten: it can also go up.
# Guessed: that the ranking alone counts. Right: scores moved above zero first.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "torchmetrics==1.9.0" "torch==2.13.0" "numpy==2.4.6"
"$work/env/bin/python" - <<'P'
import torch
from torchmetrics import retrieval

relevant = torch.tensor([True, False, True])
names = ("MAP", "MRR", "Precision", "Recall", "NormalizedDCG", "HitRate", "RPrecision", "AUROC")


def measure(*scores: float) -> dict[str, float]:
    found = {}
    for name in names:
        metric = getattr(retrieval, f"Retrieval{name}")()
        metric.update(torch.tensor(scores, dtype=torch.float32), relevant, indexes=torch.zeros(3, dtype=torch.int64))
        found[name] = round(metric.compute().item(), 2)
    return found


above, distances, cosines = measure(3, 2, 1), measure(-1, -2, -3), measure(0.5, 0.1, -0.2)
print(f"3 2 1: {above}\n-1 -2 -3: {distances}\n0.5 0.1 -0.2: {cosines}")
assert above == {**dict.fromkeys(names, 1), "MAP": 0.83, "Precision": 0.67, "NormalizedDCG": 0.92, "RPrecision": 0.5, "AUROC": 0.5}
assert distances == {**above, **dict.fromkeys(names[:4], 0)}
assert cosines == {**above, "MAP": 1, "Precision": 0.33, "Recall": 0.5}
P
