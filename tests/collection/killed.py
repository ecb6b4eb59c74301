"""Changes of a collection that are killed, SIGKILL, before each step that the disk sees; run as a process.

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
from crosshash.collection import grown_index, new_items
from crosshash.collection.additions import Addition
from crosshash.collection.again import encode_again
from crosshash.collection.collection import add_folder, add_items, remove_items
from crosshash.retrieval.codefiles.segments import segment_paths
from crosshash.search import Searcher
from crosshash.search.index_folder import read_known_items, run_index
from crosshash.search.trained import load_encoder
from tests.search.conftest import run_again

STEPS = ((os, "fsync"), (os, "replace"), (os, "unlink"), (crosshash.artifacts, "exchange"))


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


def ids(collection: Path) -> list[str]:
    return sorted(
        item for item in read_known_items(collection / "index").whole().table["id"].to_pylist() if item
    )


def tried(project: Path, action: Callable[[], object]) -> dict[str, int]:
    """Kill a change before each of its steps, from the same state; counts the tries by what they left."""
    collection, kept = project / "collection", project / "kept"
    shutil.copytree(collection, kept)
    action()
    after, counts = ids(collection), {"before": 0, "after": 0}
    old = ids(kept)
    for step in range(1000):
        shutil.rmtree(collection)
        shutil.copytree(kept, collection)
        ended = killed_at(step, action)
        found = ids(collection)
        assert found in (old, after), (step, found)
        counts["before" if found == old else "after"] += 1
        if not ended and found == old:
            action()
        elif not ended:
            add_items(project, [])  # any next change
        assert ids(collection) == after
        searcher = Searcher.open(project)
        (hits,) = searcher.find(searcher.encode_texts(["red cat"]), "t2t", 1000)
        assert {hit.id for hit in hits} <= set(after)
        names = {path.name for path in (collection / "pictures").glob("*/*")}
        own = searcher.files.items.whole().own("picture").values()
        assert names == {f"{name}.jpg" for name in own}
        if ended:
            shutil.rmtree(kept)
            return counts
    raise AssertionError("too many steps")


def captions(*texts: str) -> list[Addition]:
    return [Addition(text, None, (text,), ("new",)) for text in texts]


def changes(project: Path, folder: Path) -> dict[str, dict[str, int]]:
    """Append, append what takes in the segment before, remove, write all anew."""
    add_items(project, captions("red cat", "blue dog"))
    first = next(item for item in ids(project / "collection") if item not in ("red cat", "blue dog"))
    grown_index.SMALL = 0
    counts = {"append": tried(project, lambda: add_folder(project, folder))}
    assert len(segment_paths(project / "collection/index")) == 1
    counts["merge"] = tried(project, lambda: add_items(project, captions(*(f"cat {n}" for n in range(4)))))
    assert [path.name for path in segment_paths(project / "collection/index")] == [
        "00000001-00000002.parquet"
    ]
    counts["remove"] = tried(project, lambda: remove_items_once(project, [first]))
    grown_index.MOST = 0
    counts["whole"] = tried(project, lambda: add_items(project, captions("green cat")))
    assert not segment_paths(project / "collection/index")
    return counts


def remove_items_once(project: Path, gone: list[str]) -> None:
    if set(gone) <= set(ids(project / "collection")):
        remove_items(project, gone)


def again(project: Path) -> dict[str, dict[str, int]]:
    """Encode anew after another model has taken the first one's place."""
    add_items(project, captions("red cat", "blue dog"))
    remove_items(project, [ids(project / "collection")[-1]])
    run_again(project, seed=1)
    return {"again": tried(project, lambda: encode_again(project))}


def blocks(project: Path, folder: Path) -> dict[str, int]:
    """Kill the first run in its third block of two items; count the blocks that the next one encodes."""
    new_items.BLOCK = 2
    whole, calls = new_items._encoded, project / "calls"

    def counted(*given: Any) -> Any:  # noqa: ANN401
        with calls.open("a") as file:
            file.write("x")
        if calls.stat().st_size == 3 and not (project / "second").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*given)

    new_items._encoded = counted
    assert not forked(lambda: add_folder(project, folder, project / "mine"))
    killed = calls.stat().st_size
    (project / "second").touch()
    assert not (project / "mine/index").exists()
    assert forked(lambda: add_folder(project, folder, project / "mine"))
    return {"killed": killed, "second": calls.stat().st_size - killed}


if __name__ == "__main__":
    work, *places = sys.argv[1:]
    load_encoder(Path(places[0]))
    assert run_index(Path(places[0])).is_dir()
    print(json.dumps({"changes": changes, "again": again, "blocks": blocks}[work](*map(Path, places))))
