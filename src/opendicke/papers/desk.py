"""Where figures are computed: progress, and ensembles that survive in the folder of the paper."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from opendicke.errors import StoreError, ValidityWarning
from opendicke.papers.catalogue import Progress
from opendicke.progress import told_to

if TYPE_CHECKING:
    import xarray as xr

    from opendicke.experiment.experiment import Experiment

ENSEMBLES = "ensembles"


@dataclass
class FolderDesk:
    """The desk of a paper in a folder: ensembles lie in `FOLDER/ensembles`.

    Parameters
    ----------
    folder : path
    progress : callable
        Is told the share done of the figure and a short text.
    workers : int, optional
        Processes of this machine that compute the cells of ensembles.
    overwrite : bool
        Replace ensembles of other experiments than those asked. One that holds what is asked is
        reused all the same, so that a long work that was interrupted need not begin again.
    """

    folder: Path
    progress: Progress
    workers: int | None = None
    overwrite: bool = False
    notes: list[str] = field(default_factory=list)
    """What methods doubted, each once."""

    def __call__(self, share: float, text: str) -> None:
        self.progress(share, text)

    def store(self, name: str) -> Path:
        """Where an ensemble lies."""
        return self.folder / ENSEMBLES / f"{name}.zarr"

    def run(
        self, name: str, experiment: Experiment, share: tuple[float, float] = (0.0, 1.0)
    ) -> xr.Dataset:
        """The dataset of an experiment: run, gone on with, or found in its store.

        Raises
        ------
        StoreError
            If the store holds another experiment and may not be replaced, or cannot be used.
        """
        from opendicke.experiment.run import run

        low, high = share
        store = self.store(name)
        replaced = self.overwrite and store.exists() and not _holds(store, experiment)
        self(low, name)
        try:
            with self._noted(), told_to(lambda part, text: self(low + part * (high - low), text)):
                return run(
                    experiment,
                    store,
                    workers=self.workers,
                    overwrite=replaced,
                    validity="warn",
                    progress=False,
                )
        except KeyboardInterrupt as interruption:
            # How to go on is the business of the whole paper.
            raise KeyboardInterrupt(str(interruption).partition(";")[0]) from None

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Keep what methods doubt, each sentence once; other warnings pass."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ValidityWarning)
            yield
        for warning in caught:
            if not issubclass(warning.category, ValidityWarning):
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )
            elif str(warning.message) not in self.notes:
                self.notes.append(str(warning.message))


def _holds(store: Path, experiment: Experiment) -> bool:
    """Whether a store holds this experiment, or a part of it that can be gone on with."""
    from opendicke.experiment.stored import plan_at

    try:
        plan_at(store, experiment)
    except StoreError:
        return False
    return True
