"""A store that grows: what goes in comes out, for its writer, for readers and for plain xarray."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import opendicke as od
from ensemble_content import TIMES, at, filled, frame, layout, plain, root, same
from opendicke.results import ensemble_store
from opendicke.results.ensemble_store import (
    EnsembleStore,
    Variable,
    is_ensemble,
    load_ensemble,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ensemble.zarr"


def test_what_goes_in_comes_out(path: Path) -> None:
    """From the buffer, from the chunks, from the dataset, from plain xarray: the same bits."""
    store = EnsembleStore.create(path, layout())
    assert (store.status() == 0).all()
    filled(store)
    store.flush()
    cells = list(np.ndindex(3, 40))
    for each, cell in zip(store.frames(cells), cells, strict=True):
        assert same(each, frame(cell))
    store.close()
    for dataset in (load_ensemble(path), plain(path)):
        assert dataset.status.dims == ("frequency", "realization")
        assert dataset.sz_spin.dims == ("frequency", "realization", "time", "spin")
        assert dataset.sz.attrs == {"long_name": "⟨σᶻ⟩", "units": "1"}
        assert dataset.frequency.attrs == {"units": "energy"}
        assert set(dataset.coords) == {"frequency", "realization", "time", "spin_name"}
        assert list(dataset.spin_name.values) == ["ω0", "ω1", "ω2"]
        assert dataset.status.attrs["flag_meanings"].split()[4:] == ["failed", "refused"]
        assert dataset.attrs["numbers"] == [1, 2.5, "three"]
        for cell in cells:
            assert same(at(dataset, cell), root(frame(cell)))
    assert not list((path / "journal").glob("*.journal"))


def test_readers_see_what_is_in_the_journal(path: Path) -> None:
    """Cells that wait for others of their chunk are seen at once, and after the writer is gone."""
    store = EnsembleStore.create(path, layout())
    store.await_cells(np.ones((3, 40), bool))
    done = [(0, 0), (2, 39), (1, 5)]
    store.put(done, [frame(cell) for cell in done])
    assert (plain(path).status == 0).all()  # no chunk is complete
    for _ in range(2):
        dataset = load_ensemble(path)
        assert int((dataset.status > 0).sum()) == 3
        assert np.isnan(dataset.sz.values).all(axis=2).sum() == 117
        assert all(same(at(dataset, cell), root(frame(cell))) for cell in done)
        store.leave()
    again = EnsembleStore.open(path)
    assert np.argwhere(again.status()).tolist() == [[0, 0], [1, 5], [2, 39]]
    assert again.scalars("trajectories").sum() == 3
    assert all(again.scalars("step")[cell] == frame(cell)["step"] for cell in done)
    assert same(again.frame((2, 39)), frame((2, 39)))
    assert again.frame((2, 38)) == {"status": 0}
    again.close()
    assert int((plain(path).status > 0).sum()) == 3


def test_a_chunk_is_written_when_none_of_its_cells_is_awaited(path: Path) -> None:
    """Not before, and then at once; cells that nobody awaits do not hold it up."""
    store = EnsembleStore.create(path, layout(points=2, realizations=100))
    assert store.block == (1, 64)
    mask = np.ones((2, 100), bool)
    mask[0, 50:] = False
    store.await_cells(mask)
    for k in range(50):
        assert not list((path / "sz").glob("c.*"))
        store.put([(0, k)], [frame((0, k))])
    assert [file.name for file in (path / "sz").glob("c.*")] == ["c.0.0.0"]
    store.put([(0, 70)], [frame((0, 70))])  # its chunk is waited for by nobody
    assert {file.name for file in (path / "sz").glob("c.*")} == {"c.0.0.0", "c.0.1.0"}
    store.put([(1, 0)], [frame((1, 0))])
    assert len(list((path / "sz").glob("c.*"))) == 2
    store.leave()


def test_much_that_waits_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded: partial chunks are written, and completed later."""
    monkeypatch.setattr(ensemble_store, "_MOST_BUFFERED", 30_000)
    store = EnsembleStore.create(path, layout())
    store.await_cells(np.ones((3, 40), bool))
    rng = np.random.default_rng(0)
    cells = [tuple(map(int, cell)) for cell in rng.permutation(list(np.ndindex(3, 40)))[:60]]
    for cell in cells:
        store.put([cell], [frame(cell)])
        assert store._buffer.size <= 30_000
    assert list((path / "sz").glob("c.*"))
    assert all(map(same, store.frames(cells), map(frame, cells)))
    store.leave()
    assert all(same(at(load_ensemble(path), cell), root(frame(cell))) for cell in cells)


