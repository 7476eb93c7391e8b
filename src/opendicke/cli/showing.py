"""Show what a result holds, and draw it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opendicke.cli.application import app
from opendicke.cli.options import AsJson, Store
from opendicke.cli.output import answer, say

_MOST_LISTED = 100
"""Values of a coordinate that are listed for machines."""


@app.command()
def show(store: Store, as_json: AsJson = False) -> None:
    """Show what a result holds and where it comes from."""
    import json

    from opendicke.results.store import load

    dataset = load(store)
    say(f"{store}")
    axes = ", ".join(f"{name}: {size}" for name, size in dataset.sizes.items())
    say(f"  dimensions   {axes}")
    if "status" in dataset and dataset["status"].ndim:
        done, good = int((dataset["status"] > 0).sum()), int((dataset["status"] == 1).sum())
        say(f"  cells        {done} of {dataset['status'].size} cells are there, {good} ended well")
    for name, data in dataset.data_vars.items():
        dims = ", ".join(map(str, data.dims)) or "one number"
        say(f"  {name!s:<15} {data.attrs.get('long_name', '')}  ({dims})")
    for name in ("opendicke_version", "created", "device", "wall_time_seconds", "seed", "numerics"):
        say(f"  {name:<18} {dataset.attrs.get(name, '')}")
    described = json.loads(dataset.attrs.get("experiment", "{}"))
    say("  experiment")
    for name, value in described.items():
        text = json.dumps(value, ensure_ascii=False)
        say(f"    {name:<14} {text if len(text) < 160 else text[:159] + '…'}")
    answer(command="show", store=str(store), **_content(dataset))


def _content(dataset: Any) -> dict[str, Any]:
    """What a dataset holds, for machines."""
    found: dict[str, Any] = {
        "dimensions": {str(name): int(size) for name, size in dataset.sizes.items()},
        "variables": {str(name): _described(data) for name, data in dataset.data_vars.items()},
        "coordinates": {
            str(name): _described(data) | {"values": _listed(data)}
            for name, data in dataset.coords.items()
        },
        "attributes": {str(name): _parsed(value) for name, value in dataset.attrs.items()},
    }
    if "status" in dataset:
        status = dataset["status"]
        found["members"] = {
            "asked": int(status.size),
            "there": int((status > 0).sum()),
            "ended_well": int((status == 1).sum()),
        }
    return found


def _described(data: Any) -> dict[str, Any]:
    words = {name: data.attrs[name] for name in ("long_name", "units") if name in data.attrs}
    return {"dimensions": list(map(str, data.dims)), "type": str(data.dtype)} | words


def _listed(data: Any) -> Any:
    """Values, if they are few; else None, for `opendicke convert` hands over the rest."""
    return data.values.tolist() if data.size <= _MOST_LISTED else None


def _parsed(value: Any) -> Any:
    """An attribute; what stands in it as JSON becomes a part of the object."""
    import json

    if not isinstance(value, str) or value[:1] not in "{[":
        return value if isinstance(value, str) else getattr(value, "tolist", lambda: value)()
    try:
        return json.loads(value)
    except ValueError:
        return value


@app.command()
def plot(
    store: Store,
    figure: Annotated[
        Path | None, typer.Option(help="Where to save it.  [default: beside the results]")
    ] = None,
    observable: Annotated[
        list[str] | None, typer.Option(help="Plot this observable only (repeatable).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Redraw the figure of a result, without solving anything."""
    from opendicke.plots.curves import curves
    from opendicke.plots.overview import overview
    from opendicke.plots.style import check_figure_path, save_figure
    from opendicke.results.store import READABLE, load, named

    figure = check_figure_path(figure or named(store, READABLE).with_suffix(".png"))
    dataset = load(store)
    save_figure(curves(dataset, observable) if observable else overview(dataset), figure)
    say(f"figure saved in {figure}")
    answer(command="plot", store=str(store), figure=str(figure))
