"""`crosshash serve`: the search service and its page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from crosshash.commands.options import Project, Store, check_one, told


def serve(
    bundle: Annotated[
        Path | None, typer.Argument(help="Folder of `crosshash export bundle`, in place of a project.")
    ] = None,
    project: Project = Path(),
    index: Annotated[
        Path | None, typer.Option(help="Folder of an index or collection, if not the project's.")
    ] = None,
    store: Store = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than the default reach others.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name that clients may call this service by, beside localhost and --host; repeatable.",
            metavar="NAME",
        ),
    ] = None,
    max_upload_mb: Annotated[float, typer.Option(min=0.001, max=1000, help="Largest picture taken.")] = 10,
    reload_seconds: Annotated[
        float,
        typer.Option(min=0, max=3600, help="Time between looks for a newer index or model, 0: none."),
    ] = 2,
) -> None:
    """Serve search over HTTP, with a web page."""
    with told():
        check_one(index, store)
        from crosshash.bundle.sources import BundleSource, ProjectSource, Source
        from crosshash.service.run import serve as run
        from crosshash.service.service import Settings

        source: Source
        if bundle is None:
            _take_all_cores()
            source = ProjectSource(project, index, store)
        else:
            source = BundleSource(bundle, index, store)
        settings = Settings(max_upload_mb, allow_host or (), reload_seconds)
        with suppress(KeyboardInterrupt):  # by which uvicorn tells of a Ctrl-C after its clean end
            run(source, host, port, settings)
        print("stopped")


def _take_all_cores() -> None:
    import torch

    from crosshash.workers.cores import cores

    torch.set_num_threads(cores())
