"""`crosshash serve`: the search service and its page."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from crosshash.commands.options import Project, Store, check_one, told
from crosshash.errors import CrosshashError

if TYPE_CHECKING:
    from crosshash.service.access.token import Token

PREFIX = "CROSSHASH_SERVE"
"""Of the environment variables of all options: CROSSHASH_SERVE_PORT; values of repeatable ones by spaces."""


def serve(
    context: typer.Context,
    bundle: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of `crosshash export bundle`, in place of a project.", envvar=f"{PREFIX}_BUNDLE"
        ),
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
    max_connections: Annotated[
        int | None, typer.Option(min=1, help="Further ones are closed; all that open files allow without it.")
    ] = None,
    root_path: Annotated[
        str, typer.Option(help="Path under which a server in front shows this one: /photos.")
    ] = "",
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of pages whose scripts may read answers; repeatable.", metavar="ORIGIN"),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of /metrics alone; else it is at --port.")
    ] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Write a line of JSON for each request on standard output.")
    ] = False,
    reload_seconds: Annotated[
        float,
        typer.Option(min=0, max=3600, help="Time between looks for a newer index or model, 0: none."),
    ] = 2,
    token: Annotated[
        str | None,
        typer.Option(
            help="Who brings it (`Authorization: Bearer TOKEN`) may change items.",
            envvar="CROSSHASH_TOKEN",
        ),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File that holds the token.")] = None,
    token_for: Annotated[
        Literal["writes", "all"], typer.Option(help="What needs the token: changes, or all but health.")
    ] = "writes",  # noqa: S107
) -> None:
    """Serve search over HTTP, with a web page."""
    with told():
        check_one(index, store)
        if bundle is not None and _typed(context, "project"):
            raise CrosshashError("a bundle and --project: give one of them.")
        from crosshash.bundle.sources import BundleSource, ProjectSource, Source
        from crosshash.service.run import serve as run
        from crosshash.service.service import Settings

        secret = _token(context, token, token_file)
        of_all = token_for == "all"  # noqa: S105
        if of_all and secret is None:
            raise CrosshashError("--token-for all needs a token: set CROSSHASH_TOKEN or give --token-file.")
        settings = Settings(
            upload_mb=max_upload_mb,
            hosts=allow_host or (),
            reload_seconds=reload_seconds,
            token=secret,
            all_by_token=of_all,
            origins=cors_origin or (),
            root_path=root_path,
            metrics_port=metrics_port,
            access_log=access_log,
            max_connections=max_connections,
        )
        source: Source
        if bundle is None:
            _take_all_cores()
            source = ProjectSource(project, index, store)
        else:
            source = BundleSource(bundle, index, store)
        with suppress(KeyboardInterrupt):  # by which uvicorn tells of a Ctrl-C after its clean end
            run(source, host, port, settings)
        print("stopped")


def _token(context: typer.Context, text: str | None, file: Path | None) -> Token | None:
    """Take the token of a file, or as it is given.

    Raises:
        CrosshashError: it cannot be read, or is none.
    """
    from crosshash.service.access.token import Token, read_token

    if _typed(context, "token"):
        told = "every user of this machine can read --token in its list of processes"
        print(f"warning: {told}: better set CROSSHASH_TOKEN, or give --token-file", file=sys.stderr)
    if file is not None:
        text = read_token(file)
    return None if text is None else Token.of(text)


def _typed(context: typer.Context, option: str) -> bool:
    """Say whether an option stands on the command line."""
    source = context.get_parameter_source(option)
    # by name: typer has a copy of click, whose values differ
    return source is not None and source.name == "COMMANDLINE"


def _take_all_cores() -> None:
    import torch

    from crosshash.workers.cores import cores

    torch.set_num_threads(cores())
