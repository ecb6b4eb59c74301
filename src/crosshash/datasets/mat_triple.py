"""`mat_triple`: an existing triple of .mat files, in any of the layouts that are in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crosshash.datasets.readers.given_folder import given_folder
from crosshash.datasets.readers.mat_files import INDEX, read_mat_triple
from crosshash.datasets.readers.mat_parts import holds_parts, read_mat_parts
from crosshash.datasets.readers.unread import unread_files
from crosshash.errors import CrosshashError
from crosshash.formats.matlab.mat import list_mat
from crosshash.pairs.raw_record import describe_files
from crosshash.pairs.source import RawFile, RawItems, SplitSizes

SIZES = SplitSizes(query=0.125, train=0.875)
Layout = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _release(ending: str) -> Layout:
    """Name the files of one release: NAME-iall.mat ..., loose or packed in folders IAll, YAll, LAll, FAll."""
    named = [
        tuple(f"{place}*-{part}{ending}.mat" for part in parts for place in ("", "*/"))
        for parts in (("iall", "fall", "xall", "iall-vgg", "xall-vgg"), ("yall",), ("lall",))
    ]
    return named[0], named[1], named[2]


LAYOUTS: tuple[Layout, ...] = (
    # of kalenforn/clip-based-cross-modal-hash and QinLab-WFU's repositories, where NUS-WIDE's texts are .txt
    (("index.mat",), ("caption.mat", "caption.txt"), ("label.mat",)),
    # of jiangqy/DCMH-CVPR2017: mirflickr25k-iall.mat ...; of penghu-cs/UCCH: vectors of a VGG as
    # mirflickr25k-iall-vgg.mat, nus-wide-tc10-xall-vgg.mat; rows in another order as NAME-lall-rand.mat,
    # fewer of them as NAME-lall-clean.mat: files of one ending belong together
    *map(_release, ("", "-rand", "-clean")),
    # of WangGodder/deep-cross-modal-hashing: imgList21.mat ...
    (("imgList*.mat",), ("tagList*.mat",), ("labelList*.mat",)),
)
"""Names of the files with images, texts and labels; the first pattern that fits counts."""
WITHOUT_IMAGES = (
    "no images belong to these labels: neither names of pictures, nor pictures, nor vectors of them. Hash "
    "centres and the transform work, training does not"
)

Triple = tuple[Path | None, Path, Path]


def folder(raw: Path, path: str) -> Path:
    """Give the user's folder; nothing of it is copied to `raw`.

    Raises:
        CrosshashError: it is not there, or no folder.
    """
    holding = "index.mat, caption.mat, label.mat and the images that index.mat names"
    return given_folder("mat_triple.path", path, holding)


def fetch(raw: Path, path: str) -> list[RawFile]:
    """List the .mat files and those of the images that are there; convert judges the others."""
    place = folder(raw, path)
    if parts := _parts(place):
        read_mat_parts(parts)
        return describe_files(place, [parts.name])
    triple = find_triple(place)
    images = read_mat_triple(place, *triple).images
    files = [file for file in triple if file is not None]
    if isinstance(images, tuple):
        files += [image for image in images if image.is_file()]
    return describe_files(place, [file.relative_to(place).as_posix() for file in files])


def read(raw: Path, path: str) -> RawItems:
    """Read the triple, or vectors with a split; classes are numbered, since such files do not name them."""
    place = folder(raw, path)
    if parts := _parts(place):
        source = read_mat_parts(parts)
        return replace(source, warnings=(*source.warnings, *unread_files(place, [parts])))
    triple = find_triple(place)
    source = read_mat_triple(place, *triple)
    told = (f"{triple[2]}: {WITHOUT_IMAGES}",) if triple[0] is None else ()
    unread = unread_files(place, [file for file in triple if file])
    return replace(source, warnings=(*source.warnings, *told, *unread))


def find_triple(place: Path) -> Triple:
    """Find the files with images (None: none), texts and labels in a folder; one .mat alone holds all three.

    Raises:
        CrosshashError: a file is missing, or several could be meant.
    """
    without_images = None
    for layout in LAYOUTS:
        images, texts, labels = (_only(place, patterns) for patterns in layout)
        if images and texts and labels:
            return images, texts, labels
        if texts and labels and not without_images:
            without_images = None, texts, labels
    if without_images:
        return without_images
    alone = sorted(place.glob("*.mat"))
    if len(alone) == 1:
        return (alone[0] if set(INDEX) & set(list_mat(alone[0])) else None), alone[0], alone[0]
    present = ", ".join(file.name for file in alone) or "no .mat file"
    raise CrosshashError(
        f"{place}: found {present}. Give a folder with index.mat, caption.mat and label.mat; with "
        "NAME-iall.mat (or -iall-vgg, -xall-vgg), NAME-yall.mat and NAME-lall.mat, each with -rand, with "
        "-clean or each without; with imgList.mat, tagList.mat and labelList.mat; or with one .mat file that "
        "holds all, or wikiData.mat."
    )


def _parts(place: Path) -> Path | None:
    """Give the only .mat file of a folder, if it holds training items and queries apart."""
    alone = sorted(place.glob("*.mat"))
    return alone[0] if len(alone) == 1 and holds_parts(list_mat(alone[0])) else None


def _only(place: Path, patterns: Sequence[str]) -> Path | None:
    """Give the file that fits the first pattern which any fits."""
    for pattern in patterns:
        files = sorted(file for file in place.glob(pattern) if file.is_file())
        if len(files) > 1:
            names = ", ".join(file.relative_to(place).as_posix() for file in files)
            raise CrosshashError(f"{place}: {names}: which of them? Leave one of each in the folder.")
        if files:
            return files[0]
    return None
