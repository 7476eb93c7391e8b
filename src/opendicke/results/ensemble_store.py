"""A store that grows while an ensemble is computed, and that no kill can damage.

Answers of cells go into a journal first, in one piece; from there into the chunks of a Zarr store.
A cell counts as done by its `status`, which is written after its data. What is in the journal
holds, whatever the chunks say. Chunks, records and metadata carry checksums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from opendicke.errors import InputError, StoreError
from opendicke.results import ensemble_metadata as metadata
from opendicke.results import ensemble_place as place
from opendicke.results.ensemble_chunks import Chunks, bare, box_of
from opendicke.results.ensemble_files import PARTIAL, Values, told
from opendicke.results.ensemble_growth import grown
from opendicke.results.ensemble_layout import (
    DTYPES,
    FILLS,
    JOURNAL,
    STATUS,
    Cell,
    Layout,
    Variable,
    check_layout,
    check_variable,
)
from opendicke.results.ensemble_reading import is_ensemble, load_ensemble
from opendicke.results.ensemble_records import (
    Buffer,
    Frame,
    encode,
    grouped,
    journals,
    open_journal,
    written,
)
from opendicke.results.ensemble_records import place as place_values
from opendicke.results.journal import Journal

__all__ = ["EnsembleStore", "Frame", "Layout", "Variable", "is_ensemble", "load_ensemble"]

_MOST_BUFFERED = 256 * 1024**2
_LONGEST_JOURNAL = 64 * 1024**2
_JOURNAL_RATIO = 4


class EnsembleStore:
    """One writer's view of a store of an ensemble; made by `create` and `open`."""

    def __init__(self, path: Path, lock: place.Lock) -> None:
        self.path = path
        self._lock: place.Lock | None = lock
        self._read()

    def _read(self) -> None:
        """Take up what is on disk: metadata, numbers of every cell, the journal."""
        self._made = metadata.read(self.path, self.path)
        self._chunks = Chunks(self.path, self._made)
        self._buffer = Buffer(self._made.block)
        self._awaited = np.zeros(self.layout.cells, bool)
        folder = self.path / JOURNAL
        self._logged = 0
        for old in journals(folder):
            self._buffer.replay(Journal.read(old))
            self._logged += old.stat().st_size
        self._journal = open_journal(folder)

    @classmethod
    def create(cls, path: str | Path, layout: Layout, overwrite: bool = False) -> Self:
        """Make an empty store, and hold the right to write it.

        What is at the path already is replaced by a complete store.

        Raises
        ------
        InputError
            If the layout does not fit together.
        StoreError
            If there is something at the path already (unless `overwrite`), another process
            writes it, or nothing can be written there.
        """
        named = place.named(path)
        check_layout(layout)
        former = None
        with told(named):
            place.recover(named)
            if named.exists() or named.is_symlink():
                if not overwrite:
                    raise StoreError(
                        f"`{named}` exists already; choose another path or ask to overwrite it."
                    )
                if (named / JOURNAL).is_dir():
                    former = place.Lock(named, named)
        try:
            lock = _made_at(named, layout)
        finally:
            if former is not None:
                former.release()
        return cls._at(named, lock)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Take the right to write a store, and all that its journal holds.

        Raises
        ------
        StoreError
            If there is none, it is damaged or of a later format, another process writes it, or
            nothing can be written there.
        """
        named = place.named(path)
        with told(named, "read"):
            place.recover(named)
            if not named.exists():
                raise StoreError(f"`{named}` does not exist.")
            if not is_ensemble(named):
                raise StoreError(f"`{named}` does not hold an ensemble.")
        return cls._at(named, place.Lock(named, named))

    @classmethod
    def _at(cls, path: Path, lock: place.Lock) -> Self:
        try:
            with told(path):
                place.sweep(path)
                return cls(path, lock)
        except BaseException:
            lock.release()
            raise

    @property
    def layout(self) -> Layout:
        """Dimensions, labels and variables."""
        return self._made.layout

    @property
    def block(self) -> tuple[int, ...]:
        """Shape of the blocks of cells that share their chunks."""
        return self._made.block

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the store."""
        return dict(self.layout.attributes)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Replace the attributes, all at once or not at all."""
        self._check_open()
        with told(self.path):
            self._made.set_attributes(attributes)

    def declare(self, name: str, variable: Variable) -> None:
        """Add a variable, unless there is one; cells that are done have fill values there.

        Raises
        ------
        InputError
            If there is another one of this name.
        """
        self._check_open()
        there = self.layout.variables.get(name)
        if there is None:
            check_variable(name, variable, self.layout)
            with told(self.path):
                self._chunks.declare(name, variable)
        elif (there.dims, there.kind) != (variable.dims, variable.kind):
            raise InputError("variables", f"keep `{name}` as it is", f"was {variable}")

    # Cells

    def await_cells(self, mask: Values) -> None:
        """Say which cells are still to come, (cells); chunks wait for them."""
        mask = np.asarray(mask, bool)
        if mask.shape != self.layout.cells:
            raise InputError("mask", f"have shape {self.layout.cells}", f"has {mask.shape}")
        self._awaited = mask.copy()

    def status(self) -> Values:
        """How each cell ended, 0 for pending ones; what is only in the journal included."""
        return self.scalars(STATUS)

    def scalars(self, name: str) -> Values:
        """A number of every cell, what is only in the journal included."""
        variable = self.layout.all_variables.get(name)
        if variable is None or not variable.scalar:
            raise InputError("name", "be a variable with one number per cell", f"was `{name}`")
        values = self._chunks.scalars(name).copy()
        for entries in self._buffer.blocks.values():
            values[tuple(np.array(list(entries)).T)] = FILLS[variable.kind]
            place_values(values, grouped(entries), name, [0] * values.ndim)
        return values

    def put(self, cells: Sequence[Cell], frames: Sequence[Frame]) -> None:
        """Store the answers of some cells, all or none of them.

        When it returns, no kill can take them away again. Where it raises because chunks cannot
        be written, they may be in the journal.

        Raises
        ------
        InputError
            For cells, variables or shapes that the layout does not have.
        StoreError
            If the disk is full or the store cannot be written; the store is as intact as before.
        """
        self._check_open()
        if not cells:
            return
        payload, record = encode(cells, frames, self.layout)
        with told(self.path):
            self._logged += self._journal.append(payload)
            self._buffer.add(record)
            for cell in record.cells:
                self._awaited[cell] = False
            for block in sorted({self._buffer.block_of(cell) for cell in record.cells}):
                if not self._awaited[box_of(block, self.block)].any():
                    self._write_block(block)
            self._write_some()
            if self._logged > max(_LONGEST_JOURNAL, _JOURNAL_RATIO * self._buffer.size):
                self._rewrite_journal()

    def _write_block(self, block: Cell) -> None:
        self._chunks.write(block, self._buffer.blocks[block])
        self._logged += self._journal.append(written(block))
        self._buffer.remove(block)

    def _write_some(self) -> None:
        """Write the fullest blocks where too much is waiting."""
        if self._buffer.size > _MOST_BUFFERED:
            for block in sorted(self._buffer.blocks, key=lambda b: -len(self._buffer.blocks[b])):
                self._write_block(block)
                if self._buffer.size <= _MOST_BUFFERED // 2:
                    return

    def _rewrite_journal(self) -> None:
        """Put what is still needed into a new journal, which replaces the others."""
        folder = self.path / JOURNAL
        there = journals(folder)
        following = open_journal(folder).path
        fresh = Journal(following.with_name(f"{following.name}{PARTIAL}"))
        try:
            for record, pairs in self._buffer.records().items():
                frames = [record.frame(row) for _, row in pairs]
                fresh.append(encode([cell for cell, _ in pairs], frames, self.layout)[0])
            fresh.sync()
        except BaseException:
            fresh.unlink()
            raise
        fresh.close()
        self._journal.close()
        self._journal = Journal(following)
        if fresh.path.exists():
            fresh.path.rename(following)
        for old in there:
            old.unlink()
        self._logged = self._journal.size

    def frame(self, cell: Cell) -> Frame:
        """All values of one cell; a pending one has its status alone."""
        return self.frames([cell])[0]

    def frames(self, cells: Iterable[Cell]) -> list[Frame]:
        """All values of several cells, every chunk being read once.

        Arrays have the full extents; smaller ones end in NaN.

        Raises
        ------
        StoreError
            If a chunk is damaged: `verify` finds all of them.
        """
        listed = [tuple(map(int, cell)) for cell in cells]
        found: dict[Cell, Frame] = {}
        for cell in sorted(set(listed), key=lambda cell: (self._buffer.block_of(cell), cell)):
            held = self._buffer.get(cell)
            if held is not None:
                found[cell] = self._padded(held[0].frame(held[1]))
            elif self._chunks.status[cell]:
                found[cell] = self._chunks.frame(cell)
            else:
                found[cell] = {STATUS: 0}
        return [found[cell] for cell in listed]

    def _padded(self, frame: Frame) -> Frame:
        """A frame of all variables at their full extents."""
        full: Frame = {}
        for name, variable in self.layout.all_variables.items():
            given, fill = frame.get(name), FILLS[variable.kind]
            if not variable.dims:
                full[name] = bare(fill if given is None else given, variable)
                continue
            array = np.full(self.layout.shape(variable), fill, DTYPES[variable.kind])
            if given is not None:
                values = np.asarray(given, object if variable.kind == "text" else None)
                array[tuple(map(slice, values.shape))] = values
            full[name] = array
        return full

    # The whole store

    def verify(self) -> Values:
        """Check every chunk of cells that are done; those of damaged ones become pending.

        Returns
        -------
        mask : array over the cells
            Cells that were found damaged, here or before, and are to be computed again. Cells
            that the journal holds are not among them.
        """
        self._check_open()
        with told(self.path):
            self._chunks.verify()
        mask = self._chunks.damaged.copy()
        for entries in self._buffer.blocks.values():
            mask[tuple(np.array(list(entries)).T)] = False
        return mask

    def grow(self, layout: Layout) -> None:
        """Give the store longer axes, larger extents, other labels or attributes.

        The chunks stay as they are, and variables that `layout` does not name. A kill meanwhile
        leaves the old store or the new one. No cell is awaited afterwards.

        Raises
        ------
        InputError
            If the values of an axis now are not the first ones of it then, an extent shrinks, or
            a variable changes.
        """
        check_layout(layout)
        self.flush()
        with told(self.path):
            lock = grown(self.path, self._made, layout, self._chunks.status)
            assert self._lock is not None
            former, self._lock = self._lock, lock
            former.release()
            self._journal.close()
            self._read()

    def flush(self) -> None:
        """Write everything that is waiting into chunks."""
        self._check_open()
        with told(self.path):
            for block in sorted(self._buffer.blocks):
                self._write_block(block)

    def close(self) -> None:
        """Write everything into chunks, remove the journal, let others write."""
        if self._lock is None:
            return
        try:
            self.flush()
            self._journal.close()
            with told(self.path):
                # The oldest first: without the later ones it would bring back old answers.
                for old in journals(self.path / JOURNAL):
                    old.unlink()
        finally:
            self.leave()

    def leave(self) -> None:
        """Let others write, at once; the journal keeps what is not in chunks."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            self._journal.close()
            lock.release()

    def _check_open(self) -> None:
        if self._lock is None:
            raise StoreError(f"`{self.path}` is closed.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.leave()


def _made_at(path: Path, layout: Layout) -> place.Lock:
    """Put an empty store at a path; the right to write it."""
    with told(path):
        folder = place.new_folder(path)
        with place.removed_on_failure(folder):
            lock = place.Lock(folder, path)
            try:
                metadata.write(folder, layout)
                old = place.swap(path, folder)
            except BaseException:
                lock.release()
                raise
        place.remove(old)
    return lock
