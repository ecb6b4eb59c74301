"""`crosshash data`: the data sets."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from rich.console import Console

from crosshash.commands.options import AsJson, Project, told


def data(project: Project = Path(), as_json: AsJson = False) -> None:
    """List the data sets: what they are, how much of them is here, where to read more."""
    with told():
        from crosshash.commands.dataset_table import catalog_table, list_datasets
        from crosshash.pairs.source import raw_folder

        entries = list_datasets(project, raw_folder())
    if as_json:
        print(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    Console().print(catalog_table(entries))
    for entry in entries:
        if entry.problem is not None:
            print(f"{entry.name}: {entry.problem}")
