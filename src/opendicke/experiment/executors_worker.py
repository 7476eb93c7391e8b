"""What runs in a worker process of this machine."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from opendicke.experiment.executors_base import sentence, solve_some
from opendicke.methods.parallel import limit_threads

READY, DONE, BROKEN = "ready", "done", "broken"

_GLANCE = 2.0
"""Seconds between two looks whether the parent is still there."""


def thread_settings(threads: int) -> dict[str, str]:
    """Environment that holds a process to so many threads, in all libraries that it may load."""
    count = str(threads)
    return {
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "VECLIB_MAXIMUM_THREADS": count,
        "NUMEXPR_NUM_THREADS": count,
        "NUMBA_NUM_THREADS": count,
        "NPROC": count,  # threads of XLA's programs on a processor
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # workers share an accelerator
    }


def main(connection: Connection, begun: Any, threads: int) -> None:
    """Answer bundles of groups until the other side is gone.

    Messages in: the job, as bytes, or a list of groups. Messages out: see the names above. `begun`
    is a number in shared memory that counts the lists begun.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # interrupts are the parent's affair
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_speak, args=(connection, outbox), daemon=True).start()
    outbox.put((READY,))
    work, job = None, None
    while True:
        message = inbox.get()
        if isinstance(message, bytes):
            try:
                work, job = ForkingPickler.loads(message)
            except Exception as error:
                outbox.put((BROKEN, sentence(error)))
        elif work is not None:
            begun.value += 1
            with limit_threads(threads):
                answers, seconds = solve_some(job, message, work)
            outbox.put((DONE, answers, seconds))


def _speak(connection: Connection, outbox: queue.SimpleQueue[Any]) -> None:
    """Messages leave when the other side takes them; the work goes on meanwhile."""
    with contextlib.suppress(OSError):
        while True:
            connection.send(outbox.get())


def _listen(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Messages are taken at once, so that their sender never waits.

    When the parent ends, whichever way, its end of the connection closes: so does this process. A
    copy of that end may live on in another child; that the parent changed is a sign as well.
    """
    parent = os.getppid()
    try:
        while os.getppid() == parent:
            if connection.poll(_GLANCE):
                inbox.put(connection.recv())
    finally:
        os._exit(0)
