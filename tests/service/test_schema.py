"""The service does what /openapi.json says: schemathesis makes requests of it, right ones and wrong ones.

By hand, and more of them: `st --config-file tests/service/schemathesis.toml run URL/openapi.json -n 500`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.service.conftest import Running

CONFIG = Path(__file__).with_name("schemathesis.toml")


def test_every_answer_is_one_that_is_described(service: Running, tmp_path: Path) -> None:
    st = [Path(sys.executable).with_name("st"), "--config-file", CONFIG, "run", "--no-color"]
    limits = ["--max-examples", "10", "--generation-deterministic"]
    done = subprocess.run(
        [*st, *limits, f"{service.base}openapi.json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 selected / 9 total" in done.stdout


def test_refusals_are_described_where_they_happen(service: Running) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    described = {
        (path, method): sorted(route["responses"])
        for path, methods in paths.items()
        for method, route in methods.items()
    }
    assert described == {
        ("/search", "get"): ["200", "422", "503"],
        ("/search", "post"): ["200", "408", "413", "415", "422", "503"],
        ("/search/batch", "post"): ["200", "408", "413", "415", "422", "503"],
        ("/items/{id}", "get"): ["200", "404", "422", "503"],
        ("/picture", "get"): ["200", "404", "422", "503"],
        ("/healthz", "get"): ["200", "503"],
        ("/readyz", "get"): ["200", "503"],
        ("/card", "get"): ["200", "503"],
        ("/metrics", "get"): ["200", "503"],
    }
    refusal = {"$ref": "#/components/schemas/Refusal"}
    for methods in paths.values():
        for route in methods.values():
            for status, answer in route["responses"].items():
                if status != "200":
                    assert answer["content"]["application/json"]["schema"] == refusal
