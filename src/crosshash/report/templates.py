"""How templates of a package become pages: everything escaped, nothing undefined, no stray blank lines."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment_of(package: str) -> Environment:
    """Read templates from a folder of crosshash, such as `report`."""
    return Environment(
        loader=PackageLoader("crosshash", package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