def test_cells_can_be_replaced(path: Path) -> None:
    """More trajectories: the new answer holds, wherever the old one is."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.put([(0, 0), (0, 1)], [frame((0, 0), 2), frame((0, 1), 2)])
    mask = np.zeros((3, 40), bool)
    mask[0, 3] = True
    store.await_cells(mask)
    store.put([(0, 0), (0, 2)], [frame((0, 0), 3), frame((0, 2), 3)])
    versions = {(0, 0): 3, (0, 1): 2, (0, 2): 3}
    for _ in range(2):
        for cell in np.ndindex(3, 40):
            assert same(store.frame(cell), frame(cell, versions.get(cell, 1)))
        store.leave()
        for cell in [(0, 0), (0, 1), (0, 2), (0, 3)]:
            expected = root(frame(cell, versions.get(cell, 1)))
            assert same(at(load_ensemble(path), cell), expected)
        store = EnsembleStore.open(path)
    store.close()
    assert same(at(plain(path), (0, 0)), root(frame((0, 0), 3)))


def test_a_replaced_cell_is_pending_while_its_chunks_change(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads new means beside old errors, whenever the writer stops."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.flush()
    write = ensemble_store.Chunks._write_scalars
    seen = []

    def stop(chunks: Any, name: str, box: Any) -> None:
        dataset = plain(path)
        seen.append(int(dataset.status[0, 0]))
        if name == "step":
            raise KeyboardInterrupt
        write(chunks, name, box)

    monkeypatch.setattr(ensemble_store.Chunks, "_write_scalars", stop)
    with pytest.raises(KeyboardInterrupt):
        store.put([(0, 0)], [frame((0, 0), 2)])
    monkeypatch.undo()
    store.leave()
    assert len(seen) > 1
    assert not any(seen[1:])
    assert int(plain(path).status[0, 0]) == 0
    assert same(at(load_ensemble(path), (0, 0)), root(frame((0, 0), 2)))
    with EnsembleStore.open(path) as store:
        assert same(store.frame((0, 0)), frame((0, 0), 2))
    assert same(at(plain(path), (0, 0)), root(frame((0, 0), 2)))
    assert same(at(plain(path), (0, 1)), root(frame((0, 1), 1)))


def test_what_a_new_answer_lacks_is_not_left_from_the_old_one(path: Path) -> None:
    """A frame replaces all of a cell: a failed member has no mean."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.put([(1, 1)], [{"status": 4, "record": "failed"}])
    for _ in range(2):
        found = store.frame((1, 1))
        assert np.isnan(found["sz"]).all()
        assert (found["status"], found["trajectories"], found["record"]) == (4, 0, "failed")
        assert np.isnan(found["step"])
        assert list(found["words"]) == ["", "", ""]
        store.close()
        store = EnsembleStore.open(path)
    store.close()
    assert np.isnan(plain(path).sz[1, 1]).all()


def test_smaller_systems_end_in_nan(path: Path) -> None:
    """A sweep of sizes: frames of different shapes in one record."""
    store = EnsembleStore.create(path, layout())
    small = {"status": 1, "sz": np.ones(2), "sz_spin": np.ones((2, 1)), "levels": [7]}
    store.put([(0, 0), (0, 1), (0, 2)], [frame((0, 0)), small, frame((0, 2))])
    mask = np.zeros((3, 40), bool)
    mask[1, 1] = True
    store.await_cells(mask)
    store.put([(1, 0)], [small])  # stays in the buffer
    for cell in [(0, 1), (1, 0)]:
        found = store.frame(cell)
        assert found["sz_spin"].shape == (TIMES, 3)
        assert np.nansum(found["sz_spin"]) == 2.0
        assert list(found["levels"]) == [7, 0, 0]
    assert same(store.frame((0, 2)), frame((0, 2)))
    store.close()
    assert np.isnan(plain(path).sz_spin[0, 1].values).sum() == 3 * TIMES - 2


