"""Several at once: `python -m faults.together [FOLDER]`. All that comes of it is as if one had waited.

Two flows, two `dvc repro`, an experiment in the folder of a service that runs, three `crosshash encode`.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import yaml

from benchmarks.service import serving
from faults.projects import Project, Said, ended, healed, whole_run
from faults.tries import Try, last_lines, record
from tests.flows.repositories import git
from tests.flows.test_deployment import PREFECT, process, wait_for

KIND = "pictures"
FLOW = (
    "import sys; from flows.train_twdh import train_twdh; print('saved', train_twdh(bits=int(sys.argv[1])))"
)
LOCKED = "lock"
ENCODERS, PICTURES = 3, 12
QUESTION: dict[str, str | int] = {"q": "a red circle", "top": 50}


def flows(whole: Project, project: Project) -> Try:
    """Two flows with different `bits` on a server of their own: both are saved, as runs of DVC would be."""
    wanted = [_outs(whole.recorded())]
    other = whole.copy(project.folder.with_name("other"))
    _change_bits(other, 8)
    wanted.append(_outs(whole_run(other).recorded()))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    more = {
        "PREFECT_HOME": str(project.folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": f"{project.tree / 'src'}:{project.tree}",
    }
    server = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with process("server", server, project.tree, project.environment(**more)):
        wait_for(f"{more['PREFECT_API_URL']}/health", 120)
        command = [sys.executable, "-c", FLOW]
        both = [project.start([*command, str(bits)], subprocess.PIPE, **more) for bits in (16, 8)]
        said = [ended(one) for one in both]
    text = "\n".join(one.text for one in said)
    if wrong := next((one.wrong for one in said if one.wrong), None):
        return Try("two flows", wrong, said=last_lines(text, 40))
    refs = git(project.tree, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    saved = [_outs(yaml.safe_load(git(project.tree, "show", f"{ref}:dvc.lock"))["stages"]) for ref in refs]
    same = sorted(map(str, saved)) == sorted(map(str, wanted))
    failed = any(one.status for one in said)
    return Try("two flows", "not healed" if failed else "same" if same else "silent", said=last_lines(text))


def repro(whole: Project, project: Project) -> Try:
    """Two `dvc repro` from nothing: DVC may refuse the second; the next one finds all as it should be."""
    both = [project.start(["dvc", "repro"], subprocess.PIPE) for _ in range(2)]
    said = [ended(one) for one in both]
    text = "\n".join(one.text for one in said)
    refused = [one for one in said if one.status]
    unclear = [one for one in refused if LOCKED not in one.text]
    if wrong := next((one.wrong for one in said if one.wrong), None):
        return Try("two dvc repro", wrong, said=last_lines(text, 40))
    if unclear or len(refused) == len(both):
        return Try("two dvc repro", "not healed", said=last_lines(text, 40))
    outcome, why = healed(project, whole, "report")
    return Try("two dvc repro", outcome, f"{len(refused)} refused", last_lines(why or text))


def served(whole: Project, project: Project) -> Try:
    """An experiment in the folder of a service: it answers as before, then by the new run, never by parts."""
    answers: list[tuple[int, str]] = []
    over = threading.Event()
    with serving(project.tree) as server:
        base = f"http://127.0.0.1:{server.port}"

        def ask() -> None:
            with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
                while not over.is_set():
                    answer = client.get("/search", params=QUESTION)
                    answers.append((answer.status_code, answer.text))
                    over.wait(0.05)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            said = project.run(["dvc", "exp", "run", "-S", "bits=8"])
        finally:
            over.set()
            asking.join()
    if said.wrong or said.status:
        return Try("experiment under a service", said.wrong or "not healed", said=last_lines(said.text, 40))
    with serving(project.tree) as server:
        new = httpx.get(f"http://127.0.0.1:{server.port}/search", params=QUESTION, trust_env=False)
    ways = [text for text, _ in groupby(text for _, text in answers)]
    whole_ones = ways in ([answers[0][1]], [answers[0][1], new.text])  # it takes a finished run up by itself
    good = {status for status, _ in answers} == {200} == {new.status_code} and whole_ones
    good = good and new.text != answers[0][1]
    which = f"{len(answers)} answers meanwhile, {len(ways)} of them different in turn"
    return Try("experiment under a service", "same" if good else "silent", which)


def encode(whole: Project, project: Project) -> Try:
    """Several `crosshash encode` of different pictures: each item is in the collection once."""
    raw = sorted((project.folder / "raw").rglob("*.jpg"))
    names: list[str] = []
    folders = []
    for number in range(ENCODERS):
        folder = project.folder / f"new-{number}"
        folder.mkdir()
        for place in range(PICTURES):
            names.append(f"own-{number}-{place}.jpg")
            shutil.copy(raw[number * PICTURES + place], folder / names[-1])
        folders.append(folder)
    commands = [["crosshash", "encode", str(folder)] for folder in folders]
    all_of_them = [project.start(command, subprocess.PIPE) for command in commands]
    said = [ended(one) for one in all_of_them]
    text = "\n".join(one.text for one in said)
    found = project.run(["crosshash", "search", "a red circle", "--top", "1000", "--json"])
    if any(one.wrong or one.status for one in (*said, found)):
        return Try("three crosshash encode", _worst((*said, found)), said=last_lines(text + found.text, 40))
    own = sorted(hit["id"] for hit in _hits(found.text) if hit["id"].startswith("own-"))
    outcome = "left over" if project.left_over() else "same" if own == sorted(names) else "silent"
    return Try("three crosshash encode", outcome, f"{len(own)} of {len(names)}", last_lines(text))


def tries(folder: Path) -> Iterator[Try]:
    """Every case, each on a copy of its own."""
    blank = Project.new(KIND, folder / "blank")
    whole = whole_run(blank.copy(folder / "whole"))
    for case in (repro, flows):
        yield case(whole, blank.copy(folder / "try"))
    for case in (served, encode):
        yield case(whole, whole.copy(folder / "try"))


def _outs(recorded: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    return {
        stage: [(out["path"], out["md5"]) for out in entry["outs"]]
        for stage, entry in sorted(recorded.items())
    }


def _change_bits(project: Project, bits: int) -> None:
    path = project.tree / "params.yaml"
    text = path.read_text(encoding="utf-8").replace("\nbits: 16", f"\nbits: {bits}")
    path.write_text(text, encoding="utf-8")


def _worst(said: tuple[Said, ...]) -> str:
    return next((one.wrong for one in said if one.wrong), "not healed")


def _hits(text: str) -> list[dict[str, Any]]:
    start = next(
        at for at, line in enumerate(text.splitlines()) if line.startswith(("[", "{"))
    )  # warnings stand before
    found = json.loads("\n".join(text.splitlines()[start:]))
    hits: list[dict[str, Any]] = found["hits"] if isinstance(found, dict) else found
    return hits


if __name__ == "__main__":
    record("together", tries)
