"""Stores of ensembles under damage, full disks, interrupts: nothing lost, nothing wrong."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import opendicke as od
from ensemble_content import filled, frame, layout, plain, same, whole
from opendicke.results import ensemble_files, ensemble_store, journal
from opendicke.results.ensemble_store import EnsembleStore, load_ensemble


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ensemble.zarr"


def damaged(file: Path, way: str, rng: np.random.Generator) -> None:
    """Damage one file."""
    content = bytearray(file.read_bytes())
    if way == "deleted" or not content:  # the lock is empty
        file.unlink()
        return
    if way == "truncated":
        content = content[: int(rng.integers(len(content)))]
    elif way == "emptied":
        content.clear()
    else:
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    file.unlink()  # chunks may be hard links
    file.write_bytes(content)


def refusal(call: Callable[[], Any]) -> str | None:
    """The sentence by which something is refused, if it is."""
    try:
        call()
    except od.StoreError as error:
        return str(error)
    return None


def check_damaged(path: Path, truth: dict[tuple[int, ...], int]) -> str:
    """Refused in one sentence, or all that is still said to be done is right."""
    told = refusal(lambda: whole(load_ensemble(path)))
    assert told is None or ("damaged" in told and "\n" not in told)
    told = refusal(lambda: EnsembleStore.open(path).leave())
    if told is not None:
        assert "damaged" in told
        assert str(path) in told
        return "refused"
    store = EnsembleStore.open(path)
    lost = store.verify()
    status = store.status()
    assert not (lost & (status != 0)).any()
    np.testing.assert_array_equal(plain(path).status.values != 0, status != 0)
    for cell in map(tuple, np.argwhere(status).tolist()):
        assert same(store.frame(cell), frame(cell, truth[cell]))
    again = [tuple(map(int, cell)) for cell in np.argwhere(status == 0)]
    store.put(again, [frame(cell, truth[cell]) for cell in again])
    store.close()
    with EnsembleStore.open(path) as store:
        assert not store.verify().any()
    assert whole(load_ensemble(path)) == truth
    assert whole(plain(path)) == truth
    return "redone" if again else "unharmed"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete store with several chunks."""
    path = tmp_path_factory.mktemp("finished") / "ensemble.zarr"
    with EnsembleStore.create(path, layout(points=2, realizations=70)) as store:
        filled(store)
    return path


@pytest.mark.parametrize("way", ["flipped", "truncated", "deleted"])
def test_damage_in_every_kind_of_file(finished: Path, tmp_path: Path, way: str) -> None:
    """Chunks are computed again, metadata and coordinates refused; nothing wrong is handed out."""
    truth = dict.fromkeys(np.ndindex(2, 70), 1)
    rng = np.random.default_rng(0)
    files = [file.relative_to(finished) for file in finished.rglob("*") if file.is_file()]
    kinds = {str(file.parent / file.name.split(".")[0]): file for file in files}
    for file in kinds.values():
        path = tmp_path / "copy.zarr"
        shutil.copytree(finished, path)
        damaged(path / file, way, rng)
        result = check_damaged(path, truth)
        shutil.rmtree(path)
        if file.name in ("lock", "writer"):
            expected = "unharmed"
        elif file.name == "zarr.json":
            expected = "refused"
        else:
            coordinates = ("frequency", "realization", "time", "spin_name")
            expected = "refused" if file.parent.name in coordinates else "redone"
        assert result == expected, file


def test_many_flipped_bits_are_all_noticed(finished: Path, tmp_path: Path) -> None:
    """Anywhere in the chunks of data, status and counts: 200 of 200."""
    rng = np.random.default_rng(1)
    files = sorted(finished.glob("*/c.*"))
    store = tmp_path / "copy.zarr"
    shutil.copytree(finished, store)
    for _ in range(200):
        file = store / files[rng.integers(len(files))].relative_to(finished)
        before = file.read_bytes()
        damaged(file, "flipped", rng)
        with pytest.raises(od.StoreError, match="is damaged"):
            load_ensemble(store)
        file.write_bytes(before)
    assert len(whole(load_ensemble(store))) == 140


