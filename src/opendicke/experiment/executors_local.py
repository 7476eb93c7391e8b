"""Worker processes of this machine: those that die are replaced, none outlives its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

from opendicke.errors import InputError, StoreError
from opendicke.experiment import executors_worker
from opendicke.experiment.executors_base import (
    Answer,
    Bundles,
    Executor,
    Failure,
    Work,
    sentence,
)
from opendicke.methods.parallel import cores
from opendicke.model.checks import integer

_LIVES = 3
"""Workers that a group may kill."""
_MOST = 1024
"""Processes; more are a slip of the pen."""
_AHEAD = 4
"""Bundles that a worker has at hand, to go on with while the parent writes."""

_environment = threading.Lock()


class LocalPool(Executor):
    """Worker processes of this machine, each with its share of the cores.

    They start when they are first needed, stay for the next run, and end with `close()`, with this
    process, or when a run is abandoned. Interrupts from the keyboard do not reach them.

    Parameters
    ----------
    workers : int
        How many.

    Raises
    ------
    InputError
    """

    def __init__(self, workers: int) -> None:
        self.workers = integer("workers", workers, least=1)
        if self.workers > _MOST:
            raise InputError("workers", f"be at most {_MOST}", f"was {self.workers}")
        self.name = f"{self.workers} worker process{'es' if self.workers > 1 else ''}"
        self._threads = max(1, cores() // self.workers)
        self._staff: list[_Worker] = []

    def run(
        self,
        job: Any,
        groups: Sequence[Any],
        work: Work,
        work_progress: Callable[..., None] | None = None,
    ) -> Iterator[tuple[Any, Answer]]:
        """Solve all groups, each read when it is handed out; `work_progress` is not used."""
        try:
            message = bytes(ForkingPickler.dumps((work, job)))
        except Exception as error:
            raise InputError(
                "experiment",
                "be made of parts that can be sent to other processes",
                f"one cannot ({sentence(error)})",
            ) from None
        return self._answers(message, groups)

    def _answers(self, message: bytes, groups: Sequence[Any]) -> Iterator[tuple[Any, Answer]]:
        run = _Run(self._staff, self.workers, self._threads, message, groups)
        try:
            while run.missing:
                yield from run.turn()
        finally:
            if run.missing:  # whoever is in the middle of something is of no use any more
                self.close()

    def close(self) -> None:
        """End all workers at once, also in the middle of their work."""
        for worker in self._staff:
            worker.process.terminate()
        while self._staff:
            self._staff.pop().end()


@dataclass(eq=False)
class _Worker:
    """One process, as its parent sees it."""

    process: SpawnProcess
    connection: Connection
    begun: Any
    """Bundles that it has begun: a number that it shares, so that it counts when it dies."""
    solved: int = 0
    """Bundles whose answers have arrived."""
    born: bool = False
    ready: bool = False
    message: bytes | None = None
    """The job it has."""
    bundles: deque[list[tuple[int, Any]]] = field(default_factory=deque)
    """What it is to solve, in this order."""

    @classmethod
    def hire(cls, threads: int) -> _Worker:
        """Start a process whose libraries find the number of threads in its environment."""
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        begun = context.RawValue("q", 0)
        process = context.Process(
            target=executors_worker.main,
            args=(theirs, begun, threads),
            daemon=True,
            name="opendicke",
        )
        settings = executors_worker.thread_settings(threads)
        with _environment, _no_interrupts():
            before = {name: os.environ.get(name) for name in settings}
            os.environ.update(settings)
            try:
                process.start()
            finally:
                for name, value in before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value
        theirs.close()
        return cls(process, ours, begun)

    def end(self) -> str:
        """End the process if it lives, and say how it ended."""
        self.connection.close()
        self.process.terminate()
        self.process.join(2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Interrupts from the keyboard wait; a process that starts meanwhile never gets any."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starts with the first process otherwise, and ends the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Run:
    """The groups of one run: who has them, and what is left."""

    def __init__(
        self, staff: list[_Worker], most: int, threads: int, message: bytes, groups: Sequence[Any]
    ) -> None:
        self.missing = len(groups)
        self._staff, self._most, self._threads = staff, most, threads
        self._message, self._groups = message, groups
        self._bundles = Bundles(len(groups))
        self._killed: Counter[int] = Counter()
        self._stillborn = 0

    def turn(self) -> list[tuple[Any, Answer]]:
        """Hire, hand out, and listen to whoever has something to say."""
        while len(self._staff) < min(self._most, self.missing):
            self._staff.append(_Worker.hire(self._threads))
        for depth in range(_AHEAD):
            for worker in list(self._staff):
                # The last ones are for those who have none.
                if len(worker.bundles) == depth and len(self._bundles) >= depth * self._most:
                    self._feed(worker)
        answers = []
        places: dict[Any, _Worker] = {worker.connection: worker for worker in self._staff}
        for place in wait(places, timeout=1.0):  # some systems interrupt only waits that end
            answers += self._hear(places[place])
        self.missing -= len(answers)
        return answers

    def _feed(self, worker: _Worker) -> None:
        """Hand out a bundle, and before it the job if it is another one."""
        if not worker.ready or not self._bundles:
            return
        try:
            if worker.message != self._message:
                worker.connection.send(self._message)
                worker.message = self._message
            numbers = self._bundles.take(self._most)
            bundle = [(number, self._groups[number]) for number in numbers]
            worker.bundles.append(bundle)
            worker.connection.send([group for _, group in bundle])
        except OSError:  # it died; what it said before is still to be heard
            worker.ready = False

    def _hear(self, worker: _Worker) -> list[tuple[Any, Answer]]:
        try:
            kind, *content = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if kind == executors_worker.READY:
            worker.ready = worker.born = True
            self._stillborn = 0
            return []
        if kind == executors_worker.BROKEN:
            raise InputError(
                "experiment",
                "be made of parts that can be loaded in other processes",
                f"one cannot ({content[0]})",
            )
        answers, seconds = content
        bundle = worker.bundles.popleft()
        worker.solved += 1
        self._bundles.learn(seconds, len(answers))
        self._bundles.put_back(number for number, _ in bundle[len(answers) :])
        return [(group, answer) for (_, group), answer in zip(bundle, answers, strict=False)]

    def _bury(self, worker: _Worker) -> list[tuple[Any, Answer]]:
        """Its groups go to others, those of the bundle that it had begun last one by one."""
        self._staff.remove(worker)
        end = worker.end()
        if not worker.born:
            self._stillborn += 1
            if self._stillborn >= _LIVES:
                raise StoreError(
                    f"Worker processes end before they begin ({end}); in a script, ask for workers "
                    'below `if __name__ == "__main__":`, since they import the script.'
                )
        lost: list[tuple[Any, Answer]] = []
        for position, bundle in enumerate(worker.bundles, start=worker.solved + 1):
            suspect = position == worker.begun.value
            for number, group in bundle:
                self._killed[number] += suspect
                if self._killed[number] < _LIVES:
                    self._bundles.put_back([number], alone=suspect)
                else:
                    lost.append((group, Failure(f"{_LIVES} worker processes ended on it ({end})")))
        return lost
