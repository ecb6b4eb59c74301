"""Changes of a collection that are killed, SIGKILL, before each change of a name; run as a process.

A single process loads the model and forks for each try: importing torch takes longer than all of them.
Prints JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crosshash.artifacts
from crosshash.artifacts import read_json
from crosshash.collection import grown_index, new_codes
from crosshash.collection.additions import Addition, read_additions
from crosshash.collection.again import encode_again
from crosshash.collection.collection import add_folder, add_items, remove_items
from crosshash.retrieval.codefiles.segments import segment_paths
from crosshash.search import Searcher
from crosshash.search.grown.known_items import read_known_items
from crosshash.search.trained import TrainedEncoder, load_encoder
from tests.search.conftest import run_again

STEPS = ((os, "replace"), (os, "unlink"), (crosshash.artifacts, "exchange"))
"""What changes names: between two of them, whoever looks sees the same."""


def forked(action: Callable[[], object]) -> bool:
    """Do something in a process of its own; says whether it came to its end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status == 0


def killed_at(step: int, action: Callable[[], object]) -> bool:
    """Do something in a process that is killed before a step; says whether it ended before that one."""
    left = [step]

    def counted(before: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return before(*given, **named)

        return call

    def patched() -> None:
        for where, name in STEPS:
            setattr(where, name, counted(getattr(where, name)))
        action()

    return forked(patched)


State = tuple[list[str], str]


def state(collection: Path) -> State:
    """The ids of a collection, and the model that it is of."""
    items = read_known_items(collection / "index").whole().table["id"].drop_null().to_pylist()
    return sorted(items), read_json(collection / "index/statistics.json")["encoder"]["digest"]


def tried(project: Path, encoder: TrainedEncoder, action: Callable[[], object]) -> dict[str, int]:
    """Kill a change before each of its steps, from the same state; counts the tries by what they left."""
    collection, kept = project / "collection", project / "kept"
    shutil.copytree(collection, kept)
    old, counts = state(collection), {"before": 0, "after": 0}
    action()
    new = state(collection)
    for step in range(1000):
        shutil.rmtree(collection)
        shutil.copytree(kept, collection)
        ended = killed_at(step, action)
        found = state(collection)
        assert found in (old, new), (step, found)
        counts["before" if found == old else "after"] += 1
        if found == old:
            action()
        else:
            add_items(project, [], encoder=encoder)  # any next call
        assert state(collection) == new
        searcher = Searcher.over(encoder, project)
        (hits,) = searcher.find(searcher.encode_texts(["red cat"]), "t2t", 1000)
        assert {hit.id for hit in hits} <= set(new[0])
        names = {path.name for path in (collection / "pictures").glob("*/*")}
        assert names == {f"{name}.jpg" for name in searcher.files.items.whole().own("picture").values()}
        if ended:
            shutil.rmtree(kept)
            return counts
    raise AssertionError("too many steps")


def captions(*texts: str) -> list[Addition]:
    return [Addition(text, None, (text,), ("new",)) for text in texts]


def changes(project: Path, folder: Path) -> dict[str, dict[str, int]]:
    """Append what takes in the segment before, then write all anew."""
    encoder = load_encoder(project)
    add_items(project, captions("red cat"), encoder=encoder)
    grown_index.SMALL = 0
    add_items(project, captions("blue dog"), encoder=encoder)
    index = project / "collection/index"
    assert [path.name for path in segment_paths(index)] == ["00000001-00000001.parquet"]
    more = read_additions(folder)[:1]
    counts = {"append": tried(project, encoder, lambda: add_items(project, more, encoder=encoder))}
    assert [path.name for path in segment_paths(index)] == ["00000001-00000002.parquet"]
    grown_index.MOST = 0.0
    more = captions("green cat")
    counts["whole"] = tried(project, encoder, lambda: add_items(project, more, encoder=encoder))
    assert not segment_paths(index)
    grown_index.MOST = 0.25
    return counts


def again(project: Path) -> dict[str, dict[str, int]]:
    """Encode anew after another model has taken the first one's place."""
    add_items(project, captions("red cat", "blue dog"))
    remove_items(project, [state(project / "collection")[0][-1]])
    run_again(project, seed=1)
    return {"again": tried(project, load_encoder(project), lambda: encode_again(project))}


def blocks(project: Path, folder: Path) -> dict[str, int]:
    """Kill the first run in its third block of two items; count the blocks that the next one encodes."""
    whole, calls = new_codes._encoded, project / "calls"

    def counted(*given: Any) -> Any:  # noqa: ANN401
        with calls.open("a") as file:
            file.write("x")
        if calls.stat().st_size == 3 and not (project / "second").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*given)

    def run() -> None:
        new_codes.BLOCK, new_codes._encoded = 2, counted
        add_folder(project, folder, project / "mine")

    assert not forked(run)
    killed = calls.stat().st_size
    (project / "second").touch()
    assert not (project / "mine/index").exists()
    assert forked(run)
    return {"killed": killed, "second": calls.stat().st_size - killed}


if __name__ == "__main__":
    project, folder, other = map(Path, sys.argv[1:])
    print(json.dumps({"blocks": blocks(project, folder), **changes(project, folder), **again(other)}))
