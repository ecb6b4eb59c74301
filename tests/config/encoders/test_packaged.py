from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crosshash.config.encoders.packaged import LITE0, MINILM, PACKAGED, Packaged, checked_file
from crosshash.config.networks import check_networks
from crosshash.errors import CrosshashError
from tests.config.test_networks import section

ABSENT = Packaged("some-package", "no_such_module", "weights.pth", "0" * 64)
needed = pytest.mark.skipif(any(one.path is None for one in PACKAGED.values()), reason="crosshash[small]")


@needed
@pytest.mark.parametrize("name", [LITE0, MINILM])
def test_the_published_files_are_the_known_ones(name: str) -> None:
    path = checked_file(name)
    assert path.is_file()
    assert PACKAGED[name].module not in sys.modules


def test_a_missing_package_is_named_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, LITE0, ABSENT)
    message = r"the package some-package, which is not installed: pip install 'crosshash\[small\]'"
    with pytest.raises(CrosshashError, match=message):
        checked_file(LITE0)
    with pytest.raises(CrosshashError, match=rf"model\.image: '{LITE0}' comes in {message}"):
        check_networks(section(image=LITE0))


@needed
def test_another_file_under_the_same_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte differs; the package that is found first is the altered one."""
    packaged = PACKAGED[LITE0]
    assert packaged.path is not None
    content = bytearray(packaged.path.read_bytes())
    content[5000] ^= 1
    module = tmp_path / packaged.module
    (module / "models").mkdir(parents=True)
    (module / "__init__.py").touch()
    (tmp_path / packaged.module / packaged.file).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        CrosshashError, match=r"57934424\.pth: is not the file .* Install the package again: pip"
    ):
        checked_file(LITE0)
    (tmp_path / packaged.module / packaged.file).unlink()
    with pytest.raises(
        CrosshashError, match=r"57934424\.pth: cannot be read .* Install the package again: pip"
    ):
        checked_file(LITE0)