@pytest.mark.parametrize("way", ["flipped", "truncated", "emptied", "deleted"])
def test_damaged_journals(tmp_path: Path, way: str) -> None:
    """What follows the damage is computed again; what was in chunks before stays."""
    rng = np.random.default_rng(2)
    first = tmp_path / "first.zarr"
    store = EnsembleStore.create(first, layout())
    store.await_cells(np.ones((3, 40), bool))
    for k in range(40):
        store.put([(0, k)], [frame((0, k))])  # into chunks
    for k in range(10):
        store.put([(1, k)], [frame((1, k))])  # only in the journal
    store.leave()
    truth = {(0, k): 1 for k in range(40)} | {(1, k): 1 for k in range(10)}
    seen = set()
    for number in range(12):
        path = tmp_path / f"{number}.zarr"
        shutil.copytree(first, path)
        (file,) = (path / "journal").glob("*.journal")
        damaged(file, way, rng)
        found = whole(load_ensemble(path))
        assert found.items() <= truth.items()
        with EnsembleStore.open(path) as store:
            assert not store.verify().any()
        assert whole(load_ensemble(path)) == found
        seen.add(len(found))
        if way == "deleted":
            break
    assert min(seen) < 50


def test_cells_in_the_journal_outlive_their_chunks(path: Path) -> None:
    """A damaged chunk does not matter where the journal holds the answer."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    mask = np.zeros((3, 40), bool)
    mask[0, 39] = True
    store.await_cells(mask)
    store.put([(0, 0)], [frame((0, 0), 2)])
    store.leave()
    damaged(path / "sz" / "c.0.0.0", "flipped", np.random.default_rng(0))
    with EnsembleStore.open(path) as store:
        lost = store.verify()
        assert not lost[0, 0]
        assert lost[0, 1:].all()
        assert not lost[1:].any() or lost[1:].any(axis=0).all()
        assert same(store.frame((0, 0)), frame((0, 0), 2))


def test_damage_found_while_writing_is_not_written_over(path: Path) -> None:
    """Cells beside new ones in a damaged chunk become pending; none becomes NaN and done."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.flush()
    damaged(path / "moments" / "sz" / "c.0.0.0", "flipped", np.random.default_rng(0))
    store.put([(0, 0)], [frame((0, 0), 2)])
    status = store.status()
    assert status[0, 0]
    assert not status[0, 1:].any()
    assert store.verify()[0, 1:].all()
    store.close()
    found = whole(load_ensemble(path))
    assert found[0, 0] == 2
    assert (0, 1) not in found


