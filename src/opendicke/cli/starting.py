"""Write an experiment file to start from."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from opendicke.cli.application import app
from opendicke.cli.completing import names_of_methods
from opendicke.cli.options import AsJson
from opendicke.cli.output import answer, say


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="Where to write it, a path ending in .toml.")] = Path(
        "experiment.toml"
    ),
    method: Annotated[
        str,
        typer.Option(help="The method that it uses.", autocompletion=names_of_methods),
    ] = "mean-field",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented experiment file to start from.

    Methods: mean-field, truncated-wigner, rate-equation, kinetic-monte-carlo, lindblad,
    quantum-jumps, and auto, the one that is advised. Every file runs in seconds as it stands.
    """
    from opendicke.cli.templates import TEMPLATES, written
    from opendicke.errors import InputError, StoreError, nearest
    from opendicke.papers.data import write_whole
    from opendicke.results.store import check_folder

    kind = method.replace("_", "-")
    if kind not in TEMPLATES:
        raise InputError("--method", "be a known method", nearest(method, TEMPLATES))
    if file.suffix != ".toml":
        raise InputError("FILE", "end in .toml", f"was `{file}`")
    check_folder(file)
    if file.is_dir():
        raise StoreError(f"`{file}` cannot be written: it is a folder.")
    if file.exists() and not overwrite:
        raise StoreError(f"`{file}` exists already; choose another name or add --overwrite.")
    plain = re.fullmatch(r"[\w./+ -]+", str(file)) is not None
    name = shlex.quote(str(file)) if plain else "FILE"  # in a comment, of one line
    write_whole(written(kind, name), file)
    say(f"{kind} experiment written to {file}; run it with: opendicke run {name}")
    answer(command="new", file=str(file), method=kind)