@pytest.mark.parametrize(
    ("cells", "frames", "match"),
    [
        ([(0, 40)], [{"status": 1}], "`cells` must lie within"),
        ([(-1, 0)], [{"status": 1}], "`cells` must lie within"),
        ([(0,)], [{"status": 1}], "`cells` must lie within"),
        ([(0, 0)], [], "one for each cell"),
        ([(0, 0)], [{"sz": np.ones(TIMES)}], "have a status"),
        ([(0, 0)], [{"status": 0}], "have a status"),
        ([(0, 0)], [{"status": 1, "sx": 1.0}], "declared variables"),
        ([(0, 0)], [{"status": 1, "sz": np.ones(TIMES + 1)}], "fit into"),
        ([(0, 0)], [{"status": 1, "sz": np.ones((TIMES, 1))}], "fit into"),
        ([(0, 0)], [{"status": 1, "sz": 1.0}], "fit into"),
        ([(0, 0)], [{"status": 1, "trajectories": 1.5}], "be an integer"),
        ([(0, 0)], [{"status": 1, "levels": np.ones(3)}], "hold ints"),
        ([(0, 0)], [{"status": 1, "sz": np.ones(TIMES, complex)}], "hold floats"),
    ],
)
def test_what_does_not_fit_is_refused_whole(
    path: Path, cells: Any, frames: Any, match: str
) -> None:
    """One sentence, and nothing of the call is stored."""
    store = EnsembleStore.create(path, layout())
    with pytest.raises(od.InputError, match=match):
        store.put([(2, 2), *cells], [frame((2, 2)), *frames])
    assert not store.status().any()
    store.close()


