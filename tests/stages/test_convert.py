from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from crosshash.artifacts import parse_json, read_json, read_npz
from crosshash.config.plans.convert import ConvertPlan
from crosshash.errors import CrosshashError
from crosshash.pairs.info import read_info
from crosshash.pairs.labels import label_matrix
from crosshash.pairs.raw_record import write_raw
from crosshash.pairs.source import PixelRows, RawFile, RawItem, RawItems, SplitSizes
from crosshash.pairs.table import PARTS
from crosshash.shards.tar_files import read_items
from stages import convert, download
from tests.datasets.folders import picture, plain_rows, write_csv, write_folder
from tests.pairs.pair_rows import read_pairs
from tests.stages.stage_runs import REPOSITORY, files_of, run_both, start, write_plans

FILES = {
    "caption.mat",
    "index.mat",
    "info.json",
    "label.mat",
    "pairs.parquet",
    "shards",
    "split.json",
    "train_labels.npz",
    "vocabulary.json",
}


def custom(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Path:
    write_plans(root, "custom", {"path": str(folder)}, **changes)
    return run_both(root, monkeypatch) / "custom"


def test_scenes_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 scenes 20 are queries and 140 training items, 7 of which are validation queries."""
    write_plans(tmp_path, "scenes", {"count": 200, "seed": 0})
    data = run_both(tmp_path, monkeypatch) / "scenes"
    assert {path.name for path in data.iterdir()} == FILES
    info = read_info(data)
    assert info.counts == {"query": 20, "train": 133, "val": 7, "rest": 40, "unlabelled": 0, "captionless": 0}
    assert (info.image_kind, info.text_kind, len(info.classes)) == ("jpeg", "caption", 8)
    pairs, split = read_pairs(data), read_json(data / "split.json")
    in_order = {"query": split["query"], "train": split["train"], "val": split["val_query"]}
    chosen = {item for ids in in_order.values() for item in ids}
    in_order["rest"] = [pair.id for pair in pairs if pair.id not in chosen]
    for part, ids in in_order.items():
        items = list(read_items(data, part))
        assert sorted(item.id for item in items) == sorted(ids)
        assert part == "rest" or [item.id for item in items] == ids
        for item in items:
            pair = pairs[item.row]
            assert (item.id, item.captions, item.labels, part) == (
                pair.id,
                pair.captions,
                pair.labels,
                pair.part,
            )
    train = read_npz(data / "train_labels.npz")
    labels = label_matrix([item.labels for item in read_items(data, "train")], info.classes)
    assert train["labels"].tolist() == labels.tolist()


def test_equal_bytes_again_and_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for name in ("one", "two", "two"):
        write_plans(tmp_path / name, "scenes", {"count": 150, "seed": 0}, shard_mb=0.1)
        results.append(files_of(run_both(tmp_path / name, monkeypatch)))
    assert results[0] == results[1] == results[2]
    assert sum(name.startswith("scenes/shards/train-") for name in results[0]) > 1


@pytest.mark.parametrize(("name", "kind"), [("custom", "jpeg"), ("features", "vector")])
def test_examples_work_with_the_settings_of_params_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    for seed in range(5):
        write_plans(tmp_path, name, {"path": str(REPOSITORY / "examples" / name)}, split_seed=seed)
        info = read_info(run_both(tmp_path, monkeypatch) / name)
        assert info.image_kind == kind
        assert (info.counts["unlabelled"], info.counts["captionless"], info.counts["rest"]) == (1, 1, 2)
        assert info.counts["query"] >= 3


def test_example_pictures_are_small() -> None:
    sizes = [path.stat().st_size for path in (REPOSITORY / "examples/custom/images").iterdir()]
    assert max(sizes) <= 2048


def test_copies_shrunk_and_rewritten_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(8))
    picture(0, (60, 30)).save(folder / "0.jpg")
    picture(1).convert("CMYK").save(folder / "1.jpg")
    data = custom(tmp_path, folder, monkeypatch, max_side=20)
    parts = ("query", "train", "val", "rest")
    images = {item.id: item.image for part in parts for item in read_items(data, part)}
    assert len(images) == 8
    for number in range(2, 8):
        assert images[f"{number}.jpg"] == (folder / f"{number}.jpg").read_bytes()
    for number in range(2):
        assert images[f"{number}.jpg"] != (folder / f"{number}.jpg").read_bytes()


def damage(folder: Path) -> None:
    (folder / "1.jpg").unlink()
    (folder / "4.jpg").write_bytes(b"")
    (folder / "5.jpg").write_bytes((folder / "5.jpg").read_bytes()[:300])
    (folder / "6.jpg").write_text("no picture")


def test_bad_pictures_are_listed_together_with_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", [*plain_rows(40), ("4.jpg", "again", "cat")])
    damage(folder)
    with pytest.raises(CrosshashError) as error:
        custom(tmp_path, folder, monkeypatch)
    message = str(error.value)
    assert "4 picture(s) cannot be used" in message
    for line in ("1.jpg (row 3): ", "4.jpg (row 6, 42): ", "5.jpg (row 7): ", "6.jpg (row 8): "):
        assert line in message
    assert "convert.bad_images=skip" in message
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["raw"]


def test_a_caption_in_place_of_the_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than any file name may be: the operating system refuses to look for it."""
    folder = write_folder(tmp_path / "set", plain_rows(30))
    write_csv(folder / "pairs.csv", [*plain_rows(30), ("a very long text " * 40, "0.jpg", "cat")])
    with pytest.raises(CrosshashError, match=r"\(row 32\): the file cannot be read \(File name too long\)"):
        custom(tmp_path, folder, monkeypatch)


def test_more_than_twenty_bad_pictures_are_all_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(40))
    for number in range(30):
        (folder / f"{number}.jpg").unlink()
    with pytest.raises(CrosshashError) as error:
        custom(tmp_path, folder, monkeypatch)
    assert sum("the file is missing" in line for line in str(error.value).splitlines()) == 30


