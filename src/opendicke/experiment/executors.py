"""Who solves groups of cells: this process, processes of this machine, a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from opendicke.errors import InputError
from opendicke.experiment.executors_base import (
    Answer,
    Executor,
    Failure,
    Group,
    Work,
    solve_one,
)
from opendicke.experiment.executors_dask import DaskCluster, connect
from opendicke.experiment.executors_local import LocalPool

__all__ = [
    "DaskCluster",
    "Executor",
    "Failure",
    "Group",
    "InProcess",
    "LocalPool",
    "Work",
    "connect",
    "make_executor",
]


class InProcess(Executor):
    """One group after the other, in this process."""

    name = "this process"
    workers = 1

    def run(
        self,
        job: Any,
        groups: Sequence[Any],
        work: Work,
        work_progress: Callable[..., None] | None = None,
    ) -> Iterator[tuple[Any, Answer]]:
        """Solve all groups, in order; `work_progress` reaches `work` as `progress`."""
        more = {} if work_progress is None else {"progress": work_progress}
        for group in groups:
            yield group, solve_one(job, group, work, **more)


def make_executor(
    workers: int | None = None, scheduler: str | None = None, client: Any = None
) -> Executor:
    """The executor that a user asked for; without any wish, this process.

    Parameters
    ----------
    workers : int, optional
        Processes of this machine.
    scheduler : str, optional
        Address of a Dask scheduler, such as `"tcp://10.0.0.1:8786"`.
    client : distributed.Client, optional
        Of any Dask cluster.

    Raises
    ------
    InputError
        If more than one is given, or one of them is no such thing.
    StoreError
        If there is no scheduler at the address or the package `distributed` is missing.
    """
    wishes = {"workers": workers, "scheduler": scheduler, "client": client}
    given = [name for name, wish in wishes.items() if wish is not None]
    if len(given) > 1:
        raise InputError(given[0], "be the only one of its kind", f"`{given[1]}` was given as well")
    if workers is not None:
        return LocalPool(workers)
    if scheduler is not None:
        return connect(scheduler)
    if client is not None:
        return DaskCluster(client)
    return InProcess()
