#!/usr/bin/env bash
# typer carries a copy of click (typer._click): what its contexts give is no member of click's own classes, though
# click is installed beside it. A comparison with them is False for ever and nothing says so.
# Seen (typer 0.29.2, click 8.5.1): get_parameter_source of an option given on the command line is named COMMANDLINE,
# is not click.core.ParameterSource.COMMANDLINE, and is of another class of the same name.
# Guessed: as typer's documentation builds on click, click's enumeration is the one that it gives.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check typer==0.29.2 click==8.5.1
cat > "$folder/seen.py" <<'P'
import click
import typer

app = typer.Typer()


@app.command()
def main(context: typer.Context, token: str = "") -> None:
    source = context.get_parameter_source("token")
    wanted = click.core.ParameterSource.COMMANDLINE
    print("typer", typer.__version__, source, "of", type(source).__module__, "equal to click's:", source == wanted)
    assert source.name == "COMMANDLINE" and source != wanted


app(["--token", "x"])
P
"$folder/venv/bin/python" "$folder/seen.py"
