"""Records as bytes and as a log: all bits come back, and what is broken ends the log."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from opendicke.results import journal as journal_module
from opendicke.results.journal import Journal, pack, unpack

KINDS = ["<f8", ">f8", "<f4", "<c16", "<i8", "|i1", ">u4", "|b1"]
ARRAYS = st.sampled_from(KINDS).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
HEADERS = st.dictionaries(
    st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
)


@settings(max_examples=150, deadline=None)
@given(HEADERS, st.dictionaries(st.text(), ARRAYS, max_size=4))
def test_all_bits_come_back(header: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Values, shapes, types and the names of whatever is packed; the bits of NaN, too."""
    told, found = unpack(pack(header, arrays))
    assert told == header
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("<")
        assert found[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()


def test_signs_and_payloads_of_nan() -> None:
    """Not a number is more than 2⁵² numbers; −0 is not 0."""
    bits = np.array([0x7FF8000000000001, 0xFFF80000DEADBEEF, 0x8000000000000000], np.uint64)
    found = unpack(pack({}, {"x": bits.view(float)}))[1]["x"]
    np.testing.assert_array_equal(found.view(np.uint64), bits)


def test_layout_of_arrays() -> None:
    """Strided, transposed and scalar arrays come back as they look; read only, aligned."""
    x = np.arange(24.0).reshape(2, 3, 4)
    arrays = {"a": x[:, ::2, ::-1], "b": x.T, "c": np.array(3, np.int8), "d": x[0]}
    data = pack({"nan": float("nan")}, arrays)
    header, found = unpack(data)
    assert header["nan"] != header["nan"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable
    start = np.frombuffer(data, np.uint8).ctypes.data
    for array in found.values():
        assert (array.ctypes.data - start) % 8 == 0


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([object()]), np.array(["a"], np.dtypes.StringDType())]
)
def test_only_numbers(array: Any) -> None:
    """Nothing that would need pickle."""
    with pytest.raises(ValueError, match="cannot be packed"):
        pack({}, {"x": array})


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_malformed_bytes_raise_one_thing(data: st.DataObject) -> None:
    """Cut, changed or arbitrary bytes: a ValueError or a record, never anything else."""
    good = pack({"cells": [[1, 2]]}, {"x": np.arange(5.0), "y": np.arange(3)})
    kind = data.draw(st.sampled_from(["cut", "flip", "any"]))
    if kind == "cut":
        bad = good[: data.draw(st.integers(0, len(good) - 1))]
        with pytest.raises(ValueError, match="not a packed record"):
            unpack(bad)
        return
    if kind == "flip":
        changed = bytearray(good)
        changed[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        bad = bytes(changed)
    else:
        bad = data.draw(st.binary(max_size=60))
    try:
        header, arrays = unpack(bad)
    except ValueError:
        return
    assert isinstance(header, dict)
    assert all(isinstance(array, np.ndarray) for array in arrays.values())


@pytest.mark.parametrize(
    "entry",
    [
        '["x","<f8",[1],-8]',
        '["x","<f8",[-1],0]',
        '["x","<f8",[1000000000000],0]',
        '["x","<f8",[0,1000000000000000000000],0]',
        '["x","<f8",[1.0],0]',
        '["x","|O",[1],0]',
        '["x","<U1",[1],0]',
        '["x","<f3",[1],0]',
        '["x","<f8",[true],0]',
        '["x","<f8",1,0]',
        '["x"]',
        "3",
    ],
)
def test_malformed_entries(entry: str) -> None:
    """Sizes and types that no array has."""
    text = ('{"header":{},"arrays":[' + entry + "]}").encode()
    with pytest.raises(ValueError, match="not a packed record"):
        unpack(struct.pack("<4sIQ", b"odP1", 0, len(text)) + text + bytes(64))


RECORDS = [b"", b"first", bytes(1000), os.urandom(77)]


def write(path: Path) -> list[int]:
    """A journal of the records above; where each ends."""
    journal = Journal(path)
    ends = [journal.append(record) for record in RECORDS]
    journal.close()
    return list(np.cumsum(ends))


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Also from the middle, by another process, and continued after closing."""
    path = tmp_path / "a.journal"
    ends = write(path)
    assert list(Journal.read(path)) == RECORDS
    assert list(Journal.read(path, ends[1])) == RECORDS[2:]
    assert [end for _, end in Journal.read_places(path)] == ends
    again = Journal(path)
    assert again.size == ends[-1]
    again.append(b"more")
    assert list(Journal.read(path)) == [*RECORDS, b"more"]
    again.unlink()
    assert not path.exists()
    assert list(Journal.read(path)) == []


def test_every_cut_keeps_the_whole_records(tmp_path: Path) -> None:
    """Cut at any byte, the records before are read, and the journal can be continued."""
    path = tmp_path / "a.journal"
    ends = write(path)
    content = path.read_bytes()
    for cut in range(0, len(content), 7):
        path.write_bytes(content[:cut])
        whole = RECORDS[: int(np.searchsorted(ends, cut, side="right"))]
        assert list(Journal.read(path)) == whole
        journal = Journal(path)
        journal.append(b"next")
        journal.close()
        assert list(Journal.read(path)) == [*whole, b"next"]


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """A record with a changed bit, and what follows it, is not read."""
    path = tmp_path / "a.journal"
    ends = write(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(content), 300, replace=False):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        whole = int(np.searchsorted(ends, place, side="right"))
        assert list(Journal.read(path)) == RECORDS[:whole]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_has_no_records(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Neither have folders, or files that are not there."""
    path = tmp_path_factory.getbasetemp() / "garbage.journal"
    path.write_bytes(content)
    assert list(Journal.read(path)) == []
    assert list(Journal.read(path.parent)) == []


def test_the_checksum_is_that_of_the_payload(tmp_path: Path) -> None:
    """The format is written down: magic, crc32, length, payload."""
    path = tmp_path / "a.journal"
    journal = Journal(path)
    journal.append(b"payload")
    journal.close()
    expected = b"odJ1" + struct.pack("<IQ", zlib.crc32(b"payload"), 7) + b"payload"
    assert path.read_bytes() == expected


def test_a_full_disk_takes_back_what_it_took_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a record must not stand before the next one."""
    path = tmp_path / "a.journal"
    journal = Journal(path)
    journal.append(b"before")
    real, calls = os.write, []

    def full(file: int, content: Any) -> int:
        calls.append(len(content))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, content[:20])

    monkeypatch.setattr(journal_module.os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        journal.append(bytes(100))
    monkeypatch.undo()
    assert list(Journal.read(path)) == [b"before"]
    journal.append(b"after")
    assert list(Journal.read(path)) == [b"before", b"after"]


def test_a_record_is_one_write_or_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call of the system where it takes so much; records of more than 2 GiB take several."""
    calls: list[int] = []
    real = os.write

    def counted(file: int, content: Any) -> int:
        calls.append(len(content))
        return real(file, content)

    monkeypatch.setattr(journal_module.os, "write", counted)
    path = tmp_path / "a.journal"
    journal = Journal(path)
    journal.append(bytes(1000))
    assert len(calls) == 1
    monkeypatch.setattr(journal_module, "_LONGEST_WRITE", 300)
    payload = os.urandom(1000)
    journal.append(payload)
    assert calls[1:] == [300, 300, 300, 116]
    assert list(Journal.read(path)) == [bytes(1000), payload]
