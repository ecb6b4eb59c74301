"""`crosshash preset`: settings that belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crosshash.commands.options import told


def preset(
    name: Annotated[str | None, typer.Argument(help="Which one; without it, all are listed.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Put it into params.yaml.")] = False,
    project: Annotated[Path, typer.Option(help="Folder with params.yaml and presets.")] = Path(),
) -> None:
    """Show settings that belong together: dvc exp run $(crosshash preset fair) -S method=hq."""
    with told():
        from crosshash.config.presets import list_presets, read_preset, write_preset

        if name is None:
            presets = list_presets(project)
            width = max(len(one.name) for one in presets)
            for one in presets:
                print(f"{one.name:<{width}}  {one.title}")
            return
        chosen = read_preset(project, name)
        if write:
            write_preset(project, chosen)
            print(f"{project / 'params.yaml'}: {len(chosen.settings)} settings of {name}")
        else:
            print(" ".join(f"-S {setting}" for setting in chosen.settings))