def test_variables_can_be_added(path: Path) -> None:
    """Lazily; cells so far have fill values there, and the store stays sound."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.declare("photons", Variable(("time",), "float", {"units": "1"}))
    store.declare("moments/photons", Variable(("time",)))
    store.declare("count", Variable((), "int"))
    store.declare("photons", Variable(("time",), "float"))  # is there already
    with pytest.raises(od.InputError, match="keep `photons`"):
        store.declare("photons", Variable(("time", "spin"), "float"))
    added = {"photons": np.ones(TIMES), "moments/photons": np.ones(TIMES), "count": 3}
    store.put([(0, 3)], [frame((0, 3)) | added])
    assert not store.verify().any()
    store.close()
    with EnsembleStore.open(path) as store:
        assert store.layout.variables["moments/photons"].dims == ("time",)
        assert not store.verify().any()
        assert same(store.frame((0, 3)), frame((0, 3)) | added)
        assert store.scalars("count").sum() == 3
        assert np.isnan(store.frame((0, 4))["photons"]).all()
    assert np.isfinite(plain(path).photons).sum() == TIMES


def test_attributes_are_replaced_whole(path: Path) -> None:
    """In the writer, on disk, and for whoever opens the store later."""
    store = EnsembleStore.create(path, layout(seconds=np.float64(2.0), nan=float("nan")))
    assert store.attributes["seconds"] == 2.0
    assert store.attributes["nan"] is None  # JSON knows no other
    store.set_attributes({**store.attributes, "seconds": 3.0, "lattice": (2, 2)})
    store.set_attributes({**store.attributes, "seconds": 4.0})
    for _ in range(2):
        assert store.attributes["seconds"] == 4.0
        assert store.attributes["lattice"] == [2, 2]
        assert plain(path).attrs["seconds"] == 4.0
        assert "coordinates" not in store.attributes
        assert load_ensemble(path).attrs["format"] == plain(path).attrs["format"]
        store.close()
        store = EnsembleStore.open(path)
    store.close()


def test_creating_over_something(path: Path) -> None:
    """Only when asked, and then whole; ordinary datasets and files can be replaced, too."""
    xr.Dataset({"x": 1}).to_zarr(path, consolidated=False, zarr_format=3)
    assert not is_ensemble(path)
    with pytest.raises(od.StoreError, match="does not hold an ensemble"):
        EnsembleStore.open(path)
    with pytest.raises(od.StoreError, match="exists already"):
        EnsembleStore.create(path, layout())
    assert "x" in plain(path)
    EnsembleStore.create(path, layout(), overwrite=True).close()
    assert is_ensemble(path)
    with EnsembleStore.create(path, layout(points=2), overwrite=True) as store:
        with pytest.raises(od.StoreError, match=r"is being written by another process \(pid \d+\)"):
            EnsembleStore.create(path, layout(), overwrite=True)
        filled(store)
    assert plain(path).sizes["frequency"] == 2
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    path.with_name("file.zarr").write_text("text")
    EnsembleStore.create(path.with_name("file.zarr"), layout(), overwrite=True).close()
    with pytest.raises(od.StoreError, match="does not exist"):
        EnsembleStore.open(path.with_name("nothing.zarr"))
    with pytest.raises(od.StoreError, match="does not exist"):
        load_ensemble(path.with_name("nothing.zarr"))
    with pytest.raises(od.InputError, match=r"end in \.zarr"):
        EnsembleStore.create(path.with_suffix(".nc"), layout())


def test_a_journal_that_is_mostly_history_is_rewritten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays short; what is still needed stays."""
    monkeypatch.setattr(ensemble_store, "_LONGEST_JOURNAL", 30_000)
    store = EnsembleStore.create(path, layout())
    mask = np.zeros((3, 40), bool)
    mask[2, 1] = True
    store.await_cells(mask)
    store.put([(2, 0)], [frame((2, 0))])
    longest = 0
    for version in range(1, 40):
        store.put([(0, 0), (2, 3)], [frame((0, 0), version), frame((2, 3), version)])
        files = list((path / "journal").glob("*.journal"))
        longest = max(longest, sum(file.stat().st_size for file in files))
    assert longest < 45_000
    store.leave()
    dataset = load_ensemble(path)
    assert same(at(dataset, (0, 0)), root(frame((0, 0), 39)))
    with EnsembleStore.open(path) as store:
        assert same(store.frame((2, 0)), frame((2, 0)))
        assert same(store.frame((2, 3)), frame((2, 3), 39))


def test_use_after_the_end(path: Path) -> None:
    """One sentence, not data that go nowhere; closing twice does nothing."""
    store = EnsembleStore.create(path, layout())
    store.close()
    store.close()
    store.leave()
    with pytest.raises(od.StoreError, match="is closed"):
        store.put([(0, 0)], [frame((0, 0))])
    with pytest.raises(od.StoreError, match="is closed"):
        store.flush()


def test_leaving_by_an_exception_keeps_the_journal(path: Path) -> None:
    """`with` writes chunks at a good end only; nothing is lost at a bad one."""
    with contextlib.suppress(KeyboardInterrupt), EnsembleStore.create(path, layout()) as store:
        store.await_cells(np.ones((3, 40), bool))
        store.put([(0, 0)], [frame((0, 0))])
        raise KeyboardInterrupt
    assert list((path / "journal").glob("*.journal"))
    with EnsembleStore.open(path) as store:
        assert same(store.frame((0, 0)), frame((0, 0)))


def test_listing_gives_no_warning_at_any_moment(path: Path) -> None:
    """Everything in the root is an array or a group."""
    store = EnsembleStore.create(path, layout())
    store.await_cells(np.ones((3, 40), bool))
    store.put([(0, 0)], [frame((0, 0))])
    (path / "journal" / "0123.partial").write_bytes(b"left by a kill")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain(path)
        assert len(list(zarr.open_group(path, mode="r").members())) == 16
        xr.open_zarr(path, group="moments", consolidated=False).load()
    store.leave()
    EnsembleStore.open(path).close()
    assert not list(path.rglob("*.partial"))
