"""A log that survives a kill: records with a length and a checksum, one after the other."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray[Any, Any]]

_PACKED = struct.Struct("<4sIQ")  # magic, zero, bytes of the header
_PACK_MAGIC = b"odP1"
_TYPES = re.compile(r"[<|][biufc][0-9]{1,2}")
_MOST_DIMENSIONS = 32

_RECORD = struct.Struct("<4sIQ")  # magic, crc32 of the payload, bytes of the payload
_RECORD_MAGIC = b"odJ1"
_LONGEST_WRITE = 2**30
"""The system writes at most 2 GiB at a time."""


def pack(header: Mapping[str, Any], arrays: Arrays) -> bytes:
    """A header of plain values and named arrays of numbers as bytes, for `unpack`.

    Numbers keep all their bits, those of NaN too. Strings belong into the header.

    Parameters
    ----------
    header
        What JSON holds; NaN and infinities are allowed.
    arrays
        Boolean, integer, real or complex arrays of any shape.

    Raises
    ------
    ValueError
        For other types of arrays.
    """
    entries: list[Any] = []
    parts: list[Any] = []
    offset = 0
    for name, given in arrays.items():
        array = np.asarray(given)
        if array.dtype.kind not in "biufc":
            raise ValueError(f"an array of type {array.dtype} cannot be packed")
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        entries.append([name, array.dtype.str, list(array.shape), offset])
        parts.append(array.reshape(-1).view(np.uint8).data if array.size else b"")
        fill = -array.nbytes % 8
        parts.append(bytes(fill))
        offset += array.nbytes + fill
    text = json.dumps({"header": header, "arrays": entries}, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([_PACKED.pack(_PACK_MAGIC, 0, len(text)), text, *parts])


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """The header and the arrays that were packed; the arrays are views of `data`, read only.

    Raises
    ------
    ValueError
        For anything that `pack` did not make.
    """
    try:
        return _unpack(data)
    except (
        ValueError,
        TypeError,
        LookupError,
        OverflowError,
        RecursionError,
        struct.error,
    ) as error:
        raise ValueError(f"not a packed record: {error}") from None


def _unpack(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    magic, zero, length = _PACKED.unpack_from(data)
    start = _PACKED.size + length
    if magic != _PACK_MAGIC or zero or start > len(data):
        raise ValueError("bad beginning")
    document = json.loads(str(data[_PACKED.size : start], "utf-8"))
    header, entries = document["header"], document["arrays"]
    if not isinstance(header, dict) or not isinstance(entries, list):
        raise ValueError("bad header")
    arrays = {}
    for name, kind, shape, offset in entries:
        if not isinstance(name, str) or not isinstance(kind, str) or not _TYPES.fullmatch(kind):
            raise ValueError("bad type of an array")
        numbers = [*shape, offset]
        if len(shape) > _MOST_DIMENSIONS or any(type(n) is not int or n < 0 for n in numbers):
            raise ValueError("bad shape of an array")
        dtype, count = np.dtype(kind), math.prod(shape)
        if start + offset + count * dtype.itemsize > len(data):
            raise ValueError("an array is cut off")
        flat = np.frombuffer(data, dtype, count, start + offset) if count else np.empty(0, dtype)
        array = flat.reshape(shape)
        array.flags.writeable = False
        arrays[name] = array
    return header, arrays


class Journal:
    """A file to which records are appended, each with its length and a checksum.

    What was appended is with the operating system when `append` returns: a killed process loses
    nothing of it. A record that was cut off ends the file for readers.

    Parameters
    ----------
    path
        A file of this name is continued, or made with the first record.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: int | None = None
        self._damaged = False

    def append(self, payload: bytes) -> int:
        """Add a record; the bytes it takes in the file. Where that fails, nothing is added.

        Raises
        ------
        OSError
            Where the system refuses, such as on a full disk.
        """
        if self._damaged:
            raise OSError(f"`{self.path}` ends in a broken record that could not be removed")
        if self._file is None:
            self._open()
            assert self._file is not None
        record = _RECORD.pack(_RECORD_MAGIC, zlib.crc32(payload), len(payload)) + payload
        before = os.fstat(self._file).st_size
        try:
            rest = memoryview(record)
            while rest:
                rest = rest[os.write(self._file, rest[:_LONGEST_WRITE]) :]
        except BaseException:
            self._take_back(before)
            raise
        return len(record)

    def _open(self) -> None:
        """Go on behind the last whole record."""
        ends = [end for _, end in self.read_places(self.path)]
        end = ends[-1] if ends else 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags, 0o666)
        if os.fstat(self._file).st_size > end:
            os.ftruncate(self._file, end)

    def _take_back(self, size: int) -> None:
        """Cut off what was written in part: records after it would never be read."""
        assert self._file is not None
        try:
            os.ftruncate(self._file, size)
        except OSError:
            self._damaged = True

    def sync(self) -> None:
        """Wait until all records are on the disk."""
        if self._file is not None:
            os.fsync(self._file)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def close(self) -> None:
        """Close the file; it can be continued."""
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def unlink(self) -> None:
        """Close the file and remove it."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    @staticmethod
    def read(path: str | Path, start: int = 0) -> Iterator[bytes]:
        """Payloads of the records from a place on, up to the first that is incomplete or damaged.

        A file that is not there, or cannot be read, has none.
        """
        for payload, _ in Journal.read_places(path, start):
            yield payload

    @staticmethod
    def read_places(path: str | Path, start: int = 0) -> Iterator[tuple[bytes, int]]:
        """Payloads with the place in the file behind each."""
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                place = start
                file.seek(start)
                while place + _RECORD.size <= size:
                    beginning = file.read(_RECORD.size)
                    if len(beginning) < _RECORD.size:
                        return
                    magic, checksum, length = _RECORD.unpack(beginning)
                    if magic != _RECORD_MAGIC or place + _RECORD.size + length > size:
                        return
                    payload = file.read(length)
                    if len(payload) < length or zlib.crc32(payload) != checksum:
                        return
                    place += _RECORD.size + length
                    yield payload, place
        except OSError:
            return
