"""The command line: run an experiment file, show and plot what came out, make a paper."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="opendicke",
    help="Simulate open, disordered, multimode Dicke (spin-boson) models.",
    epilog="Start with: opendicke run examples/retrieval.toml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Store = Annotated[Path, typer.Argument(help="Results, a path ending in .zarr or .nc.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"opendicke {version('opendicke')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before the command."""


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="An experiment file (TOML).")],
    store: Annotated[
        Path | None,
        typer.Option(help="Where to save results, .zarr or .nc.  [default: results/FILE.zarr]"),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Where to save a figure, .png .pdf .svg.  [default: beside the results]"),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace results that are there.")] = False,
    validity: Annotated[
        str, typer.Option(help="Where a method does not hold: refuse, warn or ignore.")
    ] = "refuse",
) -> None:
    """Run an experiment file: dataset and figure."""
    from opendicke.experiment.experiment import Experiment
    from opendicke.experiment.run import run as run_experiment
    from opendicke.plots.overview import overview
    from opendicke.plots.style import check_figure_path, save_figure
    from opendicke.results.store import check_folder, check_writable

    experiment = Experiment.from_toml(file)
    store = store or Path("results") / f"{file.stem}.zarr"
    check_writable(store, overwrite=True)
    figure = check_figure_path(figure or store.with_suffix(".png"))
    check_folder(figure)
    there = store.exists() and not overwrite
    dataset = run_experiment(
        experiment, store, overwrite=overwrite, validity=validity, progress=True
    )
    save_figure(overview(dataset), figure)
    verb = "was already complete in" if there else "saved in"
    good, total = int((dataset["status"] == 1).sum()), dataset["status"].size
    typer.echo(f"dataset  {verb} {store}  ({good} of {total} members ended well)")
    typer.echo(f"figure   saved in {figure}")


@app.command()
def show(store: Store) -> None:
    """Show what a result holds and where it comes from."""
    import json

    from opendicke.results.store import load

    dataset = load(store)
    typer.echo(f"{store}")
    axes = ", ".join(f"{name}: {size}" for name, size in dataset.sizes.items())
    typer.echo(f"  dimensions   {axes}")
    for name, data in dataset.data_vars.items():
        dims = ", ".join(map(str, data.dims)) or "one number"
        typer.echo(f"  {name!s:<15} {data.attrs.get('long_name', '')}  ({dims})")
    for name in ("opendicke_version", "created", "device", "wall_time_seconds", "seed", "numerics"):
        typer.echo(f"  {name:<18} {dataset.attrs.get(name, '')}")
    described = json.loads(dataset.attrs.get("experiment", "{}"))
    typer.echo("  experiment")
    for name, value in described.items():
        text = json.dumps(value, ensure_ascii=False)
        typer.echo(f"    {name:<14} {text if len(text) < 160 else text[:159] + '…'}")


@app.command()
def plot(
    store: Store,
    figure: Annotated[
        Path | None, typer.Option(help="Where to save it.  [default: beside the results]")
    ] = None,
    observable: Annotated[
        list[str] | None, typer.Option(help="Plot this observable only (repeatable).")
    ] = None,
) -> None:
    """Redraw the figure of a result, without solving anything."""
    from opendicke.plots.curves import curves
    from opendicke.plots.overview import overview
    from opendicke.plots.style import check_figure_path, save_figure
    from opendicke.results.store import load

    figure = check_figure_path(figure or store.with_suffix(".png"))
    dataset = load(store)
    save_figure(curves(dataset, observable) if observable else overview(dataset), figure)
    typer.echo(f"figure saved in {figure}")


@app.command()
def paper(
    name: Annotated[
        str | None, typer.Argument(help="The paper.  [default: list all]", show_default=False)
    ] = None,
    figure: Annotated[
        str | None,
        typer.Argument(
            help="One figure, or `claims`.  [default: all figures, then the claims]",
            show_default=False,
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="How large: smoke, paper (as published) or beyond.  [default: paper]"),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where to save.  [default: results/NAME]")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace results that are there.")] = False,
) -> None:
    """Make the figures of a paper again and put its claims to the test."""
    from opendicke.errors import InputError
    from opendicke.papers import find_paper, known_papers
    from opendicke.papers.catalogue import CLAIMS

    if name is None:
        if scale is not None or folder is not None or overwrite:
            raise InputError("NAME", "be given with options", "was missing")
        for known in known_papers():
            typer.echo(f"{known}  {find_paper(known).title}")
            for item in find_paper(known).figures:
                typer.echo(f"  {item.name:<8} {item.title}")
            typer.echo(f"  {CLAIMS:<8} What the paper says, put to the test")
        return
    chosen = find_paper(name)
    size = chosen.scale(scale or "paper")
    if figure is not None and figure != CLAIMS:
        chosen.figure(figure)
    names = [item.name for item in chosen.figures] if figure is None else []

    from opendicke.papers.making import Workshop

    workshop = Workshop(chosen, size, folder or Path("results") / name, overwrite=overwrite)
    for made in workshop.make([*names, CLAIMS] if figure is None else [figure]):
        verb = "was already complete in" if made.reused else "saved in"
        typer.echo(f"{made.name:<8} {verb} {made.store}; shown in {made.shown}")
        if made.text:
            typer.echo(made.text)


_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, 2 for bad input, 130 when interrupted."""
    from opendicke.errors import InputError, StoreError, ValidityError

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _plain_warning
            outcome = app(args=arguments, standalone_mode=False)
    except (InputError, StoreError, ValidityError) as error:
        typer.echo(f"Error: {error}", err=True)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        outcome = _INTERRUPTED
    except Exception as error:
        shown = getattr(error, "format_message", None)  # a usage error of the command line
        if shown is None:
            raise
        typer.echo(f"Error: {shown()}", err=True)
        return int(getattr(error, "exit_code", 2))
    if outcome == _INTERRUPTED:  # also how typer reports it
        typer.echo("Interrupted.", err=True)
    return outcome if isinstance(outcome, int) else 0


def _plain_warning(message: Any, *_: Any, **__: Any) -> None:
    sys.stderr.write(f"Note: {message}\n")


def script() -> None:
    """The `opendicke` command."""
    sys.exit(main())


if __name__ == "__main__":
    script()
