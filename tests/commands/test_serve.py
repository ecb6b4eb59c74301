from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from crosshash.artifacts import read_json
from crosshash.cli import app
from crosshash.errors import CrosshashError
from crosshash.service.run import address, bound, listen, reaches_others


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["serve", *arguments])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_tells_its_address_answers_there_and_ends_by_ctrl_c(trained_project: Path) -> None:
    command = [
        Path(sys.executable).parent / "crosshash",
        "serve",
        "--port",
        "0",
        "--project",
        trained_project,
        "--allow-host",
        "search.example.org",
        "--allow-host",
        "192.0.2.7",
        "--access-log",
    ]
    environment = {**os.environ, "CROSSHASH_SERVE_METRICS_PORT": "0"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            found = re.match(r"(http://127\.0\.0\.1:\d+/) ", process.stdout.readline())
            assert found is not None, process.stderr.read()
            for host, status in (("search.example.org", 200), ("192.0.2.7", 200), ("other.example.org", 400)):
                assert httpx.get(f"{found[1]}healthz", headers={"Host": host}).status_code == status
            metrics = process.stdout.readline().strip()
            counted = 'crosshash_requests_total{method="GET",route="/healthz",status="200"} 2.0\n'
            assert counted in httpx.get(metrics).text
            assert httpx.get(f"{found[1]}metrics").status_code == 404
            lines = [json.loads(process.stdout.readline()) for _ in range(4)]
            assert [line["status"] for line in lines] == [200, 200, 400, 404]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == "stopped\n"
        warning = read_json(trained_project / "metrics.json")["warning"]
        assert process.stderr.read() == (f"WARNING: {warning}\n" if warning else "")


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = refused("--port", str(port))
    assert f"127.0.0.1:{port}" in message
    assert "--port" in message


def test_a_service_that_began_at_the_same_time_is_told_as_that(trained_project: Path) -> None:
    """Both are bound before either listens, which is when one of them has the port."""
    with bound("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        with bound("127.0.0.1", port) as late:
            other.listen()
            with pytest.raises(CrosshashError, match=f"127.0.0.1:{port} cannot be had .*--port 0"):
                listen(late)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    message = refused("--port", str(port), "--metrics-port", str(port), "--project", str(trained_project))
    assert f"127.0.0.1:{port} cannot be had" in message


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_of_nobody_here_is_named(host: str) -> None:
    message = refused("--host", host)
    assert host in message
    assert "--host" in message


def test_what_is_no_name_of_a_host_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    message = refused("--project", str(tmp_path), "--allow-host", "https://search.example.org")
    assert "--allow-host https://search.example.org: is no host name" in message


def test_a_token_is_asked_for_before_anything_is_read_and_never_repeated(tmp_path: Path) -> None:
    here = ("--project", str(tmp_path), "--port", "0")
    assert "--token-for all needs a token" in refused(*here, "--token-for", "all")
    short = CliRunner().invoke(app, ["serve", *here], env={"CROSSHASH_TOKEN": "not long"})
    assert "the token has to be 16 or more" in short.stderr
    assert "not long" not in short.stderr
    assert "--token-file" in refused(*here, "--token-file", str(tmp_path / "none"))


def test_a_token_on_the_command_line_is_warned_of(tmp_path: Path) -> None:
    here, secret = ["serve", "--project", str(tmp_path), "--port", "0"], "sixteen-letters-"
    warned = CliRunner().invoke(app, [*here, "--token", secret])
    assert warned.stderr.startswith("warning: every user of this machine can read --token")
    silent = CliRunner().invoke(app, here, env={"CROSSHASH_TOKEN": secret})
    assert silent.stderr.startswith(f"error: {tmp_path}")
    assert secret not in warned.stderr + silent.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HOST", "no.such.host.invalid", "--host no.such.host.invalid"),
        ("ALLOW_HOST", "a.example http://b.example", "--allow-host http://b.example: is no host name"),
        ("TOKEN_FOR", "all", "--token-for all needs a token"),
        ("BUNDLE", "/no/such/bundle", "a bundle and --project: give one"),
        ("STORE", "postgresql://nobody", "--index and --store: give one"),
        ("INDEX", "/no/such/index", "--index and --store: give one"),
    ],
)
def test_options_come_from_the_environment_too(tmp_path: Path, name: str, value: str, told: str) -> None:
    other = {"STORE": ["--index", "x"], "INDEX": ["--store", "lance:x"]}.get(name, [])
    here = ["serve", "--port", "0", "--project", str(tmp_path), *other]
    done = CliRunner().invoke(app, here, env={f"CROSSHASH_SERVE_{name}": value})
    assert done.exit_code == 1
    assert told in done.stderr


def test_a_folder_that_is_no_bundle_is_named() -> None:
    assert "/no/such/bundle: is no bundle" in refused("/no/such/bundle", "--port", "0")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    message = refused("--project", str(tmp_path), "--port", "0")
    assert str(tmp_path) in message
    assert "dvc repro" in message


@pytest.mark.parametrize(
    ("host", "others", "start"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:"),
        ("localhost", False, "http://"),
        ("0.0.0.0", True, "http://0.0.0.0:"),  # noqa: S104
        ("::1", False, "http://[::1]:"),
    ],
)
def test_who_can_reach_an_address(host: str, others: bool, start: str) -> None:
    if ":" in host and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("this machine has no IPv6")
    with bound(host, 0) as listener:
        assert reaches_others(listener) is others
        assert address(listener).startswith(start)
        assert not address(listener).endswith(":0/")
