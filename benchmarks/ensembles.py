"""Ensembles: what a cell costs besides its solution, stores with many cells, Dask's workers.

The solver of the first rows answers at once, so that all that is left is the overhead: drawing,
reducing, judging, recording. `np.save` of the same numbers, one file for each cell, is the
yardstick.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from table import Finding, Row, duration
from timing import pair_of, size

import opendicke as od
from opendicke.experiment.plan import Plan
from opendicke.experiment.run import blank_layout, survey
from opendicke.measure.moments import Moments
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import AbstractMethod, Assessment, Verdict
from opendicke.results.ensemble_store import EnsembleStore

CELLS = size(10_000, 20)
MANY = size(100_000, 2000)
REPEATS = size(3, 1)
WORK = size(24, 2)
BUSY = size(1.0, 0.1)
"""Cells of a second for each worker: starting and ending count little beside them."""


@dataclasses.dataclass(frozen=True)
class AtOnce(AbstractMethod):
    """A method without any work: its answers are noise of a generator that is at hand."""

    kind: ClassVar[str] = "at-once"
    offers: ClassVar[tuple[type, ...]] = od.TruncatedWigner.offers
    stochastic: ClassVar[bool] = False

    def admits(self, model: Any, state: Any) -> None:
        """Everything."""

    def assess(self, problem: Any, times: Any) -> Assessment:
        """Always valid."""
        return Assessment(Verdict.VALID, "it does nothing", 0.0, 0.0, 0.0)

    def run_many(
        self,
        problems: Sequence[Any],
        times: Any,
        observables: Any,
        keys: Sequence[tuple[int, int]],
        progress: Any = None,
        before: Any = None,
    ) -> list[Raw]:
        """Numbers of the right shape."""
        moments = Moments(100, np.linspace(0, 1, len(times)), np.linspace(1, 2, len(times)))
        values = {item.name: moments for item in observables}
        numerics = {"step": 0.1, "trajectories": 100, "estimated_error": 1e-7}
        return [Raw(values, Status.OK, "", numerics) for _ in problems]


@dataclasses.dataclass(frozen=True)
class Idle(AtOnce):
    """A method whose cells keep one core busy for a while."""

    seconds: float = 1.0

    def run_many(self, *arguments: Any, **named: Any) -> list[Raw]:
        """Count until the time is over."""
        _busy(self.seconds)
        return super().run_many(*arguments, **named)


def _busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def experiment(realizations: int, method: AbstractMethod, times: int = 101) -> od.Experiment:
    """Small cells: 10 spins, 5 modes."""
    return od.Experiment(
        model=od.RandomDicke(od.Gaussian(1.0), 10, 5, frequencies=1.0, field=1.0),
        state=od.ProductState.polarized("+z"),
        times=np.linspace(0, 10, times),
        method=method,
        observables=["sx", "sz", "photons"],
        realizations=realizations,
    )


def overhead(folder: Path) -> Iterator[Row]:
    """Milliseconds of a cell, and the size on disk, against one file for each cell."""
    given = experiment(CELLS, AtOnce())
    cell = np.zeros((6, 101)) + np.random.default_rng(0).normal(size=(6, 101))
    ours, theirs = [], []
    for _ in range(REPEATS):
        (folder / "files").mkdir()
        start = time.perf_counter()
        for number in range(CELLS):
            np.save(folder / "files" / f"{number}.npy", cell)
        theirs.append(time.perf_counter() - start)
        shutil.rmtree(folder / "files")
        start = time.perf_counter()
        od.run(given, folder / "a.zarr")
        ours.append(time.perf_counter() - start)
        shutil.rmtree(folder / "a.zarr")
    pair = pair_of(list(zip(ours, theirs, strict=True)))
    what = (
        f"{CELLS:,} cells of 6 × 101 numbers: everything but the solution, "
        f"{duration(pair.ours / CELLS)} a cell"
    )
    yield Row(what, "run", "np.save of one file for each cell", pair)


def opening(folder: Path) -> Iterator[Row]:
    """Status of a large store."""
    plan = Plan.of(experiment(MANY, AtOnce(), 2))
    with EnsembleStore.create(
        folder / "many.zarr", blank_layout(plan, survey(plan, "warn"))
    ) as store:
        mask = np.ones(MANY, bool)
        store.await_cells(mask)
        frame = {"sx": np.zeros(2), "status": 1, "record": "{}"}
        for first in range(0, MANY, 1000):
            store.put([(k,) for k in range(first, first + 1000)], [frame] * 1000)
    plain, writer = [], []
    for _ in range(REPEATS):
        start = time.perf_counter()
        status = xr.open_zarr(folder / "many.zarr", consolidated=False).status.values
        plain.append(time.perf_counter() - start)
        assert (status == 1).all()
        start = time.perf_counter()
        with EnsembleStore.open(folder / "many.zarr") as store:
            assert (store.status() == 1).all()
        writer.append(time.perf_counter() - start)
    files = sum(1 for path in (folder / "many.zarr").rglob("*") if path.is_file())
    what = f"status of {MANY:,} cells ({files:,} files)"
    pair = pair_of(list(zip(writer, plain, strict=True)))
    yield Row(what, "open to go on writing", "open_zarr", pair, "xarray")


def dask(folder: Path) -> Iterator[Row | Finding]:
    """Cells of a second: one and two workers of one thread each, and this process."""
    import logging

    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.ERROR)
    given = experiment(2 * WORK, Idle(BUSY))
    single = experiment(WORK, Idle(BUSY))
    times: dict[str, list[float]] = {"here": [], "one": [], "two": [], "plain": []}
    for repeat in range(REPEATS):
        start = time.perf_counter()
        od.run(single, folder / f"here{repeat}.zarr")
        times["here"].append((time.perf_counter() - start) / WORK)
        for name, workers in (("one", 1), ("two", 2)):
            with (
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None
                ) as cluster,
                Client(cluster) as client,
            ):
                client.run(_warm)
                asked = single if workers == 1 else given
                start = time.perf_counter()
                od.run(asked, folder / f"{name}{repeat}.zarr", client=client)
                times[name].append((time.perf_counter() - start) / asked.realizations)
                if workers == 2:
                    start = time.perf_counter()
                    client.gather(client.map(_busy, [BUSY] * 2 * WORK, pure=False))
                    times["plain"].append((time.perf_counter() - start) / (2 * WORK))
    pair = pair_of(list(zip(times["two"], times["plain"], strict=True)))
    what = f"cells of {BUSY:g} s, two workers; time of a cell"
    yield Row(what, "cells by Dask", "tasks of Dask that do nothing else", pair, "distributed")
    pair = pair_of(list(zip(times["one"], times["here"], strict=True)))
    what = f"cells of {BUSY:g} s, one worker; time of a cell"
    yield Row(what, "cells by Dask", "cells in this process", pair)
    gains = pair_of(list(zip(times["two"], times["one"], strict=True)))
    yield Row(f"cells of {BUSY:g} s; time of a cell", "two workers", "one worker", gains)


def _warm() -> None:
    import opendicke.experiment.solving_cells  # noqa: F401


def rows() -> Iterator[Row | Finding]:
    """Lines of the tables."""
    os.environ.setdefault("DASK_DISTRIBUTED__LOGGING__DISTRIBUTED", "error")
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as name:
        warnings.simplefilter("ignore")
        folder = Path(name)
        yield from overhead(folder)
        yield from opening(folder)
        yield from dask(folder)
