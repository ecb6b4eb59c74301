"""Every array that lies there and is not read is named: of a triple, of a file with a split, of features."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import scipy.io

from crosshash.datasets import features, mat_triple, mirflickr25k
from crosshash.datasets.readers.unread import SHOWN, unread_files, unread_variables
from tests.datasets.layouts.mirflickr_fixture import write_release
from tests.formats.mat_files import write_mat73, write_string_object

TAGS = np.eye(4, 5)
LABELS = np.eye(4, 3, dtype=np.uint8)


def test_variables_of_every_kind(tmp_path: Path) -> None:
    scipy.io.savemat(
        tmp_path / "old.mat",
        {"LAll": LABELS, "category": TAGS, "notes": {"a": 1.0}, "names": np.array(["a", "bb"])},
    )
    assert unread_variables(tmp_path / "old.mat", ["LAll"]) == (
        "old.mat: 'category' (4 x 5 double) is not read",
        "old.mat: 'notes' (1 x 1 struct) is not read",
        "old.mat: 'names' (2 char) is not read",
    )
    cells = np.array(["sky", "sea"], dtype=object).reshape(-1, 1)
    write_mat73(tmp_path / "new.mat", {"LAll": LABELS, "names": cells})
    assert unread_variables(tmp_path / "new.mat", ["LAll"]) == ("new.mat: 'names' (2 x 1 cell) is not read",)
    write_string_object(tmp_path / "object.mat")
    assert unread_variables(tmp_path / "object.mat", ()) == ("object.mat: 's' (opaque) is not read",)


def test_files_of_every_kind(tmp_path: Path) -> None:
    """In the folder and in those in it; damaged ones too, and never an error because of them."""
    for name in ("a.npy", "b.npz", "x/c.h5py", "x/y/deep.mat", "used.mat", "notes.txt", "im1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"?")
    (tmp_path / "folder.mat").mkdir()
    (tmp_path / "cut.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    scipy.io.savemat(tmp_path / "x/more.MAT", {"XAll": TAGS, "t": 1.0}, appendmat=False)
    scipy.io.savemat(tmp_path / "none.mat", {})
    assert unread_files(tmp_path, [tmp_path / "used.mat"]) == (
        "a.npy is not read",
        "b.npz is not read",
        "cut.mat is not read: no sound .mat file",
        "none.mat is not read: empty",
        "x/c.h5py is not read",
        "x/more.MAT is not read: 'XAll' (4 x 5 double), 't' (1 x 1 double)",
    )


def test_a_file_for_each_picture_is_counted(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(SHOWN + 3):
        (tmp_path / f"masks/{number:02}.npy").touch()
        (tmp_path / f"{number:02}.npy").touch()
    lines = unread_files(tmp_path, [tmp_path / "00.npy"])
    assert len(lines) == 2 * (SHOWN + 1)
    assert lines[SHOWN] == "the folder: 2 more files of arrays are not read"
    assert lines[-1] == "masks/: 3 more files of arrays are not read"


def test_a_triple(tmp_path: Path) -> None:
    """make_nuswide.py of DarrenZZhang/MM23-MITH leaves caption_one_hot.mat beside the three."""
    scipy.io.savemat(tmp_path / "index.mat", {"index": np.array(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])})
    scipy.io.savemat(tmp_path / "caption.mat", {"caption": np.array(["one", "two", "t3", "four"])})
    scipy.io.savemat(tmp_path / "label.mat", {"label": LABELS, "order": np.arange(4.0)})
    scipy.io.savemat(tmp_path / "caption_one_hot.mat", {"caption_one_hot": TAGS.astype(np.float32)})
    assert mat_triple.read(Path("raw"), path=str(tmp_path)).warnings == (
        "label.mat: 'order' (1 x 4 double) is not read",
        "caption_one_hot.mat is not read: 'caption_one_hot' (4 x 5 single)",
    )


def test_one_file_for_all_three(tmp_path: Path) -> None:
    path = tmp_path / "all.mat"
    scipy.io.savemat(path, {"XAll": TAGS, "YAll": TAGS, "LAll": LABELS, "param": np.arange(3)})
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    assert found.warnings == ("all.mat: 'param' (1 x 3 int64) is not read",)


def test_vectors_by_an_unknown_name(tmp_path: Path) -> None:
    """They are not taken, and not passed over in silence either."""
    scipy.io.savemat(tmp_path / "flickr-lall.mat", {"LAll": LABELS})
    scipy.io.savemat(tmp_path / "flickr-yall.mat", {"YAll": TAGS})
    scipy.io.savemat(tmp_path / "flickr-iall-resnet.mat", {"XAll": TAGS})
    with h5py.File(tmp_path / "MSCOCO_deep_doc2vec_data_rand.h5py", "w") as file:
        file["XAll"] = TAGS
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    assert "no images belong to these labels" in found.warnings[0]
    assert found.warnings[1:] == (
        "MSCOCO_deep_doc2vec_data_rand.h5py is not read",
        "flickr-iall-resnet.mat is not read: 'XAll' (4 x 5 double)",
    )


def test_a_file_with_a_split(tmp_path: Path) -> None:
    """I_db and its kin, as in mir_cnn.mat of MTFH, are not searched."""
    parts = {f"{kind}_{part}": TAGS[:, :3] for part in ("tr", "te", "db") for kind in ("I", "T", "L")}
    scipy.io.savemat(tmp_path / "mir_cnn.mat", parts)
    found = mat_triple.read(Path("raw"), path=str(tmp_path))
    assert found.warnings == tuple(
        f"mir_cnn.mat: '{kind}_db' (4 x 3 double) is not read" for kind in ("I", "T", "L")
    )


def test_the_release_of_mirflickr(tmp_path: Path) -> None:
    release = write_release(tmp_path / "release")
    scipy.io.savemat(release / "mirflickr25k-fall.mat", {"FAll": np.array(["im1.jpg", "im2.jpg"])})
    found = mirflickr25k.read(tmp_path, tags="common", local=str(release))
    assert found.warnings[0] == "mirflickr25k-fall.mat is not read: 'FAll' (2 char)"


def test_a_feature_file(tmp_path: Path) -> None:
    arrays = {"image": TAGS, "text": TAGS, "labels": LABELS, "index": np.arange(4), "settings": np.ones(1)}
    np.savez(tmp_path / "all.npz", **arrays)
    scipy.io.savemat(tmp_path / "all.mat", arrays | {"notes": {"a": 1.0}})
    for name, others in (("all.npz", ["index", "settings"]), ("all.mat", ["index", "settings", "notes"])):
        warnings = features.read(tmp_path, path=str(tmp_path / name)).warnings
        assert [line for line in warnings if "not read" in line] == [
            f"{name}: array '{other}' is not read" for other in others
        ]


def test_a_feature_folder(tmp_path: Path) -> None:
    """Labels beside pairs.csv are those of the table; files beside both are named."""
    (tmp_path / "pairs.csv").write_text("image,caption,labels\na,one,x\nb,two,y\n")
    np.savez(tmp_path / "features.npz", image=TAGS[:2], labels=LABELS[:2], clip=TAGS)
    np.save(tmp_path / "text.npy", TAGS)
    warnings = features.read(tmp_path, path=str(tmp_path)).warnings
    assert [line for line in warnings if "not read" in line] == [
        "features.npz: array 'labels' is not read: pairs.csv says it",
        "features.npz: array 'clip' is not read",
        "text.npy is not read",
    ]
