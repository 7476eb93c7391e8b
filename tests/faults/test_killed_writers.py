"""Writers of ensembles that are killed, met by others or read from: nothing lost or half."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

import opendicke as od
from ensemble_content import filled, frame, layout, plain, whole
from opendicke.results import ensemble_place
from opendicke.results.ensemble_store import EnsembleStore, is_ensemble, load_ensemble


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ensemble.zarr"


WRITER = Path(__file__).parents[1] / "ensemble_writer.py"


@pytest.fixture(scope="module")
def forker() -> Iterator[subprocess.Popen[str]]:
    """A process with everything loaded, which forks writers."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate(timeout=20)


def started(forker: subprocess.Popen[str], path: Path, told: Path, seed: int) -> int:
    """A writer; it is at work when this returns."""
    assert forker.stdin is not None
    assert forker.stdout is not None
    before = told.stat().st_size if told.exists() else 0
    forker.stdin.write(f"{path}\t{told}\t{seed}\n")
    forker.stdin.flush()
    child = int(forker.stdout.readline())
    end = time.monotonic() + 10
    while time.monotonic() < end and (not told.exists() or told.stat().st_size == before):
        time.sleep(0.001)
    return child


def killed(forker: subprocess.Popen[str], child: int) -> None:
    """Kill it; it must not have ended by itself before."""
    os.kill(child, signal.SIGKILL)
    assert forker.stdout is not None
    assert os.WTERMSIG(int(forker.stdout.readline())) == signal.SIGKILL


def acknowledged(told: Path) -> dict[tuple[int, ...], int]:
    """The latest version of every cell that `put` took."""
    versions: dict[tuple[int, ...], int] = {}
    for line in told.read_text().splitlines():
        if line != "open":
            point, realization, version = map(int, line.split())
            versions[point, realization] = version
    return versions


@pytest.mark.parametrize("start", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_no_kill_takes_an_acknowledged_cell(
    forker: subprocess.Popen[str], path: Path, start: int
) -> None:
    """25 × `kill -9` at random moments, in chunks, journals, swaps: it opens and holds all."""
    rng = random.Random(start)
    told = path.with_name("told")
    for number in range(25):
        seed = 0 if not number else 100 * start + number
        child = started(forker, path, told, seed)
        time.sleep(rng.uniform(0.0, 0.15))
        killed(forker, child)
        expected = acknowledged(told)
        dataset = load_ensemble(path)
        found = whole(dataset)
        missing = {cell for cell, version in expected.items() if found.get(cell, 0) < version}
        assert not missing, (number, missing)
        if path.exists():  # plain readers do not look beside it, where it is between two renames
            whole(plain(path), masked=False)
        if number % 5 == 4:
            with EnsembleStore.open(path) as store:
                assert not store.verify().any()
                assert whole(load_ensemble(path)) == found
            assert whole(plain(path), masked=False) == found
            assert not list(path.rglob("*.partial"))
            begun = [item for item in path.parent.iterdir() if item not in (path, told)]
            for folder in begun:  # killed before its lock was there: a process may be starting it
                assert folder.name.endswith(".new")
                assert not (folder / ensemble_place.JOURNAL / ensemble_place._LOCK).exists()
                os.utime(folder, (0.0, 0.0))
            EnsembleStore.open(path).close()
            assert {item.name for item in path.parent.iterdir()} == {path.name, "told"}
    assert len(expected) > 100


def opened(path: Path) -> xr.Dataset:
    """By plain xarray, which reads one array after the other, again if the store grew meanwhile."""
    for _ in range(5):
        try:
            return xr.open_zarr(path, consolidated=False, chunks=None)
        except ValueError as error:
            if "conflicting sizes" not in str(error):
                raise
    raise AssertionError("five times in a row the store grew while it was opened")


def test_reading_during_writing(forker: subprocess.Popen[str], path: Path) -> None:
    """Every cell is whole or pending at every moment, and versions only rise."""
    told = path.with_name("told")
    child = started(forker, path, told, 0)
    before: dict[tuple[int, ...], int] = {}
    try:
        for _ in range(25):
            found = whole(load_ensemble(path))
            assert all(found[cell] >= version for cell, version in before.items())
            before = found
            with warnings.catch_warnings(), contextlib.suppress(FileNotFoundError):
                warnings.simplefilter("error")
                opened(path)
    finally:
        killed(forker, child)
    assert len(before) > 20


@pytest.mark.parametrize("place", ["between", "before"])
def test_a_kill_while_growing(path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Between the two renames the store is beside its path; readers and writers find it."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    monkeypatch.setattr(ensemble_place, "remove", lambda path: None)
    monkeypatch.setattr(ensemble_place, "_exchange", lambda one, other: False)
    if place == "before":
        monkeypatch.setattr(ensemble_place, "swap", lambda path, new: 1 / 0)
    else:
        real = Path.rename

        def once(self: Path, target: Path) -> Path:
            if self.suffix == ".new":
                raise ZeroDivisionError
            if self.suffix == ".old":  # not put back: as if killed
                return self
            return real(self, target)

        monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(ZeroDivisionError):
        store.grow(layout(5, 90))
    monkeypatch.undo()
    store.leave()
    assert path.exists() == (place == "before")
    assert len(list(path.parent.glob(".*.new"))) == 1
    assert is_ensemble(path)
    assert len(whole(load_ensemble(path))) == 120
    assert path.exists() == (place == "before")  # readers change nothing
    with EnsembleStore.open(path) as store:
        assert not store.verify().any()
        store.grow(layout(5, 90))
        store.put([(4, 80)], [frame((4, 80))])
    assert len(whole(load_ensemble(path))) == 121
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_two_writers(path: Path) -> None:
    """The second is refused in one sentence with the number of the first; nothing is harmed."""
    store = EnsembleStore.create(path, layout())
    store.put([(0, 0)], [frame((0, 0))])
    code = (
        "import sys, opendicke as od\n"
        "from opendicke.results.ensemble_store import EnsembleStore\n"
        "try:\n    EnsembleStore.open(sys.argv[1])\n"
        "except od.StoreError as error:\n    print(error)\n"
    )
    again = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60
    )
    expected = f"`{path}` is being written by another process (pid {os.getpid()}).\n"
    assert (again.stdout, again.stderr) == (expected, "")
    with pytest.raises(od.StoreError, match="another process"):
        EnsembleStore.open(path)
    store.grow(layout(5, 90))  # the right passes to the larger store
    with pytest.raises(od.StoreError, match="another process"):
        EnsembleStore.open(path)
    store.put([(4, 0)], [frame((4, 0))])
    store.close()
    EnsembleStore.open(path).close()
    assert len(whole(load_ensemble(path))) == 2


def test_the_lock_of_a_dead_process(forker: subprocess.Popen[str], path: Path) -> None:
    """It holds while the process lives, and not a moment longer."""
    child = started(forker, path, path.with_name("told"), 0)
    os.kill(child, signal.SIGSTOP)
    try:
        with pytest.raises(od.StoreError, match=rf"another process \(pid {child}\)"):
            EnsembleStore.open(path)
    finally:
        killed(forker, child)
    EnsembleStore.open(path).close()