@pytest.mark.parametrize("partly", [False, True])
def test_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch, partly: bool) -> None:
    """Wherever the room ends: one sentence; what `put` took before is all there."""
    real, count, last = os.write, [0], [10**9]

    def write(file: int, content: Any) -> int:
        count[0] += 1
        if count[0] > last[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        if partly and count[0] == last[0]:
            return real(file, content[: max(1, len(content) // 2)])
        return real(file, content)

    store = EnsembleStore.create(path, layout(points=2))
    taken: dict[tuple[int, ...], int] = {}
    failures = 0
    for module in (journal, ensemble_files):
        monkeypatch.setattr(module.os, "write", write)
    rng = np.random.default_rng(3)
    for room in range(40):
        count[0], last[0] = 0, room % 20
        cells = [(int(room % 2), int(k)) for k in rng.choice(40, 5, replace=False)]
        versions = [taken.get(cell, 0) + 1 for cell in cells]
        frames = [frame(c, v) for c, v in zip(cells, versions, strict=True)]
        told = refusal(lambda: store.put(cells, frames))  # noqa: B023
        if told is None:
            taken.update(zip(cells, versions, strict=True))
            continue
        failures += 1
        assert told == f"`{path}` cannot be written: No space left on device."
        last[0] = 10**9
        store.leave()
        found = whole(load_ensemble(path))
        # The call is there as a whole, if it came as far as the journal, or not at all.
        assert len({found.get(c, 0) == v for c, v in zip(cells, versions, strict=True)}) == 1
        assert {c: v for c, v in taken.items() if c not in cells}.items() <= found.items()
        taken = found
        store = EnsembleStore.open(path)
        assert not store.verify().any()
    assert failures > 10
    last[0] = 10**9
    store.close()
    assert whole(load_ensemble(path)) == taken


def test_files_of_limited_size(path: Path) -> None:
    """The system's own refusal, in the middle of a write."""
    store = EnsembleStore.create(path, layout())
    filled(store)
    store.flush()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
        with pytest.raises(od.StoreError, match="cannot be written: File too large"):
            store.put([(0, 0)], [frame((0, 0), 2)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        with pytest.raises(od.StoreError, match="cannot be written: File too large"):
            EnsembleStore.create(path.with_name("other.zarr"), layout())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert same(store.frame((0, 0)), frame((0, 0), 1))
    store.put([(0, 0)], [frame((0, 0), 3)])
    store.close()
    assert whole(load_ensemble(path))[0, 0] == 3
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@contextlib.contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Take away the right to write below a folder, from the superuser, too."""
    root_user = os.geteuid() == 0
    everything = [folder, *folder.rglob("*")]
    for item in everything:
        item.chmod(0o555 if item.is_dir() else 0o444)
    parents = [p for p in folder.parents if root_user and not p.stat().st_mode & 0o001]
    modes = [p.stat().st_mode for p in parents]
    for p in parents:
        p.chmod(0o755)
    try:
        if root_user:
            os.seteuid(65534)
        yield
    finally:
        if root_user:
            os.seteuid(0)
        for p, mode in zip(parents, modes, strict=True):
            p.chmod(mode)
        for item in everything:
            item.chmod(0o755 if item.is_dir() else 0o644)


def test_a_read_only_store(path: Path) -> None:
    """It can be read, with what its journal holds; writing it is refused in one sentence."""
    store = EnsembleStore.create(path, layout())
    store.await_cells(np.ones((3, 40), bool))
    store.put([(0, 0)], [frame((0, 0))])
    store.leave()
    load_ensemble(path)
    contents = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with without_rights(path.parent):
        assert whole(load_ensemble(path)) == {(0, 0): 1}
        with pytest.raises(od.StoreError, match="cannot be written: Permission denied"):
            EnsembleStore.open(path)
        with pytest.raises(od.StoreError, match="cannot be written: Permission denied"):
            EnsembleStore.create(path, layout(), overwrite=True)
        with pytest.raises(od.StoreError, match="cannot be written: Permission denied"):
            EnsembleStore.create(path.with_name("new.zarr"), layout())
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == contents


@pytest.mark.parametrize("attempt", range(5))
def test_an_interrupt_at_any_moment(
    path: Path, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    """Ctrl-C between any two files: leaving keeps everything, and so does closing."""
    store = EnsembleStore.create(path, layout())
    real, count, last = os.replace, [0], [10**9]

    def replace(source: Any, target: Any) -> None:
        count[0] += 1
        if count[0] > last[0]:
            last[0] = 10**9
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(ensemble_files.os, "replace", replace)
    monkeypatch.setattr(ensemble_store, "_LONGEST_JOURNAL", 20_000)
    taken: dict[tuple[int, ...], int] = {}
    for number in range(25):
        cells = [(0, number % 3), (1, number), (2, 3)]
        count[0], last[0] = 0, number * 5 % 23 + attempt
        for cell in cells:
            taken[cell] = taken.get(cell, 0) + 1
        frames = [frame(cell, taken[cell]) for cell in cells]
        with contextlib.suppress(KeyboardInterrupt):
            store.put(cells, frames)
        last[0] = 10**9
        if number % 2:
            (store.leave if number % 4 == 1 else store.close)()
            store = EnsembleStore.open(path)
            assert whole(load_ensemble(path)) == taken
    store.close()
    assert whole(load_ensemble(path)) == taken


def test_a_store_that_may_not_be_read_is_not_called_damaged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads of damage deletes what is good."""
    with EnsembleStore.create(path, layout()):
        pass
    read = Path.read_bytes

    def refused(self: Path) -> bytes:
        if self.name == "zarr.json":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", refused)
    told = refusal(lambda: load_ensemble(path))
    assert told is not None
    assert told.endswith("cannot be read: Permission denied.")
    assert "damaged" not in told
