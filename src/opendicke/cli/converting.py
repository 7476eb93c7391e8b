"""Hand results over to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opendicke.cli.application import app
from opendicke.cli.options import AsJson, Overwrite, Store
from opendicke.cli.output import answer, note, say


@app.command()
def convert(
    store: Store,
    out: Annotated[
        Path, typer.Argument(help="Where to write, a path ending in .nc, .csv or .zarr.")
    ],
    observable: Annotated[
        list[str] | None,
        typer.Option(help="Only this variable and its error (repeatable).  [default: all]"),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write a result as NetCDF, as one long table (CSV) or as Zarr.

    `opendicke show`, `plot` and `compare` read all three, and so does od.load.
    """
    from opendicke.errors import InputError, StoreError, nearest
    from opendicke.results.store import READABLE, check_writable, load, save

    check_writable(out, overwrite=overwrite, suffixes=READABLE, argument="OUT")
    dataset = load(store)
    if out.exists() and out.samefile(store):
        raise StoreError(f"`{out}` cannot be written: it is what is to be converted.")
    if "status" in dataset and "solver" not in dataset.dims:
        status = dataset["status"]
        if missing := int((status == 0).sum()):
            note(f"{missing} of {status.size} members are not there yet: resume `{store}`")
    if observable:
        for name in observable:
            if name not in dataset.data_vars:
                raise InputError(
                    "--observable", "be in the result", nearest(name, map(str, dataset.data_vars))
                )
        wanted = {*observable, *(f"{name}_stderr" for name in observable), "status"}
        dataset = dataset[[name for name in dataset.data_vars if name in wanted]]
    save(dataset, out, overwrite=overwrite)
    numbers = sum(int(data.size) for data in dataset.data_vars.values())
    say(f"{numbers} numbers of {len(dataset.data_vars)} variables written to {out}")
    answer(
        command="convert",
        store=str(store),
        out=str(out),
        variables=[str(name) for name in dataset.data_vars],
        numbers=numbers,
    )
