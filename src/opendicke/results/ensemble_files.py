"""Files of an ensemble's store: arrays and their chunks with checksums, replaced as a whole."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zarr
from numcodecs import VLenUTF8, Zstd  # type: ignore[import-untyped]
from zarr.codecs import BytesCodec, Crc32cCodec, VLenUTF8Codec, ZstdCodec
from zarr.storage import LocalStore

from opendicke.errors import StoreError, shown
from opendicke.results.ensemble_layout import JOURNAL

Values = np.ndarray[Any, Any]

DOCUMENT = "zarr.json"
PARTIAL = ".partial"
TEXT = np.dtypes.StringDType()

_zstd = Zstd(level=1)
_text = VLenUTF8()
_KNOWN = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128", "string"),
}


class DamageError(Exception):
    """A chunk that is not there, or that does not pass its checksum."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


@contextlib.contextmanager
def told(path: Path, doing: str = "written") -> Iterator[None]:
    """What the system refuses, as one sentence."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        reason = error.strerror or shown(str(error), 200)
        raise StoreError(f"`{path}` cannot be {doing}: {reason}.") from None


def remove_file(path: Path) -> None:
    """Remove a damaged chunk, were it a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def replace_file(root: Path, target: Path, content: bytes) -> None:
    """Write a file whole or not at all; the room for unfinished files is the journal's."""
    partial = root / JOURNAL / f"{uuid.uuid4().hex}{PARTIAL}"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        if target.is_dir():
            remove_file(target)
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class ArrayFile:
    """The metadata of one array on disk."""

    folder: Path
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    dtype: Any
    dims: tuple[str, ...]
    attributes: Mapping[str, Any]
    separator: str

    def chunk_path(self, place: Sequence[int]) -> Path:
        """File of a chunk, by its place in the grid of chunks."""
        if self.separator == "/":
            return self.folder.joinpath("c", *map(str, place))
        return self.folder / ".".join(["c", *map(str, place)])

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each dimension."""
        return tuple(-(-n // c) for n, c in zip(self.shape, self.chunk, strict=True))

    @property
    def fill_value(self) -> Any:
        """What a cell holds that nobody has computed."""
        if self.dtype == TEXT:
            return ""
        return math.nan if self.dtype.kind in "fc" else 0

    @property
    def fill(self) -> Values:
        """A chunk of such cells."""
        return np.full(self.chunk, self.fill_value, dtype=self.dtype)

    def read(self, place: Sequence[int]) -> Values:
        """One chunk, writable.

        Raises
        ------
        DamageError
            If it is not there or does not pass its checksum.
        """
        path = self.chunk_path(place)
        body = checked(path)
        try:
            content = _zstd.decode(body)
            if self.dtype == TEXT:
                return np.array(_text.decode(content).tolist(), dtype=TEXT).reshape(self.chunk)
            stored = self.dtype.newbyteorder("<")
            return np.frombuffer(content, stored).reshape(self.chunk).astype(self.dtype)
        except (ValueError, RuntimeError, TypeError):
            raise DamageError(path) from None

    def encode(self, values: Values) -> bytes:
        """The bytes of a chunk: compressed, with a checksum at the end."""
        if self.dtype == TEXT:
            content = _text.encode(values.astype(object).reshape(-1))
        else:
            content = np.ascontiguousarray(values, self.dtype.newbyteorder("<"))
        body = bytes(_zstd.encode(content))
        return body + int(google_crc32c.value(body)).to_bytes(4, "little")

    def write(self, root: Path, place: Sequence[int], values: Values) -> None:
        """Replace one chunk; `values` may be smaller, where the array ends."""
        if values.shape != self.chunk:
            padded = self.fill
            padded[tuple(map(slice, values.shape))] = values
            values = padded
        path = self.chunk_path(place)
        content = self.encode(values)
        try:
            replace_file(root, path, content)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(root, path, content)

    def read_all(self, *, missing_is_fill: bool = False) -> Values:
        """The whole array."""
        values = np.empty(self.shape, self.dtype)
        for place in np.ndindex(*self.grid):
            box = tuple(
                slice(i * c, min(n, (i + 1) * c))
                for i, c, n in zip(place, self.chunk, self.shape, strict=True)
            )
            try:
                part = self.read(place)
            except DamageError:
                if not missing_is_fill or self.chunk_path(place).exists():
                    raise
                part = self.fill
            values[box] = part[tuple(slice(s.stop - s.start) for s in box)]
        return values


def checked(path: Path) -> bytes:
    """Content of a chunk without its checksum, which it passes."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DamageError(path) from None
    body, checksum = content[:-4], content[-4:]
    if len(checksum) < 4 or int(google_crc32c.value(body)).to_bytes(4, "little") != checksum:
        raise DamageError(path)
    return body


def make_array(
    folder: Path,
    shape: Sequence[int],
    chunk: Sequence[int],
    dtype: Any,
    dims: Sequence[str],
    attributes: Mapping[str, Any],
) -> ArrayFile:
    """A new array without chunks."""
    is_text = dtype == TEXT
    zarr.create_array(
        LocalStore(folder),
        shape=tuple(shape),
        chunks=tuple(chunk),
        dtype="string" if is_text else dtype,
        serializer=VLenUTF8Codec() if is_text else BytesCodec(endian="little"),
        compressors=[ZstdCodec(level=1), Crc32cCodec()],
        fill_value="" if is_text else (math.nan if dtype.kind in "fc" else 0),
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=tuple(dims),
        attributes=plain(attributes),
        zarr_format=3,
    )
    return ArrayFile(folder, tuple(shape), tuple(chunk), dtype, tuple(dims), plain(attributes), ".")


def plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as JSON holds them; NaN and infinities become null."""
    made: dict[str, Any] = {str(key): _plain(value) for key, value in attributes.items()}
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_document(path: Path) -> dict[str, Any]:
    """Metadata of an array or a group.

    Raises
    ------
    StoreError
        If they are not there or are not what they should be.
    """
    try:
        document = json.loads(path.read_bytes())
        if isinstance(document, dict) and document.get("zarr_format") == 3:
            return document
    except PermissionError as error:
        raise StoreError(f"`{path}` cannot be read: {error.strerror}.") from None
    except (OSError, ValueError, RecursionError):
        pass
    raise StoreError(f"`{path}` is damaged or missing: the metadata cannot be read.")


def checksum_of(document: Mapping[str, Any]) -> int:
    """Checksum of what a document says, however it is written."""
    said = {key: value for key, value in document.items() if key != "consolidated_metadata"}
    return zlib.crc32(json.dumps(said, sort_keys=True).encode())


def array_of(folder: Path, document: Mapping[str, Any]) -> ArrayFile:
    """The array that a document describes.

    Raises
    ------
    StoreError
        If it is not one that this library writes.
    """
    try:
        if document["node_type"] != "array" or document["data_type"] not in _KNOWN:
            raise ValueError
        if [codec["name"] for codec in document["codecs"]][1:] != ["zstd", "crc32c"]:
            raise ValueError
        kind = document["data_type"]
        return ArrayFile(
            folder,
            tuple(map(int, document["shape"])),
            tuple(map(int, document["chunk_grid"]["configuration"]["chunk_shape"])),
            TEXT if kind == "string" else np.dtype(kind),
            tuple(document["dimension_names"]),
            document.get("attributes", {}),
            document["chunk_key_encoding"]["configuration"]["separator"],
        )
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"`{folder / DOCUMENT}` is damaged: it describes no array.") from None


def group_document(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": plain(attributes)}


def as_bytes(document: Mapping[str, Any]) -> bytes:
    """A document as it is written."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode()
