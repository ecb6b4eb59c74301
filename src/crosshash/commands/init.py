"""`crosshash init`: a new project, fit for one's own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crosshash.commands.options import told
from crosshash.errors import CrosshashError


def init(
    folder: Annotated[Path, typer.Argument(help="New folder of the project.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of your pictures, vectors or tables; without it: the scenes.")
    ] = None,
) -> None:
    """Lay out a project that runs by `dvc repro`, with settings for your own data."""
    with told():
        from crosshash.newproject.choices import choose
        from crosshash.newproject.layout import (
            check_place,
            default_settings,
            lay_out,
            put_under_control,
            source,
            take_away,
        )
        from crosshash.newproject.recognised import recognise
        from crosshash.newproject.settings import described, write_choices

        check_place(folder, images)
        choices = []
        if images is not None:
            choices = list(choose(recognise(images, default_settings(source()))))
        lay_out(folder)
        try:
            if choices:
                write_choices(folder, choices)
            put_under_control(folder)
        except CrosshashError:
            take_away(folder)
            raise
        for line in described(choices):
            print(line)
        print(f"\n{folder}: ready. Next:\n  cd {folder}\n  dvc repro\n  crosshash serve")
