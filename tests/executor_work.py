"""Work for executors in tests: plain functions that other processes can import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Group:
    """Cells that are solved together."""

    cells: tuple[tuple[int, ...], ...]


def groups_of(count: int, size: int = 2) -> list[Group]:
    """So many groups of consecutive cells."""
    return [Group(tuple((i * size + k,) for k in range(size))) for i in range(count)]


def squares(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """The numbers of the cells, squared."""
    return [repr([job["factor"] * i**2 for (i,) in group.cells]).encode() for group in groups]


def expected(job: Any, groups: Sequence[Group]) -> dict[Group, bytes]:
    """What `squares` gives."""
    return dict(zip(groups, squares(job, groups), strict=True))


def slow_squares(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """The same after `seconds` each."""
    time.sleep(job["seconds"] * len(groups))
    return squares(job, groups)


def busy_squares(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """The same after `seconds` of computing each."""
    end = time.process_time() + job["seconds"] * len(groups)
    while time.process_time() < end:
        pass
    return squares(job, groups)


def noted_squares(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """The same after `seconds` each; leaves the number of the process in the folder `notes`."""
    (Path(job["notes"]) / str(os.getpid())).touch()
    return slow_squares(job, groups)


def picky_squares(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """The same, but cell 6 is refused."""
    if any((6,) in group.cells for group in groups):
        raise ValueError("six is\nnot welcome")
    return squares(job, groups)


def deadly_squares(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """The same, but cell 6 kills its worker; each time leaves a file in the folder `notes`."""
    if any((6,) in group.cells for group in groups):
        folder = Path(job["notes"])
        (folder / str(len(list(folder.iterdir())))).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return slow_squares(job, groups)


def once_deadly_squares(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """The same, but the first process that meets cell 6 is killed."""
    note = Path(job["notes"]) / "met"
    if any((6,) in group.cells for group in groups) and not note.exists():
        note.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return slow_squares(job, groups)


def identities(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """Who does the work."""
    time.sleep(job["seconds"])
    return [str(os.getpid()).encode() for _ in groups]


def large(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """As many bytes as asked, of a value that depends on the cell."""
    return [bytes([group.cells[0][0] % 256]) * job["bytes"] for group in groups]


def settings(job: Any, groups: Sequence[Group]) -> list[bytes]:
    """What libraries find in their environment, and the cores that the methods would use."""
    import numpy as np
    from threadpoolctl import threadpool_info

    from opendicke.methods.parallel import cores

    np.ones((2, 2)) @ np.ones((2, 2))
    pools = [pool["num_threads"] for pool in threadpool_info()]
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC")
    return [repr(([os.environ.get(n) for n in names], pools, cores())).encode() for _ in groups]


class Loadless:
    """Can be sent, but not read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ()


def _refuse() -> None:
    raise RuntimeError("no reading")
