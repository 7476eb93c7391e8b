"""Run an experiment file, and go on with what was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opendicke.cli.application import DONE, NOT_ALL_WELL, app, interruptible
from opendicke.cli.options import (
    AsJson,
    DryRun,
    Figure,
    File,
    Overwrite,
    Scheduler,
    Validity,
    Workers,
)
from opendicke.cli.output import answer, say


@app.command()
def run(
    file: File,
    store: Annotated[
        Path | None,
        typer.Option(help="Where to save results, .zarr or .nc.  [default: results/FILE.zarr]"),
    ] = None,
    figure: Figure = None,
    overwrite: Overwrite = False,
    validity: Validity = "refuse",
    workers: Workers = None,
    scheduler: Scheduler = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
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
        cost = estimate(experiment, known, workers=workers, validity=validity)
        say(cost)
        answer(
            command="run",
            dry_run=True,
            store=str(store),
            cells=cost.cells,
            pending=cost.pending,
            seconds=cost.seconds,
            memory_bytes=cost.memory,
            disk_bytes=cost.disk,
        )
        return DONE
    there = None if overwrite else _written(store)
    with interruptible():
        dataset = run_experiment(
            experiment,
            store,
            scheduler=scheduler,
            workers=workers,
            overwrite=overwrite,
            validity=validity,
        )
    return _said("run", dataset, store, figure, reused=there == _written(store))


@app.command()
def resume(
    store: Annotated[Path, typer.Argument(help="A Zarr store that `run` began.")],
    figure: Figure = None,
    validity: Validity = "refuse",
    workers: Workers = None,
    scheduler: Scheduler = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute members again that failed.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Go on with a run that was interrupted or killed."""
    from opendicke.experiment.run import resume as resume_store
    from opendicke.plots.style import check_figure_path
    from opendicke.results.store import check_folder, named

    figure = check_figure_path(figure or named(store).with_suffix(".png"))
    check_folder(figure)
    there = _written(store)
    with interruptible():
        dataset = resume_store(
            store,
            scheduler=scheduler,
            workers=workers,
            validity=validity,
            retry_failed=retry_failed,
        )
    return _said("resume", dataset, store, figure, reused=there == _written(store))


def _written(store: Path) -> int | None:
    """When a store was last written, if there is one."""
    root = store / "zarr.json" if store.is_dir() else store
    return root.stat().st_mtime_ns if root.exists() else None


def _said(command: str, dataset: Any, store: Path, figure: Path, *, reused: bool) -> int:
    """Draw the figure, say what is where, and how it ended."""
    import json

    from opendicke.plots.overview import overview
    from opendicke.plots.style import save_figure

    good, total = int((dataset["status"] == 1).sum()), int(dataset["status"].size)
    verb = "was already complete in" if reused else "saved in"
    say(f"dataset  {verb} {store}  ({good} of {total} members ended well)")
    save_figure(overview(dataset), figure)
    say(f"figure   saved in {figure}")
    answer(
        command=command,
        store=str(store),
        figure=str(figure),
        reused=reused,
        members=total,
        members_ended_well=good,
        method=json.loads(dataset.attrs["experiment"])["method"],
    )
    return DONE if good == total else NOT_ALL_WELL
