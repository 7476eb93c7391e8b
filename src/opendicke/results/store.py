"""Datasets on disk: NetCDF, Zarr or a table, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path

import xarray as xr

from opendicke.errors import InputError, StoreError, shown
from opendicke.results import ensemble_place as place
from opendicke.results.dataset import FORMAT
from opendicke.results.ensemble_layout import GROUPS, JOURNAL
from opendicke.results.ensemble_store import is_ensemble, load_ensemble
from opendicke.results.frames import labelled, public
from opendicke.results.table import read_csv, write_csv

SUFFIXES = (".zarr", ".nc")
"""Of results of runs."""
READABLE = (*SUFFIXES, ".csv")
"""Of datasets that are saved or loaded as they are."""


def check_writable(
    path: str | Path,
    *,
    overwrite: bool = False,
    suffixes: tuple[str, ...] = SUFFIXES,
    argument: str = "store",
) -> Path:
    """Refuse, before any work is done, a path that could not be written in the end.

    Raises
    ------
    InputError
        If the suffix is unknown.
    StoreError
        If the path exists already (unless `overwrite`), is a folder of other things than results,
        or its folder cannot be written to.
    """
    path = named(path, suffixes, argument=argument)
    if _exists(path) and not overwrite:
        raise StoreError(f"`{path}` exists already; choose another path or ask to overwrite it.")
    if _is_foreign(path):
        raise StoreError(
            f"`{path}` is a folder that holds something else than results, and is never replaced; "
            "choose another path."
        )
    check_folder(path)
    return path


def _is_foreign(path: Path) -> bool:
    """Whether a path is a folder with content that no store has."""
    marks = ("zarr.json", ".zgroup", JOURNAL)
    if not path.is_dir() or any(_exists(path / mark) for mark in marks):
        return False
    return any(path.iterdir())


def check_folder(path: str | Path) -> None:
    """Refuse a path in which, or in the nearest existing parent of which, nothing can be made."""
    _exists(Path(path))
    folder = Path(path).absolute().parent
    while not _exists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise StoreError(f"`{path}` cannot be written: `{folder}` is not a folder.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or "no file can be made there"
        raise StoreError(f"`{path}` cannot be written in `{folder}`: {reason}.") from None


def save(dataset: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a dataset as Zarr (`.zarr`), NetCDF (`.nc`) or one long table (`.csv`).

    The data are written beside their destination and moved there when complete; an existing
    result is replaced only by a complete one. The rows of a table are `variable`, the place along
    every dimension, `value` and `stderr`; lines that begin with ``#`` hold names, units and all
    that `load` needs to make the same dataset again.

    Parameters
    ----------
    dataset : xarray.Dataset
        What a function of this library returned.
    path : str or path
        Ends in `.zarr`, `.nc` or `.csv`.
    overwrite : bool
        Replace an existing result.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    InputError
        If the suffix is another one, or the dataset is too large for a table.
    StoreError
        If something is there, or it cannot be written.
    """
    if not isinstance(dataset, xr.Dataset):
        raise InputError("dataset", "be an xarray dataset", f"was {shown(dataset)}")
    path = check_writable(path, overwrite=overwrite, suffixes=READABLE)
    mark = uuid.uuid4().hex[:8]
    partial, former = (path.with_name(f".{mark}.{word}{path.suffix}") for word in ("new", "old"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zarr":
            dataset.to_zarr(partial, mode="w", consolidated=False, zarr_format=3)
        elif path.suffix == ".csv":
            write_csv(dataset, partial)
        else:
            dataset.to_netcdf(partial, engine="h5netcdf")
        with locked(path):
            _replace(path, partial, former)
    except (StoreError, InputError):
        raise
    except (OSError, TypeError, ValueError) as error:  # the latter: contents of no known type
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"`{path}` cannot be written: {reason}.") from None
    finally:
        _remove(partial)
    return path


@contextmanager
def named_as_given(path: Path) -> Iterator[None]:
    """Errors of what is done inside name paths as the user wrote them, not from the root."""
    try:
        yield
    except StoreError as error:
        folder = os.path.join(os.path.abspath(path.parent), "")
        given = "" if path.parent == Path() else os.path.join(path.parent, "")
        raise StoreError(str(error).replace(folder, given)) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing a store that is to be replaced.

    Raises
    ------
    StoreError
        If one does.
    """
    if not path.exists() or not is_ensemble(path):
        yield
        return
    lock = place.Lock(path, path)
    try:
        yield
    finally:
        lock.release()


def put_in_place(path: Path, complete: Path) -> None:
    """Put a complete store in the place of another, which stays if that fails."""
    former = path.with_name(f".{uuid.uuid4().hex[:8]}.old{path.suffix}")
    try:
        _replace(path, complete, former)
    except OSError as error:
        raise StoreError(
            f"`{path}` cannot be written: {error.strerror or error}; what was to replace it is in "
            f"`{complete}`."
        ) from None


def _replace(path: Path, complete: Path, former: Path) -> None:
    """Put what is complete at `path`; what was there comes back if that fails."""
    there = path.exists()
    if there:
        path.rename(former)
    try:
        complete.rename(path)
    except OSError:
        if there:
            former.rename(path)
        raise
    _remove(former)


def load(path: str | Path) -> xr.Dataset:
    """Read a dataset that this library wrote, whole, into memory.

    Of a run that is still going on, or was interrupted, it is what there is: other members are NaN,
    with the status 0.

    Parameters
    ----------
    path : str or path
        Zarr store (`.zarr`), NetCDF file (`.nc`) or table (`.csv`).

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    StoreError
        If there is none, it cannot be read, or a later version of the library wrote it.
    """
    path = named(path, READABLE)
    if not _exists(path):
        raise StoreError(f"`{path}` does not exist.")
    if path.suffix == ".zarr" and is_ensemble(path):
        with named_as_given(path):
            return public(labelled(load_ensemble(path)))
    try:
        if path.suffix == ".zarr":
            dataset: xr.Dataset = xr.open_zarr(path, consolidated=False).load()
        elif path.suffix == ".csv":
            dataset = read_csv(path)
        else:
            with xr.open_dataset(path, engine="h5netcdf") as opened:
                dataset = opened.load()
    except StoreError:
        raise
    except Exception as error:  # readers raise whatever their libraries raise on damaged files
        reason = shown(str(error), 200)
        roots = (path / "zarr.json", path / ".zgroup")
        if path.suffix == ".zarr" and not any(map(os.path.exists, roots)):
            reason = "it holds no Zarr store" if os.path.isdir(path) else "it is no folder"
        raise StoreError(f"`{path}` cannot be read as a dataset: {reason}.") from None
    if "identity" in dataset.attrs and any((path / group).exists() for group in GROUPS):
        # An ensemble but for its journal: what is missing would be taken for NaN.
        raise StoreError(f"`{path}` is damaged: its folder `{JOURNAL}` is missing.")
    found = dataset.attrs.get("format")
    if not isinstance(found, Integral) or not _describes(dataset.attrs.get("experiment")):
        raise StoreError(f"`{path}` was not written by opendicke.")
    if int(found) > FORMAT:
        raise StoreError(
            f"`{path}` has format {found}; this version reads up to {FORMAT}: please update."
        )
    return dataset


def named(path: object, suffixes: tuple[str, ...] = SUFFIXES, *, argument: str = "store") -> Path:
    """A path whose suffix says how to store."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(argument, "be a path", f"was {shown(path)}")
    named = Path(path)
    if named.suffix not in suffixes:
        listed = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise InputError(argument, f"end in {listed}", f"was `{path}`")
    return named


def _exists(path: Path) -> bool:
    """Whether there is something at `path`; a `StoreError` where the system refuses to say."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"`{shown(str(path))}` is not a usable path: {reason}.") from None
    return True


def _describes(text: object) -> bool:
    """Whether an attribute holds the description of an experiment."""
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
