"""The command line: run an experiment file, show and plot what came out, make a paper."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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


def _say(what: object) -> None:
    """Print what may hold characters that the terminal cannot show, such as those of a path."""
    encoding = sys.stdout.encoding or "utf-8"
    typer.echo(str(what).encode(encoding, "backslashreplace").decode(encoding))


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        _say(f"opendicke {version('opendicke')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before the command."""


Workers = Annotated[int | None, typer.Option(help="Compute in so many processes of this machine.")]
Scheduler = Annotated[
    str | None, typer.Option(help="Compute on a Dask cluster: the address of its scheduler.")
]
Validity = Annotated[
    str, typer.Option(help="Where a method does not hold: refuse, warn or ignore.")
]
Figure = Annotated[
    Path | None,
    typer.Option(help="Where to save a figure, .png .pdf .svg.  [default: beside the results]"),
]


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="An experiment file (TOML).")],
    store: Annotated[
        Path | None,
        typer.Option(help="Where to save results, .zarr or .nc.  [default: results/FILE.zarr]"),
    ] = None,
    figure: Figure = None,
    overwrite: Annotated[bool, typer.Option(help="Replace results that are there.")] = False,
    validity: Validity = "refuse",
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost, and compute nothing.")
    ] = False,
) -> int:
    """Run an experiment file: dataset and figure. What is there already is not computed again."""
    from opendicke.experiment.experiment import Experiment
    from opendicke.experiment.run import estimate
    from opendicke.experiment.run import run as run_experiment
    from opendicke.plots.style import check_figure_path
    from opendicke.results.store import check_folder, check_writable

    experiment = Experiment.from_toml(file)
    store = store or Path("results") / f"{file.stem}.zarr"
    check_writable(store, overwrite=True)
    figure = check_figure_path(figure or store.with_suffix(".png"))
    check_folder(figure)
    if dry_run:
        known = None if overwrite else store
        _say(estimate(experiment, known, workers=workers, validity=validity))
        return _DONE
    there = None if overwrite else _written(store)
    with _interruptible():
        dataset = run_experiment(
            experiment,
            store,
            scheduler=scheduler,
            workers=workers,
            overwrite=overwrite,
            validity=validity,
        )
    return _said(dataset, store, figure, reused=there == _written(store))


@app.command()
def resume(
    store: Store,
    figure: Figure = None,
    validity: Validity = "refuse",
    workers: Workers = None,
    scheduler: Scheduler = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute members again that failed.")
    ] = False,
) -> int:
    """Go on with a run that was interrupted or killed."""
    from opendicke.experiment.run import resume as resume_store
    from opendicke.plots.style import check_figure_path
    from opendicke.results.store import check_folder, named

    figure = check_figure_path(figure or named(store).with_suffix(".png"))
    check_folder(figure)
    there = _written(store)
    with _interruptible():
        dataset = resume_store(
            store,
            scheduler=scheduler,
            workers=workers,
            validity=validity,
            retry_failed=retry_failed,
        )
    return _said(dataset, store, figure, reused=there == _written(store))


class _InterruptedError(Exception):
    """An interruption that says how to go on; typer would swallow the words."""


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interruption:
        raise _InterruptedError(str(interruption)) from None


def _written(store: Path) -> int | None:
    """When a store was last written, if there is one."""
    root = store / "zarr.json" if store.is_dir() else store
    return root.stat().st_mtime_ns if root.exists() else None


def _said(dataset: Any, store: Path, figure: Path, *, reused: bool) -> int:
    """Draw the figure, say what is where, and how it ended."""
    from opendicke.plots.overview import overview
    from opendicke.plots.style import save_figure

    good, total = int((dataset["status"] == 1).sum()), dataset["status"].size
    verb = "was already complete in" if reused else "saved in"
    _say(f"dataset  {verb} {store}  ({good} of {total} members ended well)")
    save_figure(overview(dataset), figure)
    _say(f"figure   saved in {figure}")
    return _DONE if good == total else _MEMBERS_FAILED


