"""Metadata of an ensemble's store: written at once, read back, guarded by checksums."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr

from opendicke.errors import StoreError
from opendicke.results.dataset import FORMAT
from opendicke.results.ensemble_files import (
    DOCUMENT,
    PARTIAL,
    TEXT,
    ArrayFile,
    DamageError,
    Values,
    array_of,
    as_bytes,
    checksum_of,
    group_document,
    make_array,
    plain,
    read_document,
    replace_file,
)
from opendicke.results.ensemble_layout import (
    DTYPES,
    GROUPS,
    JOURNAL,
    STATUS,
    Kind,
    Layout,
    Variable,
    block_shape,
    chunk_shape,
    is_fixed,
    scalar_shape,
)

_LABELS = "coordinates"
"""Attribute by which xarray knows labels that are not along themselves."""


_COORDINATE_CHUNK = 4096


class Metadata:
    """What the metadata of a store say: layout, arrays, block, and their checksums.

    The document of the journal's group holds what plain readers need not see: the shape of a
    block, extents, the order of the variables, and a checksum of every other document.
    """

    def __init__(self, root: Path, layout: Layout, block: Sequence[int]) -> None:
        self.root = root
        self.layout = layout
        self.block = tuple(block)
        self.arrays: dict[str, ArrayFile] = {}
        """Those of the variables, `status` the last."""
        self._checksums: dict[str, list[int]] = {}

    def shape_of(self, variable: Variable) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shape and chunk of a variable's array."""
        inner, dtype = self.layout.shape(variable), DTYPES[variable.kind]
        shape = (*self.layout.cells, *inner)
        if variable.scalar:
            return shape, scalar_shape(self.layout.cells, self.block, is_fixed(self.layout))
        cells, within = chunk_shape(inner, self.block, dtype.itemsize)
        return shape, (*cells, *within)

    def make(self, folder: Path, variable: Variable, chunk: Sequence[int] | None) -> ArrayFile:
        """A variable's array without chunks; by default its chunk follows from its size."""
        shape, usual = self.shape_of(variable)
        dims = (*self.layout.axes, *variable.dims)
        dtype = DTYPES[variable.kind]
        return make_array(folder, shape, chunk or usual, dtype, dims, variable.attributes)

    def note(self, name: str) -> None:
        """Take the checksum of a document as it is now."""
        path = _document(name)
        self._checksums[path] = [checksum_of(read_document(self.root / path))]

    def write_guard(self) -> None:
        """Write the document of the journal's group."""
        said: dict[str, Any] = {
            "block": list(self.block),
            "extents": dict(self.layout.extents),
            "variables": list(self.layout.variables),
            "coordinates": list(self.layout.coordinates),
            "checksums": self._checksums,
        }
        said["checksum"] = checksum_of(said)
        document = group_document(said)
        replace_file(self.root, self.root / JOURNAL / DOCUMENT, as_bytes(document))

    def write_root(self) -> None:
        """Replace the attributes; at every moment the old or the new ones are there and known."""
        attributes = {"format": FORMAT, **plain(self.layout.attributes)}
        labels = [name for name in self.layout.coordinates if self._is_label(name)]
        if labels:
            attributes[_LABELS] = " ".join(labels)
        document = group_document(attributes)
        known = self._checksums.get(DOCUMENT, [])
        self._checksums[DOCUMENT] = [*known[-1:], checksum_of(document)]
        self.write_guard()
        replace_file(self.root, self.root / DOCUMENT, as_bytes(document))

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes of the store."""
        self.layout = dataclasses.replace(self.layout, attributes=plain(attributes))
        self.write_root()

    def _is_label(self, name: str) -> bool:
        return self.layout.coordinates[name].dims != (name,) and " " not in name


def _document(name: str) -> str:
    return f"{name}/{DOCUMENT}" if name else DOCUMENT


def write(
    root: Path,
    layout: Layout,
    chunks: Mapping[str, Sequence[int]] | None = None,
    block: Sequence[int] | None = None,
) -> Metadata:
    """Make all arrays of a store in a folder that holds its empty journal.

    Chunks and the block are given where there are files already that follow them.
    """
    fixed = is_fixed(layout)
    made = Metadata(root, layout, block or block_shape(layout.cells, fixed))
    for group in GROUPS:
        (root / group).mkdir()
        (root / group / DOCUMENT).write_bytes(as_bytes(group_document({})))
        made.note(group)
    for name, variable in {**layout.axes, **layout.coordinates}.items():
        _write_coordinate(root, name, variable)
        made.note(name)
    for name, described in layout.all_variables.items():
        made.arrays[name] = made.make(root / name, described, (chunks or {}).get(name))
        made.note(name)
    made.write_root()
    return made


def _write_coordinate(root: Path, name: str, variable: xr.Variable) -> None:
    values = variable.values
    if values.dtype.kind in "UOT":
        values = values.astype(TEXT)
    # Of one size, so that who has read the metadata of a shorter axis can read the longer one.
    chunk = [_COORDINATE_CHUNK] if values.ndim == 1 else [max(1, n) for n in values.shape]
    dims = [str(dim) for dim in variable.dims]
    attributes = {str(key): value for key, value in variable.attrs.items()}
    array = make_array(root / name, values.shape, chunk, values.dtype, dims, attributes)
    for at in np.ndindex(*array.grid):
        box = tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunk, strict=True))
        array.write(root, at, values[box])


def declare(made: Metadata, name: str, variable: Variable, status: Values) -> None:
    """One array more; it appears whole, with chunks where cells are done."""
    partial = made.root / JOURNAL / f"{name.replace('/', '.')}{PARTIAL}"
    made.layout = made.layout.with_variable(name, variable)
    fill_missing(made.root, made.make(partial, variable, None), status)
    partial.rename(made.root / name)
    document = read_document(made.root / name / DOCUMENT)
    last = made.arrays.pop(STATUS)
    made.arrays[name] = array_of(made.root / name, document)
    made.arrays[STATUS] = last
    made.note(name)
    made.write_guard()


def fill_missing(root: Path, array: ArrayFile, status: Values) -> None:
    """Write fill values where cells are done but have no chunk: a missing one means damage."""
    axes = status.ndim
    content = array.encode(array.fill)
    first: Path | None = None
    for at in np.ndindex(*array.grid[:axes]):
        box = tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, array.chunk[:axes], strict=True))
        if not status[box].any():
            continue
        for within in np.ndindex(*array.grid[axes:]):
            path = array.chunk_path((*at, *within))
            if path.exists():
                continue
            if first is None:
                replace_file(root, path, content)
                first = path
            else:
                link(first, path)


def link(source: Path, target: Path) -> None:
    """The same file at a second place; chunks are replaced, never changed, so both keep theirs."""
    try:
        os.link(source, target)
    except OSError:  # too many links, or a file system without
        shutil.copyfile(source, target)


def read(root: Path, name: Path) -> Metadata:
    """Metadata of a store; `name` is how messages call it.

    Raises
    ------
    StoreError
        If they are damaged, or of a later format.
    """
    try:
        return _read(root, name)
    except StoreError as error:
        raise StoreError(str(error).replace(str(root), str(name))) from None


def _read(root: Path, name: Path) -> Metadata:
    top = read_document(root / DOCUMENT)
    attributes = dict(top.get("attributes", {}))
    found = attributes.pop("format", None)
    if isinstance(found, Integral) and int(found) > FORMAT:
        raise StoreError(
            f"`{name}` has format {found}; this version reads up to {FORMAT}: please update."
        )
    guard = dict(read_document(root / JOURNAL / DOCUMENT).get("attributes", {}))
    if guard.pop("checksum", None) != checksum_of(guard):
        raise StoreError(f"`{root / JOURNAL / DOCUMENT}` is damaged.")
    documents = {DOCUMENT: top}
    names = [entry.name for entry in root.iterdir() if entry.is_dir() and entry.name != JOURNAL]
    for group in GROUPS:
        with contextlib.suppress(FileNotFoundError):
            names += [f"{group}/{e.name}" for e in (root / group).iterdir() if e.is_dir()]
    for folder in {*names, *guard["variables"], *guard["coordinates"], *GROUPS, STATUS}:
        documents[_document(folder)] = read_document(root / folder / DOCUMENT)
    for path, document in documents.items():
        known = guard["checksums"].get(path)
        if known is not None and checksum_of(document) not in known:
            raise StoreError(f"`{root / path}` is damaged, or was changed by another program.")
    arrays = {
        folder: array_of(root / folder, documents[_document(folder)])
        for folder in names
        if folder not in GROUPS
    }
    return _described(root, guard, arrays, attributes)


def _described(
    root: Path, guard: Mapping[str, Any], arrays: dict[str, ArrayFile], attributes: dict[str, Any]
) -> Metadata:
    """From the documents to the layout."""
    axes = arrays[STATUS].dims
    if not set(axes) <= set(arrays):
        raise StoreError(f"`{root}` is damaged: coordinates are missing.")
    coordinates, variables = {}, {}
    first = [*guard["coordinates"], *guard["variables"]]
    for name in [*first, *sorted(set(arrays) - {*first, *axes, STATUS})]:
        array = arrays[name]
        if array.dims[: len(axes)] == axes:
            kinds = [kind for kind, dtype in DTYPES.items() if dtype == array.dtype]
            if not kinds:
                raise StoreError(f"`{array.folder / DOCUMENT}` is damaged: its type is wrong.")
            kind = cast(Kind, kinds[0])
            variables[name] = Variable(array.dims[len(axes) :], kind, dict(array.attributes))
        else:
            coordinates[name] = _read_coordinate(array)
    attributes.pop(_LABELS, None)
    layout = Layout(
        {name: _read_coordinate(arrays[name]) for name in axes},
        coordinates,
        dict(guard["extents"]),
        variables,
        attributes,
    )
    made = Metadata(root, layout, guard["block"])
    made.arrays = {name: arrays[name] for name in [*variables, STATUS]}
    made._checksums = {path: list(known) for path, known in guard["checksums"].items()}
    for name, variable in layout.all_variables.items():
        if arrays[name].shape != made.shape_of(variable)[0]:
            raise StoreError(f"`{arrays[name].folder / DOCUMENT}` is damaged: its shape is wrong.")
    return made


def _read_coordinate(array: ArrayFile) -> xr.Variable:
    try:
        values = array.read_all()
    except DamageError as damage:
        raise StoreError(f"`{damage.path}` is damaged: a coordinate cannot be read.") from None
    return xr.Variable(array.dims, values, dict(array.attributes))


def same(one: Any, other: Any) -> bool:
    """Whether two coordinates have the same values."""
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "fc" and second.dtype.kind in "fc":
        return bool(np.array_equal(first, second, equal_nan=True))
    return bool(np.array_equal(first, second))
