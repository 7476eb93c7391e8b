"""Any Dask cluster; `distributed`, which the extra `cluster` installs, is imported only here."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import queue
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from opendicke.errors import InputError, StoreError, shown
from opendicke.experiment.executors_base import (
    Answer,
    Bundles,
    Executor,
    Failure,
    Work,
    sentence,
    solve_some,
)
from opendicke.methods.parallel import limit_threads

__version__ = version("opendicke")

_AHEAD = 4
"""Bundles under way for each thread of a worker."""
_GLANCE = 0.5
"""Seconds between two looks at the connection while nothing arrives."""
_CENSUS = 2.0
"""Seconds between two counts of the workers."""
_PATIENCE = 10.0
"""Seconds in which a scheduler has to answer when it is called first."""
_SILENCE = 30.0
"""Seconds without an answer after which the scheduler counts as lost."""
_TRIES = 3
"""Times that a bundle may be cancelled by others."""


class DaskCluster(Executor):
    """The workers of a Dask cluster, which may come, go and die while they work.

    Parameters
    ----------
    client : distributed.Client
        A connected client; whoever made it closes it.

    Raises
    ------
    InputError
        If it is no such client.
    StoreError
        If it is not connected or the package `distributed` is missing.
    """

    def __init__(self, client: Any) -> None:
        if not isinstance(client, _distributed().Client):
            raise InputError("client", "be a distributed.Client", f"was {shown(client)}")
        if client.asynchronous:
            raise InputError("client", "be a synchronous client", "was an asynchronous one")
        self._client = client
        self._ours = False
        self._address = client.scheduler.address if client.scheduler is not None else "?"
        if client.status != "running":
            raise self._lost()
        self.workers = max(1, self._threads())
        self.name = f"Dask cluster at {self._address}, {self.workers} threads"

    def run(
        self,
        job: Any,
        groups: Sequence[Any],
        work: Work,
        work_progress: Callable[..., None] | None = None,
    ) -> Iterator[tuple[Any, Answer]]:
        """Solve all groups, each read when it is handed out; `work_progress` is not used."""
        return _Run(self, job, groups, work).answers()

    def close(self) -> None:
        """Close the client if it was made by `connect`."""
        if self._ours:
            with contextlib.suppress(Exception):
                self._client.close(timeout=2)

    def _threads(self) -> int:
        """Threads of all workers that are there now; they may be none."""
        try:
            return sum(self._client.nthreads(callback_timeout=_SILENCE).values())
        except Exception as error:
            raise self._lost() from error

    def _lost(self) -> StoreError:
        return StoreError(
            f"The Dask scheduler at `{self._address}` was lost; what had arrived is kept where "
            "there is a store, so the run can be resumed."
        )


def connect(address: str) -> DaskCluster:
    """The cluster whose scheduler is at an address.

    Raises
    ------
    InputError
        If it is no address.
    StoreError
        If no scheduler answers there within ten seconds, or the package `distributed` is missing.
    """
    if not isinstance(address, str) or not address.strip():
        raise InputError(
            "scheduler", 'be an address such as "tcp://10.0.0.1:8786"', f"was {shown(address)}"
        )
    distributed = _distributed()
    for name in ("distributed", *_loggers("distributed")):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # errors become sentences here
    try:
        host, port = distributed.comm.parse_host_port(distributed.comm.parse_address(address)[1], 0)
        if not host or not port:  # whom the client would look for, it says late and variously
            raise ValueError("it has no host" if not host else "it has no port")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `_Run` compares the versions that matter
            client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except ValueError as error:
        raise InputError(
            "scheduler",
            'be an address such as "tcp://10.0.0.1:8786"',
            f"was {shown(address)} ({sentence(error)})",
        ) from None
    except Exception as error:
        raise StoreError(
            f"No Dask scheduler answers at {shown(address)} ({sentence(error)})."
        ) from None
    cluster = DaskCluster(client)
    cluster._ours = True
    return cluster


def _loggers(root: str) -> list[str]:
    return [name for name in logging.root.manager.loggerDict if name.startswith(f"{root}.")]


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise StoreError(
            "Dask clusters need the package `distributed`; install it with: "
            'pip install "opendicke[cluster]".'
        ) from None
    return distributed


_Bundle = list[tuple[int, Any]]
"""Groups with their numbers."""


class _Run:
    """One run: a bounded number of futures under way, their results as they come."""

    def __init__(self, cluster: DaskCluster, job: Any, groups: Sequence[Any], work: Work) -> None:
        self._cluster, self._client = cluster, cluster._client
        self._job, self._groups, self._work = job, groups, work
        self._bundles = Bundles(len(groups))
        self._finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._under_way: dict[Any, _Bundle] = {}
        self._cancelled: Counter[int] = Counter()
        self._suspects: list[int] = []
        self._accused: set[int] = set()
        self._kept: Any = None
        self._token, self._submitted = uuid.uuid4().hex, 0
        self._threads, self._counted = cluster.workers, time.monotonic()
        self._seen: float | None = time.monotonic()

    def answers(self) -> Iterator[tuple[Any, Answer]]:
        """Groups with their answers."""
        missing = len(self._groups)
        try:
            while missing:
                self._fill()
                for solved in self._arrived():
                    missing -= 1
                    yield solved
        finally:
            self._abandon()

    def _fill(self) -> None:
        """Submit bundles until enough are under way; suspects at the end and one by one."""
        self._census()
        while self._bundles and len(self._under_way) < _AHEAD * self._threads:
            self._hand_out(self._bundles.take(self._threads))
        if self._suspects and not self._under_way:
            self._hand_out([self._suspects.pop()])

    def _hand_out(self, numbers: list[int]) -> None:
        bundle = [(number, self._groups[number]) for number in numbers]
        job = self._job_there()
        future = self._submit(
            "solve", job, self._token, os.getpid(), [group for _, group in bundle]
        )
        self._under_way[future] = bundle
        future.add_done_callback(self._finished.put)

    def _census(self) -> None:
        """Count the threads of the workers now and then; say once if there are none for long."""
        now = time.monotonic()
        if now - self._counted < _CENSUS:
            return
        there = self._cluster._threads()
        self._threads, self._counted = max(1, there), now
        if there and self._seen is not None:
            self._seen = now
        elif self._seen is not None and now - self._seen > _PATIENCE:
            self._seen = None
            warnings.warn(
                f"The Dask cluster at `{self._cluster._address}` has no workers; waiting for them.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _job_there(self) -> Any:
        """The job, sent once; a task like others, so that it outlives the worker that has it."""
        if self._kept is None:
            self._kept = self._submit("keep", _packed((self._work, self._job)), __version__)
        return self._kept

    def _submit(self, name: str, first: Any, *rest: Any) -> Any:
        """A task that calls a function of this module.

        What it is called with travels as bytes: Dask workers do not survive messages that they
        cannot read. Its name is of this run alone, since Dask expects tasks of one name to take
        the same time, and leaves those it expects to be short where their job is.
        """
        call, arguments = _caller(name), _packed(rest)
        self._submitted += 1
        key = f"opendicke_{name}_{self._token}-{self._submitted}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a job may well be large
            try:
                return self._client.submit(call, first, arguments, key=key, pure=False)
            except Exception as error:
                raise self._cluster._lost() from error

    def _arrived(self) -> Iterator[tuple[Any, Answer]]:
        """Wait for a future at least, and read all that are finished."""
        futures = []
        with contextlib.suppress(queue.Empty):
            futures.append(self._finished.get(timeout=_GLANCE))
            while True:
                futures.append(self._finished.get_nowait())
        if self._client.status != "running":
            raise self._cluster._lost()
        for future in futures:
            bundle = self._under_way.pop(future, None)
            if bundle is not None:
                yield from self._read(future, bundle)
                if future not in self._under_way:
                    future.release()

    def _read(self, future: Any, bundle: _Bundle) -> Iterator[tuple[Any, Answer]]:
        while future.status == "finished":
            try:
                answers, seconds = future.result(timeout=_SILENCE)
            except Exception as error:
                if future.status == "finished" and not isinstance(error, TimeoutError):
                    raise self._cluster._lost() from error
                self._cluster._threads()  # large answers take their time if the scheduler is there
            else:
                self._bundles.learn(seconds, len(answers))
                self._bundles.put_back(number for number, _ in bundle[len(answers) :])
                for (_, group), answer in zip(bundle, answers, strict=False):
                    yield group, answer
                return
        if future.status == "error":
            yield from self._failed(future.exception(timeout=_SILENCE), bundle)
        elif future.status == "cancelled":
            yield from self._again(bundle)
        else:  # the worker that had the answer died, so it is being made again
            self._under_way[future] = bundle
            future.add_done_callback(self._finished.put)

    def _again(self, bundle: _Bundle) -> Iterator[tuple[Any, Answer]]:
        """A bundle that somebody else cancelled."""
        if self._client.status != "running" or self._kept.status == "cancelled":
            raise self._cluster._lost()
        for number, group in bundle:
            self._cancelled[number] += 1
            if self._cancelled[number] >= _TRIES:
                yield group, Failure(f"it was cancelled on the Dask cluster {_TRIES} times")
            else:
                self._bundles.put_back([number])

    def _failed(self, error: Any, bundle: _Bundle) -> Iterator[tuple[Any, Answer]]:
        """Errors of the work are answers: what is left is the death of workers, or their state.

        Whatever a worker has at hand when it dies is blamed by Dask, so a group is only found
        guilty after the same has happened with nothing else under way.
        """
        if not isinstance(error, _distributed().scheduler.KilledWorker):
            raise StoreError(
                f"The Dask cluster cannot do the work ({sentence(error)}); its scheduler and "
                "its workers need the same packages as this process."
            )
        numbers = [number for number, _ in bundle]
        if self._kept is None or self._kept.status == "error":
            self._kept = None  # the job itself was at hand too often: it is sent again
            self._bundles.put_back(numbers)
        elif self._accused.issuperset(numbers):
            yield (
                bundle[0][1],
                Failure("Dask workers died while solving it, one after the other"),
            )
        else:
            self._suspects += numbers
            self._accused.update(numbers)

    def _abandon(self) -> None:
        """Give back what nobody waits for any more."""
        futures = [*self._under_way, *([] if self._kept is None else [self._kept])]
        self._under_way.clear()
        with contextlib.suppress(Exception):
            if futures and self._client.status == "running":
                self._client.sync(self._client._cancel, futures, callback_timeout=5)
        for future in futures:
            with contextlib.suppress(Exception):
                future.release()
        self._kept = None


def _packed(content: Any) -> bytes:
    try:
        return bytes(_distributed().protocol.pickle.dumps(content))
    except Exception as error:
        raise InputError(
            "experiment",
            "be made of parts that can be sent to other processes",
            f"one cannot ({sentence(error)})",
        ) from None


def _unpacked(content: bytes) -> Any:
    return _distributed().protocol.pickle.loads(content)


def _caller(name: str) -> Callable[..., Any]:
    """A function that finds another one here; it travels whole, as it is in no module itself."""
    module = __name__

    def opendicke(first: Any, arguments: bytes) -> Any:
        return importlib.import_module(module).called(name, first, arguments)

    return opendicke


def called(name: str, first: Any, arguments: bytes) -> Any:
    """The function of that name in this module, called on a worker."""
    function: Any = {"keep": keep, "solve": solve_on_worker}[name]
    return function(first, *_unpacked(arguments))


def keep(job: bytes, wanted: str) -> bytes:
    """The job, as the result of a task; runs on a worker, which must have the same version."""
    if wanted != __version__:
        raise RuntimeError(f"it has opendicke {__version__}, but {wanted} asks")
    return job


_jobs: dict[str, tuple[Work, Any]] = {}
_unpacking = threading.Lock()


def solve_on_worker(
    packed: bytes, token: str, asks: int, groups: Sequence[Any]
) -> tuple[list[Answer], float]:
    """Answers for the first groups of a bundle; runs on a worker, in one of its threads.

    A worker with several threads solves as many bundles at a time, each on one core. One with a
    single thread may use as many cores as `OMP_NUM_THREADS` says, which Dask sets to 1 unless it
    is told otherwise.
    """
    said = os.environ.get("OMP_NUM_THREADS", "")
    allowed = int(said) if said.isdigit() and int(said) > 0 else None
    slots = _distributed().get_worker().state.nthreads
    if allowed is not None and os.getpid() != asks:  # a process of its own
        os.environ.setdefault("NPROC", str(max(slots, allowed)))  # read when XLA begins
    with _unpacking:
        if token not in _jobs:  # of a run that is over, none is needed any more
            _jobs.clear()
            _jobs[token] = _unpacked(packed)
        work, job = _jobs[token]
    with limit_threads(1 if slots > 1 else allowed):
        return solve_some(job, groups, work)