@app.command()
def show(store: Store) -> None:
    """Show what a result holds and where it comes from."""
    import json

    from opendicke.results.store import load

    dataset = load(store)
    _say(f"{store}")
    axes = ", ".join(f"{name}: {size}" for name, size in dataset.sizes.items())
    _say(f"  dimensions   {axes}")
    if "status" in dataset and dataset["status"].ndim:
        done, good = int((dataset["status"] > 0).sum()), int((dataset["status"] == 1).sum())
        _say(
            f"  cells        {done} of {dataset['status'].size} cells are there, {good} ended well"
        )
    for name, data in dataset.data_vars.items():
        dims = ", ".join(map(str, data.dims)) or "one number"
        _say(f"  {name!s:<15} {data.attrs.get('long_name', '')}  ({dims})")
    for name in ("opendicke_version", "created", "device", "wall_time_seconds", "seed", "numerics"):
        _say(f"  {name:<18} {dataset.attrs.get(name, '')}")
    described = json.loads(dataset.attrs.get("experiment", "{}"))
    _say("  experiment")
    for name, value in described.items():
        text = json.dumps(value, ensure_ascii=False)
        _say(f"    {name:<14} {text if len(text) < 160 else text[:159] + '…'}")


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
    from opendicke.results.store import load, named

    figure = check_figure_path(figure or named(store).with_suffix(".png"))
    dataset = load(store)
    save_figure(curves(dataset, observable) if observable else overview(dataset), figure)
    _say(f"figure saved in {figure}")


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
    store: Annotated[
        Path | None, typer.Option(help="The folder where to save.  [default: results/NAME]")
    ] = None,
    workers: Workers = None,
    overwrite: Annotated[bool, typer.Option(help="Replace results that are there.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost, and compute nothing.")
    ] = False,
) -> None:
    """Make the figures of a paper again and put its claims to the test.

    What is there already is not computed again, and an interrupted run goes on.
    """
    from opendicke.errors import InputError
    from opendicke.papers import find_paper, known_papers
    from opendicke.papers.catalogue import CLAIMS

    if name is None:
        if overwrite or dry_run or any(option is not None for option in (scale, store, workers)):
            raise InputError("NAME", "be given with options", "was missing")
        for known in known_papers():
            _say(f"{known}  {find_paper(known).title}")
            for item in find_paper(known).figures:
                _say(f"  {item.name:<12} {item.title}")
            _say(f"  {CLAIMS:<12} What the paper says, put to the test")
        return
    chosen = find_paper(name)
    size = chosen.scale(scale or "paper")
    if figure is not None and figure != CLAIMS:
        chosen.figure(figure)
    names = [item.name for item in chosen.figures] if figure is None else []

    from opendicke.papers.making import Workshop

    folder = store or Path("results") / name
    workshop = Workshop(chosen, size, folder, overwrite=overwrite, workers=workers)
    names = [*names, CLAIMS] if figure is None else [figure]
    workshop.check(names)
    cost = workshop.cost(names)
    if cost or dry_run:
        _say("\n".join(cost or [f"Everything is there in {folder}."]))
    if dry_run:
        return
    with _interruptible():
        for made in workshop.make(names):
            verb = "was already complete in" if made.reused else "saved in"
            _say(f"{made.name:<12} {verb} {made.store} (.nc, .csv); shown in {made.shown}")
            if made.text:
                _say(made.text)
            for note in made.notes:
                _plain_warning(note)


_DONE = 0
_MEMBERS_FAILED = 3
_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code.

    0: done; 2: bad input, or a store or workers that cannot be used; 3: done, but some members did
    not end well; 130: interrupted.
    """
    from opendicke.errors import InputError, StoreError, ValidityError

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _plain_warning
            outcome = app(args=arguments, standalone_mode=False)
    except (InputError, StoreError, ValidityError) as error:
        typer.echo(f"Error: {_sentence(str(error))}", err=True)
        return 2
    except _InterruptedError as interruption:
        text = str(interruption)
        typer.echo(_sentence(f"Interrupted{': ' if text else ''}{text}."), err=True)
        return _INTERRUPTED
    except (typer.Abort, KeyboardInterrupt):
        outcome = _INTERRUPTED
    except Exception as error:
        shown = getattr(error, "format_message", None)  # a usage error of the command line
        if shown is None:
            raise
        typer.echo(f"Error: {_sentence(shown())}", err=True)
        return int(getattr(error, "exit_code", 2))
    if outcome == _INTERRUPTED:  # also how typer reports it
        typer.echo("Interrupted.", err=True)
    return outcome if isinstance(outcome, int) else 0


def _sentence(text: str) -> str:
    """A message on one line, with its full stop; paths may hold what breaks lines."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if line.endswith((".", "?")) else f"{line}."


def _plain_warning(message: Any, *_: Any, **__: Any) -> None:
    sys.stderr.write(f"Note: {_sentence(str(message))}\n")


def script() -> None:
    """The `opendicke` command."""
    sys.exit(main())


if __name__ == "__main__":
    script()
