"""crosshash: images and texts as short binary codes, from raw data to scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crosshash.bundle.opened import open_bundle as open_bundle
    from crosshash.search import load as load

__version__ = "0.1.0"
__all__ = ["load", "open_bundle"]


def __getattr__(name: str) -> object:
    """Give these without importing what they need for those who only want the version or the codes."""
    if name == "load":
        from crosshash.search import load

        return load
    if name == "open_bundle":
        from crosshash.bundle.opened import open_bundle

        return open_bundle
    raise AttributeError(f"module 'crosshash' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List them too, for those who look around with the tab key."""
    return sorted({*globals(), *__all__})
