"""Ensembles of figures survive: interrupted, killed, gone on with, replaced."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.experiment import campaign
from opendicke.experiment.executors import InProcess
from opendicke.papers.catalogue import Desk, Figure, Paper, Scale
from opendicke.papers.desk import FolderDesk
from opendicke.papers.making import Workshop
from opendicke.results.ensemble_store import load_ensemble

TIMES = np.linspace(0, 200, 3)
CELLS = 6


def experiment(**replaced: Any) -> od.Experiment:
    """Kinetic Monte Carlo, which needs no compiler at run time; its verdict is not `valid`."""
    settings: dict[str, Any] = {
        "model": od.RandomDicke(od.Gaussian(1.0), 4, 3, frequencies=4.0, field=0.05, loss=1.0),
        "state": od.ProductState.polarized("+z"),
        "times": TIMES,
        "method": od.KineticMonteCarlo(trajectories=20),
        "observables": ["sz"],
        "realizations": CELLS,
        "seed": 7,
    }
    return od.Experiment(**settings | replaced)


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The cells that are solved in this process, in their order."""
    cells: list[tuple[int, ...]] = []
    solve = campaign.solve_groups

    def counting(job: Any, groups: Sequence[Any], progress: Any = None) -> list[bytes]:
        cells.extend(cell for group in groups for cell in group.cells)
        return solve(job, groups, progress)

    monkeypatch.setattr(campaign, "solve_groups", counting)
    return cells


def silent(share: float, text: str) -> None:
    """Nobody looks."""


def interrupting(done: str) -> Callable[[float, str], None]:
    """Progress that stands for somebody who presses Ctrl-C when it says so."""

    def told(share: float, text: str) -> None:
        if done in text:
            raise KeyboardInterrupt

    return told


def paper_of(make: Callable[[Scale, Desk], xr.Dataset]) -> Paper:
    def draw(dataset: xr.Dataset) -> Any:
        from matplotlib.figure import Figure as Picture

        picture = Picture()
        picture.subplots().plot(dataset["time"], dataset["mean"])
        return picture

    scale = Scale("smoke", "small", {"curve": {"realizations": CELLS}})
    figure = Figure("curve", "A curve", make, draw)
    return Paper("tiny", "Tiny", "Nobody", {"smoke": scale}, (figure,), lambda: ())


def make_curve(scale: Scale, desk: Desk) -> xr.Dataset:
    found = desk.run("chains", experiment(), (0.0, 0.9))
    return xr.Dataset({"mean": found["sz"].mean("realization")})


def test_the_dataset_is_that_of_run(tmp_path: Path, solved: list[tuple[int, ...]]) -> None:
    """The same numbers as without a desk; asked again, they are read."""
    desk = FolderDesk(tmp_path, silent)
    found = desk.run("chains", experiment())
    assert len(solved) == CELLS
    with pytest.warns(od.ValidityWarning):
        expected = od.run(experiment())
    np.testing.assert_array_equal(found["sz"], expected["sz"])
    solved.clear()
    assert desk.run("chains", experiment()).identical(found)
    assert not solved
    assert {path.name for path in tmp_path.iterdir()} == {"ensembles"}


def test_progress_is_that_of_the_figure(tmp_path: Path) -> None:
    """Cells done become shares of the figure, between the two numbers given, in order."""
    told: list[tuple[float, str]] = []
    desk = FolderDesk(tmp_path, lambda share, text: told.append((share, text)))
    desk.run("chains", experiment(), (0.25, 0.75))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.25, 0.75)
    assert told[-1][1].startswith(f"{CELLS} of {CELLS} cells")
    middle = [share for share, text in told if text.startswith("3 of 6 cells")]
    assert middle[0] == pytest.approx(0.5)


def test_doubts_are_kept_once(tmp_path: Path) -> None:
    """Warnings of all ensembles of a figure, each sentence once, and none on the way."""
    desk = FolderDesk(tmp_path, silent)
    with pytest.warns(od.ValidityWarning) as caught:
        od.run(experiment())
    desk.run("one", experiment())
    desk.run("two", experiment(seed=8, model=replace(experiment().model, spins=3)))
    desk.run("three", experiment(seed=7, observables=["sz", "overlap_variance"]))
    assert str(caught[0].message) in desk.notes
    assert len(desk.notes) == len(set(desk.notes))


