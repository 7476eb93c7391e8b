"""A process that writes a store without end, to be killed; it forks one for each line it reads.

Each line: the path of the store, the file for what is acknowledged, a seed. What a child does is
random: new cells, replaced cells, growing, attributes, closing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from ensemble_content import TIMES, frame, layout
from opendicke.results import ensemble_store
from opendicke.results.ensemble_store import EnsembleStore, Variable


def write(path: Path, told: int, seed: int) -> None:
    """Put cells and acknowledge every one, for ever."""
    rng = np.random.default_rng(seed)
    ensemble_store._LONGEST_JOURNAL = 40_000
    ensemble_store._MOST_BUFFERED = 60_000
    make = seed == 0 or (not path.exists() and not list(path.parent.glob(".*.old")))
    store = EnsembleStore.create(path, layout()) if make else EnsembleStore.open(path)
    store.verify()
    os.write(told, b"open\n")
    while True:
        points, realizations = store.layout.cells
        times = store.layout.extents["time"]
        action = rng.random()
        if action < 0.9:
            if rng.random() < 0.3:
                store.await_cells(rng.random((points, realizations)) < 0.05)
            first, row = rng.integers(realizations), int(rng.integers(points))
            cells = [(row, int(k)) for k in range(first, min(first + 9, realizations))]
            numbers = store.scalars("trajectories")
            versions = [int(numbers[cell]) + 1 for cell in cells]
            store.put(cells, [frame(c, v, times) for c, v in zip(cells, versions, strict=True)])
            lines = [f"{c[0]} {c[1]} {v}\n" for c, v in zip(cells, versions, strict=True)]
            os.write(told, "".join(lines).encode())
        elif action < 0.93 and points * realizations < 500:
            grown = layout(points + 1, realizations + 11, min(times + 1, TIMES + 20))
            store.grow(grown)
        elif action < 0.95:
            store.declare(f"extra{rng.integers(4)}", Variable(("time",)))
        elif action < 0.97:
            store.set_attributes({**store.attributes, "number": int(rng.integers(100))})
        else:
            (store.close if rng.random() < 0.5 else store.leave)()
            store = EnsembleStore.open(path)


def main() -> None:
    """Fork a writer for each line; say its number, then how it ended."""
    layout()  # so that all that is imported late is there before the first fork
    for line in sys.stdin:
        path, told, seed = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            try:
                file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                write(Path(path), file, int(seed))
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
