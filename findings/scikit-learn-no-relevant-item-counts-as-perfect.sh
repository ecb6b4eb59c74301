#!/usr/bin/env bash
# scikit-learn 1.9.1: `label_ranking_average_precision_score`, the only one of its measures that gives mAP of many queries at once, counts a query
# without any relevant item as 1, the best score; a query to which all is relevant also gets 1. `average_precision_score` gives 0 for the
# same query (with a warning), `ndcg_score` 0. Queries of a rare class then raise mAP, the more of them the better.
# Seen: 8 queries with their one relevant item on rank 4 (1/4 each) and 2 without any: 0.4 instead of 0.25 (left out) or 0.2 (as 0).
# Guessed: left out or 0; the documentation tells neither.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "scikit-learn==1.9.1" "numpy==2.4.6"
"$work/env/bin/python" - <<'P'
import warnings

import numpy as np
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score, ndcg_score

scores = np.tile([4.0, 3, 2, 1], (10, 1))
relevant = np.zeros((10, 4), int)
relevant[:8, 3] = 1
ranking = label_ranking_average_precision_score(relevant, scores)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    single = np.mean([average_precision_score(*one) for one in zip(relevant, scores, strict=True)])
empty = label_ranking_average_precision_score(relevant[9:], scores[9:]), ndcg_score(relevant[9:], scores[9:])
print("all ten", ranking, "those with a relevant item", label_ranking_average_precision_score(relevant[:8], scores[:8]))
print("by average_precision_score", single, "one without any: label ranking", empty[0], "NDCG", empty[1])
assert np.isclose(ranking, 0.4) and np.isclose(single, 0.2)
assert empty == (1, 0)
P
