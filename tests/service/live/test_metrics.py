"""Metrics at a port of their own."""

from __future__ import annotations

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from crosshash.errors import CrosshashError
from crosshash.service.live.metrics import at_port


def test_metrics_have_a_port_of_their_own_as_long_as_they_are_shown() -> None:
    registry = CollectorRegistry()
    Counter("eggs", "Laid", registry=registry).inc(12)
    with at_port("127.0.0.1", 0, registry) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        assert "eggs_total 12.0" in answer.text
        with pytest.raises(CrosshashError, match=f"--metrics-port {port}: cannot be had"):
            at_port("127.0.0.1", port, registry).__enter__()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