def test_skipped_pictures_are_told_and_gone_before_the_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(40))
    damage(folder)
    with caplog.at_level(logging.INFO):
        data = custom(tmp_path, folder, monkeypatch, bad_images="skip", query=6, train=30, val=0.1)
    assert "4 picture(s) cannot be used" in caplog.text
    assert "36 pairs, 2 classes: query 6, train 27, val 3, rest 0" in caplog.text
    assert not {"1.jpg", "4.jpg", "5.jpg", "6.jpg"} & {pair.id for pair in read_pairs(data)}
    with pytest.raises(CrosshashError, match="36 of 36 items can be queries"):
        custom(tmp_path, folder, monkeypatch, bad_images="skip", query=7, train=30)


def test_noise_in_the_queries_changes_no_training_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = plain_rows(60)
    data = custom(tmp_path, write_folder(tmp_path / "set", rows), monkeypatch)
    queries = set(read_json(data / "split.json")["query"])
    before = files_of(data)
    noise = [
        (name, "xyzzy words", "cat;dog") if name in queries else (name, text, label)
        for name, text, label in rows
    ]
    write_csv(tmp_path / "set/pairs.csv", noise)
    after = files_of(custom(tmp_path, tmp_path / "set", monkeypatch))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "caption.mat",
        "info.json",
        "label.mat",
        "pairs.parquet",
        "split.json",
        "shards/index.json",
        "shards/query-000000.tar",
    }
    split = parse_json(before["split.json"])
    assert {**parse_json(after["split.json"]), "pairs_sha256": ""} == {**split, "pairs_sha256": ""}


