"""Where an ensemble's store lies: one writer at a time, replaced by renaming, recovered."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from opendicke.errors import InputError, StoreError, shown
from opendicke.results.ensemble_files import DOCUMENT, PARTIAL, told
from opendicke.results.ensemble_layout import JOURNAL

_NEW, _OLD = "new", "old"
_LOCK, _OWNER = "lock", "writer"
_PATIENCE = 5.0
"""Seconds to wait for another process between its two renames."""
_STARTING = 60.0
"""Seconds in which a process that makes a new folder surely locks it."""


def named(path: object) -> Path:
    """A path that ends in `.zarr`."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError("store", "be a path", f"was {shown(path)}")
    made = Path(path)
    if made.suffix != ".zarr":
        raise InputError("store", "end in .zarr", f"was `{shown(str(path))}`")
    # A link stays one: what it names is replaced, on the disk where that is.
    return Path(os.path.realpath(made) if made.is_symlink() else os.path.abspath(made))


class Lock:
    """The right to write a store; it ends with the process that has it.

    Raises
    ------
    StoreError
        If another process has it, or nothing can be written there.
    """

    def __init__(self, folder: Path, name: Path) -> None:
        room = folder / JOURNAL
        # The folder may be renamed while the lock is held: the lock is on the file, not its name.
        self._lock = FileLock(room / _LOCK, thread_local=False)
        with told(name):
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise StoreError(
                    f"`{name}` is being written by another process{_owner(room)}."
                ) from None
            try:
                (room / _OWNER).write_text(f"{os.getpid()} {socket.gethostname()}")
            except BaseException:
                self._lock.release()
                raise

    def release(self) -> None:
        """Let others write."""
        self._lock.release()


def _owner(room: Path) -> str:
    try:
        pid, host = (room / _OWNER).read_text().split()
    except (OSError, ValueError):
        return ""
    there = "" if host == socket.gethostname() else f" on {host}"
    return f" (pid {int(pid)}{there})" if pid.isdecimal() else ""


def sibling(path: Path, word: str) -> Path:
    """A hidden folder beside a store, for its successor or predecessor."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{word}")


def _siblings(path: Path, word: str) -> list[Path]:
    """Those hidden folders, the youngest first."""
    start, end = f".{path.name}.", f".{word}"
    try:
        found = [
            item
            for item in path.parent.iterdir()
            if item.name.startswith(start)
            and item.name.endswith(end)
            and len(item.name) == len(start) + 8 + len(end)
        ]
        return sorted(found, key=lambda item: item.stat().st_mtime, reverse=True)
    except OSError:
        return []


def swap(path: Path, new: Path) -> Path | None:
    """Put a complete store at `path`; where what was there is now, if anything was.

    Where the system cannot exchange the two at once, a process that dies between two renames leaves
    what was there as a hidden folder, which `recover` and `find` know.
    """
    if not os.path.lexists(path):
        new.rename(path)  # fails if another process was faster
        return None
    if _exchange(path, new):
        return new
    old = sibling(path, _OLD)
    try:
        path.rename(old)
        new.rename(path)
    except BaseException:
        if not os.path.lexists(path) and os.path.lexists(old):
            old.rename(path)
        raise
    return old


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step, where the system knows how."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def remove(path: Path | None) -> None:
    """Remove a file or a folder, as far as possible."""
    if path is None:
        return
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            # First what makes it a store: what remains after a kill is not taken for one.
            (path / DOCUMENT).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def new_folder(path: Path) -> Path:
    """A hidden folder for a store that will be renamed to `path`."""
    folder = sibling(path, _NEW)
    with told(path):
        (folder / JOURNAL).mkdir(parents=True)
    return folder


def _held(folder: Path) -> bool:
    """Whether a living process has the lock of a hidden folder."""
    lock = FileLock(folder / JOURNAL / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def recover(path: Path) -> None:
    """Undo a swap that died between its two renames, once nobody is at it."""
    end = time.monotonic() + _PATIENCE
    while not os.path.lexists(path):
        left = [item for item in _siblings(path, _OLD) if (item / DOCUMENT).exists()]
        if not left:
            return
        if not _held(left[0]):
            with contextlib.suppress(OSError):
                left[0].rename(path)
        elif time.monotonic() > end:
            return
        else:
            time.sleep(0.02)


def find(path: Path) -> Path:
    """Where a store can be read: at its path, or, between two renames, beside it."""
    for _ in range(10):
        if os.path.lexists(path):
            return path
        left = [item for item in _siblings(path, _OLD) if (item / DOCUMENT).exists()]
        if not left:
            return path
        time.sleep(0.01)
    return left[0]


def sweep(path: Path) -> None:
    """Remove what dead processes left of unfinished files and folders; for who has the lock."""
    for folder in (path / JOURNAL, path):
        for item in folder.glob(f"*{PARTIAL}"):
            remove(item)
    for word in (_NEW, _OLD):
        for item in _siblings(path, word):
            starting = word == _NEW and not (item / JOURNAL / _LOCK).exists()
            if starting and time.time() - item.stat().st_mtime < _STARTING:
                continue
            if not _held(item):
                remove(item)


@contextlib.contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """Leave no unfinished folder behind."""
    try:
        yield
    except BaseException:
        remove(folder)
        raise
