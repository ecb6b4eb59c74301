"""What is told of the service: that it lives, that it is ready, what it searches."""

from __future__ import annotations

from pathlib import Path

from crosshash.artifacts import read_json
from crosshash.bundle.sources import ProjectSource
from crosshash.service.live.live import Live
from tests.service.clients import occupied
from tests.service.conftest import Running


def test_health_readiness_and_card_say_what_is_searched(service: Running) -> None:
    card = {
        "method": "twdh",
        "dataset": "scenes",
        "bits": 16,
        "distance": "hamming",
        "items": {"image": 108, "text": 108},
        "scores": {},
        "warning": None,
        "model": service.searcher.encoder.description["digest"],
        "index": service.searcher.files.digest,
    }
    assert service.client.get("/card").json() == card
    assert service.client.get("/healthz").json() == {**card, "status": "ok"}
    assert service.client.get("/readyz").json() == {**card, "status": "ready", "newer": None}


def test_the_card_of_a_project_has_its_scores_and_intervals(trained_project: Path) -> None:
    card, metrics = Live(ProjectSource(trained_project)).now.card, read_json(trained_project / "metrics.json")
    assert set(card.scores) == {"i2t", "t2i", "i2i", "t2t"} & set(metrics)
    for task, score in card.scores.items():
        assert score.model_dump() == {key: metrics[task][key] for key in ("mAP", "mAP_low", "mAP_high")}
    assert card.warning == metrics["warning"]


def test_a_service_whose_queue_is_full_lives_and_is_not_ready(service: Running) -> None:
    batches = service.service.batches
    longest, batches.longest_queue = batches.longest_queue, 0
    try:
        answer = service.client.get("/readyz")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert service.client.get("/healthz").status_code == 200
    finally:
        batches.longest_queue = longest


def test_both_are_told_while_a_batch_is_worked_on(service: Running) -> None:
    with occupied(service):
        assert service.client.get("/healthz").status_code == 200
        assert service.client.get("/readyz").status_code == 200