def test_an_interrupted_figure_goes_on(tmp_path: Path, solved: list[tuple[int, ...]]) -> None:
    """After three of six cells: the words say how to go on, and the other three are computed."""
    folder = tmp_path / "tiny"
    shop = Workshop(paper_of(make_curve), paper_of(make_curve).scale("smoke"), folder)
    desk = FolderDesk(folder, interrupting("3 of 6 cells"))
    with pytest.raises(KeyboardInterrupt, match=r"^3 of 6 cells are in `[^`]*chains.zarr`$"):
        desk.run("chains", experiment())
    assert len(solved) == 3
    begun = list(solved)
    solved.clear()
    (made,) = shop.make(["curve"])
    assert len(solved) == 3
    assert not set(begun) & set(solved)
    assert not made.reused
    with pytest.warns(od.ValidityWarning):
        expected = od.run(experiment())["sz"].mean("realization")
    np.testing.assert_array_equal(od.load(made.store)["mean"], expected)
    solved.clear()
    (again,) = shop.make(["curve"])
    assert again.reused
    assert not solved


def test_an_interruption_says_how_to_go_on(tmp_path: Path) -> None:
    def make(scale: Scale, desk: Desk) -> xr.Dataset:
        raise KeyboardInterrupt("3 of 6 cells are in `x`")

    paper = paper_of(make)
    shop = Workshop(paper, paper.scale("smoke"), tmp_path)
    words = (
        r"^3 of 6 cells are in `x`; what is finished is in `.*`; go on by running the same again$"
    )
    with pytest.raises(KeyboardInterrupt, match=words):
        list(shop.make(["curve"]))


PROGRAM = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_making_desk import experiment
from opendicke.papers.desk import FolderDesk
def told(share, text):
    if text.startswith("2 of 6 cells"):
        os.kill(os.getpid(), signal.SIGKILL)
FolderDesk(Path({folder!r}), told).run("chains", experiment())
"""


@pytest.mark.slow
def test_a_killed_figure_goes_on(tmp_path: Path, solved: list[tuple[int, ...]]) -> None:
    """The process dies at once, without a chance to tidy up, when two cells are there."""
    program = PROGRAM.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = FolderDesk(tmp_path, silent).run("chains", experiment())
    assert len(solved) == CELLS - 2
    assert int((found["status"] == 1).sum()) == CELLS


def test_another_experiment_is_replaced_only_when_asked(
    tmp_path: Path, solved: list[tuple[int, ...]]
) -> None:
    FolderDesk(tmp_path, silent).run("chains", experiment())
    other = experiment(seed=8)
    with pytest.raises(od.StoreError, match="holds the results of another experiment"):
        FolderDesk(tmp_path, silent).run("chains", other)
    desk = FolderDesk(tmp_path, silent, overwrite=True)
    solved.clear()
    desk.run("chains", other)
    assert len(solved) == CELLS
    assert int(load_ensemble(desk.store("chains")).attrs["seed"]) == 8
    solved.clear()
    desk.run("chains", other)  # what is asked is there
    assert not solved


def test_more_realizations_are_added(tmp_path: Path, solved: list[tuple[int, ...]]) -> None:
    desk = FolderDesk(tmp_path, silent)
    desk.run("chains", experiment(realizations=4))
    solved.clear()
    assert desk.run("chains", experiment()).sizes["realization"] == CELLS
    assert solved == [(4,), (5,)]


@pytest.mark.slow
def test_workers_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of their own compute the cells: none is solved here, and the numbers are equal."""
    expected = FolderDesk(tmp_path / "a", silent).run("chains", experiment())
    monkeypatch.delattr(InProcess, "run")
    found = FolderDesk(tmp_path / "b", silent, workers=2).run("chains", experiment())
    np.testing.assert_allclose(found["sz"], expected["sz"], rtol=1e-12)


def test_so_many_workers(tmp_path: Path) -> None:
    shop = Workshop(paper_of(make_curve), paper_of(make_curve).scale("smoke"), tmp_path, workers=0)
    with pytest.raises(od.InputError, match="Argument `workers` must be at least 1, but was 0"):
        list(shop.make(["curve"]))
    assert not list(tmp_path.iterdir())
