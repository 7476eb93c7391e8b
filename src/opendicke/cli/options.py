"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opendicke.cli.completing import names_of_validities

Store = Annotated[Path, typer.Argument(help="Results, a path ending in .zarr, .nc or .csv.")]
File = Annotated[Path, typer.Argument(help="An experiment file (TOML).")]
Workers = Annotated[int | None, typer.Option(help="Compute in so many processes of this machine.")]
Scheduler = Annotated[
    str | None, typer.Option(help="Compute on a Dask cluster: the address of its scheduler.")
]
Validity = Annotated[
    str,
    typer.Option(
        help="Where a method does not hold: refuse, warn or ignore.",
        autocompletion=names_of_validities,
    ),
]
Figure = Annotated[
    Path | None,
    typer.Option(help="Where to save a figure, .png .pdf .svg.  [default: beside the results]"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would cost, and compute nothing.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Answer with one JSON object on standard output.")
]
"""Read by `main` itself, which knows it before the arguments are parsed."""
