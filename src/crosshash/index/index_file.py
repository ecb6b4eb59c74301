"""Index files: FAISS's own format, and a last line with a checksum, without which a file is not read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from crosshash.artifacts import altered, atomic_path, missing
from crosshash.checksums import BLANK, MARK, AlteredError, check, seal
from crosshash.errors import CrosshashError
from crosshash.index.exact import Codes, Rows
from crosshash.index.structures import Kind, Structure, list_content

LAST_LINE = f"\ncrosshash index, version 2, {BLANK}\n".encode()
START = LAST_LINE.partition(MARK.encode())[0]
REMEDY = "Delete it and run `dvc repro index`."
OVER: dict[type, Kind] = {faiss.IndexBinaryHNSW: "hnsw", faiss.IndexBinaryMultiHash: "multihash"}


def write_index(path: Path, packed: Codes, rows: Rows, structure: Structure | None) -> None:
    """Write codes uint8[N, W] and rows int64[N], or the structure that holds them, atomically."""
    held = _flat(packed, rows) if structure is None else structure.held
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            faiss.serialize_index_binary(held).tofile(file)
            file.write(LAST_LINE)
        seal(temporary)


def read_index(path: Path, mapped: bool) -> tuple[Codes, Rows, Structure | None, Any]:
    """Read codes uint8[N, W], rows int64[N], the structure if there is any, and what holds the mapping.

    mapped: after all of it was read once, for its checksum, the operating system reads what a search needs
    when it needs it; nothing may be changed.

    Raises:
        CrosshashError: the file is missing, cut, differs from its checksum, or is no index of this kind.
    """
    _check_whole(path)
    try:
        held: Any = faiss.read_index_binary(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    except (RuntimeError, MemoryError) as error:
        reason = str(error).split("Error: ")[-1]
        raise CrosshashError(f"{path}: is damaged ({reason}). {REMEDY}") from None
    structure, flat = _parts(path, held)
    packed, rows = _listed_codes(held) if flat is None else (_view(flat), faiss.vector_to_array(held.id_map))
    return packed if mapped else packed.copy(), rows, structure, held if mapped else None


def _check_whole(path: Path) -> None:
    """Refuse what is cut or damaged before FAISS looks at it: it trusts the lengths that a file names."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - len(LAST_LINE)))
            if not file.read().startswith(START):
                raise CrosshashError(f"{path}: is cut, or no index of this version of crosshash. {REMEDY}")
            check(file)
    except FileNotFoundError:
        raise missing(path) from None
    except AlteredError as error:
        raise altered(path, error, REMEDY) from None
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}).") from None


def _flat(packed: Codes, rows: Rows) -> Any:  # noqa: ANN401 - FAISS has no types
    flat = faiss.IndexBinaryIDMap(faiss.IndexBinaryFlat(8 * packed.shape[1]))
    if len(packed):
        flat.add_with_ids(np.ascontiguousarray(packed), rows)
    return flat


def _parts(path: Path, held: Any) -> tuple[Structure | None, Any]:  # noqa: ANN401
    """Tell the kinds apart; gives the structure, and the flat index that holds the codes unless lists do."""
    if isinstance(held, faiss.IndexBinaryIVF):
        return Structure("ivf", held), None
    inner = faiss.downcast_IndexBinary(held.index) if type(held) is faiss.IndexBinaryIDMap else held
    if inner is not held and isinstance(inner, faiss.IndexBinaryFlat):
        return None, inner
    if inner is held or type(inner) not in OVER:
        raise CrosshashError(f"{path}: is a {type(inner).__name__}, not an index of this project. {REMEDY}")
    return Structure(OVER[type(inner)], held), faiss.downcast_IndexBinary(inner.storage)


def _view(flat: Any) -> NDArray[np.uint8]:  # noqa: ANN401
    """Look at the codes of a flat index where they lie."""
    if not flat.ntotal:
        return np.zeros((0, flat.code_size), np.uint8)
    view = faiss.rev_swig_ptr(flat.xb.data(), flat.ntotal * flat.code_size)
    view.setflags(write=False)
    return np.asarray(view.reshape(-1, flat.code_size))


def _listed_codes(lists: Any) -> tuple[Codes, Rows]:  # noqa: ANN401
    """Gather the codes of all lists, by row."""
    packed, rows = zip(*(list_content(lists, number) for number in range(lists.nlist)), strict=True)
    order = np.argsort(np.concatenate(rows))
    return np.concatenate(packed)[order], np.concatenate(rows)[order]