def test_absent_labels_and_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*plain_rows(30), ("u.jpg", "no label", ""), ("c.jpg", "", "cat"), ("n.jpg", "", "")]
    with caplog.at_level(logging.INFO):
        data = custom(tmp_path, write_folder(tmp_path / "set", rows), monkeypatch)
    assert "2 without label, 2 without text: these are only searched" in caplog.text
    assert {item.id: item.captions for item in read_items(data, "rest")} == {
        "u.jpg": ("no label",),
        "c.jpg": (),
        "n.jpg": (),
    }
    assert read_info(data).counts["unlabelled"] == 2


def test_a_set_without_any_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [(name, text, "") for name, text, _ in plain_rows(40)]
    with caplog.at_level(logging.INFO):
        data = custom(tmp_path, write_folder(tmp_path / "set", [*rows, ("n.jpg", "", "")]), monkeypatch)
    assert "no item has a label: scores go by each query's own partner" in caplog.text
    assert "1 without text: these are only searched" in caplog.text
    assert "without label" not in caplog.text
    info = read_info(data)
    assert (info.counts["query"], info.classes, info.chance) == (5, (), None)
    assert read_npz(data / "train_labels.npz")["labels"].shape == (info.counts["train"], 0)


def test_a_class_without_training_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`rare` is the label of one item; put it among the queries by asking for nearly all items as queries."""
    rows = [*plain_rows(30), ("r.jpg", "rare one", "rare")]
    folder = write_folder(tmp_path / "set", rows)
    seed = next(
        seed
        for seed in range(100)
        if "r.jpg"
        in read_json(
            custom(tmp_path, folder, monkeypatch, split_seed=seed, missing_class="warn") / "split.json"
        )["query"]
    )
    with pytest.raises(CrosshashError) as error:
        custom(tmp_path, folder, monkeypatch, split_seed=seed)
    message = str(error.value)
    assert "1 class(es) without a training item" in message
    assert "rare (1 items in all)" in message
    assert "split.missing_class to warn" in message
    caplog.clear()
    custom(tmp_path, folder, monkeypatch, split_seed=seed, missing_class="warn")
    assert "rare (1 items in all)" in caplog.text


def test_counts_fail_before_any_picture_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(40))
    damage(folder)
    with pytest.raises(CrosshashError) as error:
        custom(tmp_path, folder, monkeypatch, query=500, train=3500)
    assert "40 of 40 items" in str(error.value)
    assert "picture" not in str(error.value)


def test_features_with_text_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    image, text = random.random((40, 6)), random.random((40, 3)).astype(np.float16)
    labels = np.eye(4)[np.arange(40) % 4]
    np.savez(tmp_path / "all.npz", image=image, text=text, labels=labels)
    write_plans(tmp_path, "features", {"path": str(tmp_path / "all.npz")})
    data = run_both(tmp_path, monkeypatch) / "features"
    info = read_info(data)
    assert (info.image_kind, info.text_kind, info.image_dim, info.text_dim) == ("vector", "vector", 6, 3)
    assert read_json(data / "vocabulary.json") == {"words": []}
    for item in read_items(data, "query"):
        assert isinstance(item.image, np.ndarray)
        assert item.text is not None
        np.testing.assert_array_equal(item.image, image[int(item.id)].astype(np.float32))
        np.testing.assert_array_equal(item.text, text[int(item.id)].astype(np.float32))


def test_raw_files_that_vanished_are_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plans(tmp_path, "scenes", {"count": 60, "seed": 0})
    before = files_of(run_both(tmp_path, monkeypatch) / "scenes")
    for path in (tmp_path / "raw").rglob("*3.jpg"):
        path.unlink()
    convert.main()
    assert files_of(tmp_path / "data/scenes") == before


def test_users_files_that_changed_since_download_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(20))
    data = custom(tmp_path, folder, monkeypatch)
    before = files_of(data)
    (folder / "3.jpg").unlink()
    (folder / "4.jpg").write_bytes(b"other")
    with pytest.raises(CrosshashError) as error:
        convert.main()
    assert "3.jpg: vanished" in str(error.value)
    assert "4.jpg: changed" in str(error.value)
    assert files_of(data) == before


def test_full_disk_leaves_the_former_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of 64 blocks of 512 bytes on the size of a file stands for a disk without room."""
    write_plans(tmp_path, "scenes", {"count": 100, "seed": 0})
    data = run_both(tmp_path, monkeypatch)
    before = files_of(data)
    process = start(tmp_path, "convert", before="ulimit -f 64;")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("error: ")
    assert "cannot be written" in errors
    assert "Free disk space" in errors
    assert "Traceback" not in errors
    assert files_of(data) == before
    assert sorted(path.name for path in data.iterdir()) == ["raw", "scenes"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plans(tmp_path, "scenes", {"count": 60, "seed": 0})
    data = run_both(tmp_path, monkeypatch)
    data.chmod(0o555)
    try:
        with pytest.raises(CrosshashError, match=r"data/scenes: cannot be written"):
            convert.main()
    finally:
        data.chmod(0o755)


def large_set(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Download 400 pictures that take worker processes some seconds, so that signals come in the middle."""
    folder = root / "set"
    folder.mkdir()
    large = folder / "0.png"
    picture(0, (1500, 1500)).save(large, compress_level=1)
    for number in range(1, 400):
        os.link(large, folder / f"{number}.png")
    rows = [(f"{number}.png", text, label) for number, (_, text, label) in enumerate(plain_rows(400))]
    write_csv(folder / "pairs.csv", rows)
    write_plans(root, "custom", {"path": str(folder)}, max_side=64)
    monkeypatch.setenv("CROSSHASH_RAW", str(root / "raw"))
    monkeypatch.setenv("CROSSHASH_STATE", str(root / "state"))
    monkeypatch.setenv("CROSSHASH_THREADS", "2")
    monkeypatch.chdir(root)
    download.main()


def start_until_pictures_are_done(root: Path) -> subprocess.Popen[str]:
    """Start the conversion and wait until the workers have set something aside."""
    process = start(root, "convert")
    while process.poll() is None and not any(path.name == "new" for path in (root / "state").rglob("*")):
        time.sleep(0.01)
    return process


def of_group(group: int) -> list[str]:
    """Command lines of the processes of a group that are not merely waiting to be buried."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append((folder / "cmdline").read_text())
    return found


def wait_until_there(group: int, count: int) -> None:
    for _ in range(500):
        if len(of_group(group)) == count:
            return
        time.sleep(0.01)
    raise AssertionError(of_group(group))


def wait_until_gone(group: int) -> None:
    for _ in range(200):
        if not of_group(group):
            return
        time.sleep(0.02)
    pytest.fail(f"after four seconds there are still {of_group(group)}")


def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal sends it to the workers as well, which have nothing to say about it."""
    large_set(tmp_path, monkeypatch)
    process = start_until_pictures_are_done(tmp_path)
    wait_until_there(process.pid, 3)  # one worker may have pictures before the other has started
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "stopped by Ctrl-C; nothing half-written was left\n"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["raw"]
    wait_until_gone(process.pid)


def test_ctrl_c_while_workers_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large_set(tmp_path, monkeypatch)
    process = start(tmp_path, "convert")
    while process.poll() is None and not list((tmp_path / "state").glob("*/versions.json")):
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "stopped by Ctrl-C; nothing half-written was left\n")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["raw"]
    wait_until_gone(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_conversion_leaves_no_process_and_no_trace_after_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large_set(tmp_path, monkeypatch)
    process = start_until_pictures_are_done(tmp_path)
    process.kill()
    process.communicate()
    wait_until_gone(process.pid)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["raw"]
    for number in range(24, 400):
        (tmp_path / f"set/{number}.png").unlink()
    rows = [(f"{number}.png", text, label) for number, (_, text, label) in enumerate(plain_rows(24))]
    write_csv(tmp_path / "set/pairs.csv", rows)
    download.main()
    convert.main()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["custom", "raw"]
    again = files_of(tmp_path / "data/custom")
    convert.main()
    assert files_of(tmp_path / "data/custom") == again


def test_any_number_of_processes_gives_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plans(tmp_path, "scenes", {"count": 300, "seed": 0}, shard_mb=0.1)
    results = []
    for count in ("1", "2", "3"):
        monkeypatch.setenv("CROSSHASH_THREADS", count)
        results.append(files_of(run_both(tmp_path, monkeypatch) / "scenes"))
    assert results[0] == results[1] == results[2]


def test_full_disk_in_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 pictures of a chunk are larger than the 64 blocks of 512 bytes that a file may have."""
    write_plans(tmp_path, "scenes", {"count": 300, "seed": 0})
    monkeypatch.setenv("CROSSHASH_THREADS", "2")
    monkeypatch.setenv("CROSSHASH_RAW", str(tmp_path / "raw"))
    monkeypatch.chdir(tmp_path)
    download.main()
    process = start(tmp_path, "convert", before="ulimit -f 64;")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: pictures: 5 unit(s) of work failed" in errors
    assert "cannot be written (File too large). Free disk space" in errors.partition("error: ")[2]
    assert "Traceback" not in errors
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["raw"]


def test_the_quick_check_is_the_plans_to_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "set", plain_rows(40))
    data = (folder / "3.jpg").read_bytes()
    at = data.index(b"\xff\xc4") + 5  # a Huffman table
    (folder / "3.jpg").write_bytes(data[:at] + b"\xff" * 16 + data[at + 16 :])
    with pytest.raises(CrosshashError, match=r"3\.jpg \(row 5\): cannot be decoded"):
        custom(tmp_path, folder, monkeypatch)
    assert len(read_pairs(custom(tmp_path, folder, monkeypatch, check="quick"))) == 40


def test_conversion_needs_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = custom(tmp_path, write_folder(tmp_path / "set", plain_rows(30)), monkeypatch)
    before = files_of(data)
    code = (
        "import sys; from stages import convert; convert.main(); "
        "assert not {'torch', 'webdataset', 'prefect', 'matplotlib'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert files_of(data) == before


def plan(**changes: object) -> ConvertPlan:
    usual: dict[str, object] = {"dataset": "own", "settings": {}, "split_file": None}
    usual |= {"query": 4, "train": 20, "val": 0.1}
    usual |= {"split_seed": 0, "missing_class": "error", "check": "full", "max_side": 512}
    usual |= {"bad_images": "fail", "vocabulary": 10, "shard_mb": 1.0}
    return ConvertPlan.model_validate(usual | changes)


def test_a_set_of_labels_and_tags_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    items = tuple(RawItem(str(row), (f"tag{row % 3}",), ("odd" if row % 2 else "even",)) for row in range(30))
    tags = np.eye(3, dtype=np.uint8)[np.arange(30) % 3]
    source = RawItems(items, ("odd", "even"), None, tags)
    info = convert.write_dataset(plan(), source, SplitSizes(1, 1), tmp_path, tmp_path / "state")
    assert (info.image_kind, info.image_dim, info.text_kind, info.text_dim) == ("none", None, "vector", 3)
    found = [item for part in PARTS for item in read_items(tmp_path / "data/own", part)]
    assert sorted(item.row for item in found) == list(range(30))
    for item in found:
        assert item.image is None
        assert item.text is not None
        assert item.text.tolist() == tags[item.row].tolist()


def test_room_for_the_pictures_twice_is_asked_for_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pictures of 3e17 and 1e17 bytes take 8e17 together; shrunk to 16 pixels, next to nothing."""
    monkeypatch.chdir(tmp_path)
    sizes = {"images/a.jpg": 3 * 10**17, "images/b.jpg": 10**17, "pairs.csv": 10**17}
    write_raw(Path("data/raw/own.json"), "own", [RawFile(name, size, "") for name, size in sizes.items()])
    items = (RawItem("a"), RawItem("b"))
    source = RawItems(items, (), (tmp_path / "set/images/a.jpg", tmp_path / "set/images/b.jpg"))
    convert.check_room(plan(max_side=16), source, tmp_path / "set")
    convert.check_room(plan(max_side=10**9), replace(source, images=np.zeros((2, 3))), tmp_path / "set")
    with pytest.raises(
        CrosshashError, match=r"data/own: 800,000,000\.0 GB needed for the pictures.* put the project on"
    ):
        convert.check_room(plan(max_side=10**9), source, tmp_path / "set")
    assert not Path("data/own").exists()


def test_pictures_in_a_mat_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.zeros((6, 8, 3, 30), dtype=np.uint8) + 5 * np.arange(30, dtype=np.uint8)
    scipy.io.savemat(tmp_path / "all.mat", {"IAll": pixels})
    items = tuple(RawItem(str(row), ("a text",), ("one",)) for row in range(30))
    source = RawItems(items, ("one",), PixelRows(tmp_path / "all.mat", "IAll", 30))
    info = convert.write_dataset(plan(), source, SplitSizes(1, 1), tmp_path, tmp_path / "state")
    assert info.image_kind == "jpeg"
    for item in read_items(tmp_path / "data/own", "train"):
        assert isinstance(item.image, bytes)
        image = np.asarray(Image.open(io.BytesIO(item.image)))
        assert image.shape == (6, 8, 3)
        assert np.abs(image.astype(int) - 5 * item.row).max() <= 3


def test_pictures_left_out_beside_text_vectors_and_a_split_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items 1 and 8 are lost: the others keep their own texts, and the file may go on naming the lost."""
    monkeypatch.chdir(tmp_path)
    folder = write_folder(tmp_path / "set", plain_rows(12))
    (folder / "1.jpg").unlink()
    (folder / "8.jpg").unlink()
    items = tuple(RawItem(str(row), (), ("one",)) for row in range(12))
    paths = tuple(folder / f"{row}.jpg" for row in range(12))
    source = RawItems(items, ("one",), paths, np.arange(12, dtype=np.uint8)[:, None])
    split = {"query": ["0", "1"], "train": ["2", "8", "4"]}
    (tmp_path / "split.json").write_text(json.dumps(split))
    chosen = plan(split_file="split.json", query=None, train=None, val=0, bad_images="skip")
    info = convert.write_dataset(chosen, source, SplitSizes(1, 1), tmp_path, tmp_path / "state")
    assert info.counts["query"] == 1
    found = [item for part in PARTS for item in read_items(tmp_path / "data/own", part)]
    assert [item.id for item in found][:3] == ["0", "2", "4"]
    assert len(found) == 10
    for item in found:
        assert item.text is not None
        assert item.text.tolist() == [int(item.id)]
        assert item.image == paths[int(item.id)].read_bytes()


def test_a_split_that_has_changed_since_the_plan_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSHASH_STATE", str(tmp_path / "state"))
    Path("split.json").write_text("{}")
    changes = {"split_file": "split.json", "split_file_sha256": "0" * 64}
    write_plans(tmp_path, "custom", {"path": "set"}, **changes)
    with pytest.raises(CrosshashError, match=r"split\.json: has changed since the plan was made"):
        convert.main()


@pytest.mark.parametrize("policy", ["fail", "skip"])
@pytest.mark.parametrize("name", ["3.jpg", "pairs.csv"])
def test_a_raw_file_of_the_same_size_with_another_content_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, policy: str
) -> None:
    """Neither converted nor, as a bad picture may be, left out."""
    folder = write_folder(tmp_path / "set", plain_rows(30))
    data = custom(tmp_path, folder, monkeypatch, bad_images=policy)
    before = files_of(data)
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    with pytest.raises(
        CrosshashError, match=rf"(?s)no longer those that data/raw/custom\.json lists.*{name}"
    ):
        convert.main()
    assert files_of(data) == before
    path.write_bytes(content)
    convert.main()
    assert files_of(data) == before
