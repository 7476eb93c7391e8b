"""Layouts of ensembles: what a store keeps of them, how they grow, how they are cut into chunks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import opendicke as od
from ensemble_content import TIMES, at, filled, frame, layout, plain, root, same
from opendicke.results import ensemble_layout, ensemble_place
from opendicke.results.ensemble_layout import block_shape, chunk_shape, scalar_shape
from opendicke.results.ensemble_store import (
    EnsembleStore,
    Layout,
    Variable,
    load_ensemble,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ensemble.zarr"


def test_layout_comes_back(path: Path) -> None:
    """All of it: a run is resumed from the store alone."""
    made = layout()
    EnsembleStore.create(path, made).close()
    with EnsembleStore.open(path) as store:
        found = store.layout
        assert list(found.axes) == list(made.axes)
        assert found.extents == made.extents
        assert list(found.variables) == list(made.variables)
        assert found.variables == made.variables
        for name, variable in {**made.axes, **made.coordinates}.items():
            read = {**found.axes, **found.coordinates}[name]
            assert read.dims == variable.dims
            assert read.values.tolist() == variable.values.tolist()
            assert read.attrs == variable.attrs


def larger(points: int, realizations: int, times: int) -> Layout:
    grown = layout(points, realizations, times, grown=True)
    more = Variable(("time",), "float", {})
    return dataclasses.replace(grown, variables={**grown.variables, "more": more})


def test_growing(path: Path) -> None:
    """More points, realizations, times; old chunks stay, what is new is pending or NaN."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.declare("count", Variable((), "int"))
    store.flush()
    before = {file.name: file.stat().st_ino for file in (path / "sz").glob("c.*")}
    store.grow(larger(5, 90, TIMES + 4))
    after = {file.name: file.stat().st_ino for file in (path / "sz").glob("c.*")}
    assert before.items() <= after.items()
    assert store.status().shape == (5, 90)
    assert (store.status() > 0).sum() == 120
    assert not store.verify().any()
    for cell in np.ndindex(3, 40):
        found = store.frame(cell)
        assert found["sz"].shape == (TIMES + 4,)
        assert same(found, frame(cell))
    store.put([(4, 89), (0, 0)], [frame((4, 89), 1, TIMES + 4), frame((0, 0), 2, TIMES + 4)])
    store.close()
    with EnsembleStore.open(path) as store:
        assert not store.verify().any()
        assert "count" in store.layout.variables
        assert store.attributes["grown"] is True
        assert same(store.frame((0, 0)), frame((0, 0), 2, TIMES + 4))
        assert same(store.frame((4, 89)), frame((4, 89), 1, TIMES + 4))
        assert same(store.frame((2, 39)), frame((2, 39)))
    dataset = plain(path)
    assert dict(dataset.sizes) == {"frequency": 5, "realization": 90, "time": 11, "spin": 3}
    assert same(at(dataset, (4, 89)), root(frame((4, 89), 1, TIMES + 4)))
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("exchange", [True, False])
def test_growing_behind_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    """The link stays, and the data stay where it points; in one step or in two renames."""
    if not exchange:
        monkeypatch.setattr(ensemble_place, "_exchange", lambda one, other: False)
    (tmp_path / "disk").mkdir()
    EnsembleStore.create(tmp_path / "disk" / "real.zarr", layout()).close()
    (tmp_path / "link.zarr").symlink_to(tmp_path / "disk" / "real.zarr")
    with EnsembleStore.open(tmp_path / "link.zarr") as store:
        filled(store)
        store.grow(layout(points=4))
    assert (tmp_path / "link.zarr").is_symlink()
    assert load_ensemble(tmp_path / "link.zarr").sizes["frequency"] == 4
    assert [item.name for item in (tmp_path / "disk").iterdir()] == ["real.zarr"]
    assert {item.name for item in tmp_path.iterdir()} == {"disk", "link.zarr"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda it: dataclasses.replace(it, axes={"realization": it.axes["realization"]}), "stay"),
        (
            lambda it: dataclasses.replace(
                it, axes={**it.axes, "frequency": it.axes["frequency"] + 1}
            ),
            "begin with the values",
        ),
        (
            lambda it: dataclasses.replace(
                it, axes={**it.axes, "realization": it.axes["realization"][:39]}
            ),
            "begin with the values",
        ),
        (lambda it: layout(times=TIMES - 1), "be at least"),
        (lambda it: it.with_variable("sz", Variable((), "float")), "keep `sz`"),
    ],
)
def test_only_growing(path: Path, change: Any, match: str) -> None:
    """Nothing that is in the store may be taken away or change its meaning."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    with pytest.raises(od.InputError, match=match):
        store.grow(change(layout()))
    assert same(store.frame((1, 1)), frame((1, 1)))
    store.close()
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"axes": {}}, "end in `realization`"),
        ({"extents": {"time": TIMES}}, "`spin` has none"),
        ({"extents": {"time": TIMES + 1, "spin": 3}}, "have length"),
        ({"extents": {"time": 0, "spin": 3}}, "be at least 1"),
        ({"variables": {"journal": Variable()}}, "usable names"),
        ({"variables": {"../up": Variable()}}, "usable names"),
        ({"variables": {".hidden": Variable()}}, "usable names"),
        ({"variables": {"a/b/c": Variable()}}, "usable names"),
        ({"variables": {"status": Variable()}}, "names of their own"),
        ({"variables": {"time": Variable()}}, "names of their own"),
        ({"variables": {"frequency": Variable()}}, "names of their own"),
        ({"variables": {"x": Variable((), "complex")}}, "be known"),  # type: ignore[arg-type]
    ],
)
def test_layouts_that_no_store_can_hold(path: Path, change: Any, match: str) -> None:
    """Refused before anything is made."""
    with pytest.raises(od.InputError, match=match):
        EnsembleStore.create(path, dataclasses.replace(layout(), **change))
    assert not list(path.parent.iterdir())


def test_later_formats_are_not_read(path: Path) -> None:
    """Rather than misread."""
    EnsembleStore.create(path, layout()).close()
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["format"] += 1
    (path / "zarr.json").write_text(json.dumps(document))
    for read in (EnsembleStore.open, load_ensemble):
        with pytest.raises(od.StoreError, match="please update"):
            read(path)


@pytest.mark.parametrize(
    ("cells", "fixed"),
    [
        ((1,), False),
        ((1000, 1), False),
        ((1000, 1), True),
        ((1000, 30), False),
        ((3, 1), False),
        ((10, 10, 8), False),
        ((100, 1000), False),
        ((3, 1), True),
        ((100_000,), False),
        ((7, 1, 1, 500), False),
    ],
)
def test_blocks_have_64_cells(cells: tuple[int, ...], fixed: bool) -> None:
    """Whatever the lengths now; and they are well filled already now, if there are so many."""
    block = block_shape(cells, fixed)
    assert np.prod(block) == 64
    if np.prod(cells) >= 64:
        blocks = np.prod([-(-n // b) for n, b in zip(cells, block, strict=True)])
        assert np.prod(cells) / blocks > 20
    scalars = scalar_shape(cells, block, fixed)
    assert np.prod(scalars) == 4096
    assert not any(s % b for s, b in zip(scalars, block, strict=True))


def test_large_cells_share_no_chunk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer cells where 64 would be too large; a very large cell is cut along the time."""
    assert chunk_shape((101, 5), (1, 64), 8) == ((1, 64), (101, 5))
    assert chunk_shape((1000, 1000), (1, 64), 8) == ((1, 16), (1000, 1000))
    assert chunk_shape((1000, 1000), (8, 8), 8) == ((2, 8), (1000, 1000))
    assert chunk_shape((100_000, 1000), (1, 64), 8) == ((1, 1), (12_500, 1000))
    monkeypatch.setattr(ensemble_layout, "_CHUNK_BYTES", 100)
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.put([(1, 1)], [frame((1, 1), 2)])
    store.grow(layout(times=TIMES + 3))
    store.put([(2, 2)], [frame((2, 2), 1, TIMES + 3)])
    assert not store.verify().any()
    store.close()
    with EnsembleStore.open(path) as store:
        assert not store.verify().any()
        for cell in np.ndindex(3, 40):
            version, times = (2 if cell == (1, 1) else 1), TIMES + 3 * (cell == (2, 2))
            assert same(store.frame(cell), frame(cell, version, times))
    assert len(list((path / "sz_spin").glob("c.*"))) > 120
    found = at(plain(path), (2, 2))
    assert same(found, root(frame((2, 2), 1, TIMES + 3)))


def test_chunks_have_checksums_and_fill_values(path: Path) -> None:
    """Every array, coordinates and texts, too: what zarr says of them."""
    EnsembleStore.create(path, layout()).close()
    group = zarr.open_group(path, mode="r")
    arrays = dict(group.arrays()) | {
        f"{name}/{key}": array
        for name in ("moments", "ends")
        for key, array in group[name].arrays()  # type: ignore[union-attr]
    }
    assert len(arrays) == 15
    for name, array in arrays.items():
        codecs = [codec["name"] for codec in array.metadata.to_dict()["codecs"]]
        assert codecs[1:] == ["zstd", "crc32c"], name
        assert array.metadata.dimension_names, name
    assert arrays["status"].fill_value == 0
    assert arrays["status"].dtype == np.int8
    assert np.isnan(arrays["sz"].fill_value)
    assert arrays["trajectories"].fill_value == 0
