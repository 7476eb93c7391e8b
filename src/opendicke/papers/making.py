"""Make a paper: compute or reuse the dataset of every figure, draw it, judge the claims."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from opendicke.errors import StoreError
from opendicke.model.checks import integer
from opendicke.papers.catalogue import CLAIMS, Figure, Paper, Progress, Scale
from opendicke.papers.desk import ENSEMBLES, FolderDesk
from opendicke.papers.report import outcomes_dataset, short_table, write_report
from opendicke.plots.style import check_figure_path, save_figure
from opendicke.progress import Bar
from opendicke.results.dataset import FORMAT, as_json
from opendicke.results.store import check_folder, check_writable, load, save

_NOTES = "notes"


class Made(NamedTuple):
    """One thing that was made: its name, its dataset's and its figure's (or table's) place."""

    name: str
    store: Path
    shown: Path
    reused: bool
    text: str = ""
    notes: tuple[str, ...] = ()
    """What methods doubted while it was made, each once."""


@dataclass
class Workshop:
    """A paper at one scale in one folder. What a folder already holds is not computed again."""

    paper: Paper
    scale: Scale
    folder: Path
    overwrite: bool = False
    workers: int | None = None
    progress: bool | None = None
    _fresh: dict[str, xr.Dataset] = field(default_factory=dict)
    _bar: Bar | None = None
    _judged: float = 0.0

    def check(self, names: list[str]) -> None:
        """Refuse, before anything is computed, what could not be written in the end.

        Raises
        ------
        StoreError
            If the folder cannot be written, or holds something else under one of the names.
        InputError
            If there cannot be so many workers.
        """
        if self.workers is not None:
            integer("workers", self.workers, least=1)
        needed = [item.name for item in self.paper.figures] if CLAIMS in names else []
        for name in dict.fromkeys([*names, *needed]):
            store = check_writable(self.store(name), overwrite=True)
            check_folder(check_figure_path(self.folder / f"{name}.png"))
            check_folder(self.folder / ENSEMBLES / f"{name}.zarr")
            if store.exists() and not self.overwrite:
                self._stored(name)

    def store(self, name: str) -> Path:
        """Where the dataset of a figure lies."""
        return self.folder / f"{name}.zarr"

    def make(self, names: list[str]) -> Iterator[Made]:
        """Make figures, and the claims if named, one after the other.

        An interruption says what is there and how to go on.
        """
        self.check(names)
        try:
            yield from self._each(names)
        except KeyboardInterrupt as interruption:
            said = f"{interruption}; " if str(interruption) else ""
            raise KeyboardInterrupt(
                f"{said}what is finished is in `{self.folder}`; go on by running the same again"
            ) from None

    def _each(self, names: list[str]) -> Iterator[Made]:
        for number, name in enumerate(names, start=1):
            label = f"{number}/{len(names)} {name}"
            if name == CLAIMS:
                yield self._claims(label)
                continue
            figure = self.paper.figure(name)
            dataset, reused = self._dataset(figure, label)
            shown = save_figure(figure.draw(dataset), self.folder / f"{name}.png")
            notes = () if reused else tuple(json.loads(dataset.attrs[_NOTES]))
            yield Made(name, self.store(name), shown, reused, notes=notes)

    def __call__(self, figure: str) -> xr.Dataset:
        """The dataset of a figure, for the claims: the one in the folder, or made now."""
        return self._kept(figure, lambda: self._computed(figure, self._told))[0]

    def _computed(self, name: str, progress: Progress) -> xr.Dataset:
        """The dataset of a figure, and what methods doubted on the way."""
        desk = FolderDesk(self.folder, progress, self.workers, self.overwrite)
        dataset = self.paper.figure(name).make(self.scale, desk)
        return dataset.assign_attrs({_NOTES: as_json(desk.notes)})

    def _told(self, share: float, text: str) -> None:
        """Progress of a figure while the claims are judged: there is one bar, theirs."""
        if self._bar is not None:
            self._bar(self._judged, text)

    def _identity(self, name: str) -> dict[str, Any]:
        """What a dataset is the answer to."""
        described = {
            "paper": self.paper.name,
            "figure": name,
            "scale": self.scale.name,
            "parameters": self.scale.parameters if name == CLAIMS else self.scale.parameters[name],
        }
        plain: dict[str, Any] = json.loads(as_json(described))
        return plain

    def _stored(self, name: str) -> xr.Dataset:
        """What the folder holds under a name, if it is the answer to the same question."""
        dataset = load(self.store(name))
        identity = self._identity(name)
        try:
            found = json.loads(dataset.attrs.get("paper", "{}"))
        except ValueError:
            found = {}
        if found != identity:
            what = f"`{found['scale']}`" if "scale" in found else "something else"
            raise StoreError(
                f"`{self.store(name)}` holds {name} at {what}, made otherwise than asked now; "
                "choose another folder or ask to overwrite it."
            )
        return dataset

    def _dataset(self, figure: Figure, label: str) -> tuple[xr.Dataset, bool]:
        def compute() -> xr.Dataset:
            with Bar(label, enabled=self.progress) as bar:
                return self._computed(figure.name, bar)

        return self._kept(figure.name, compute)

    def _kept(self, name: str, compute: Callable[[], xr.Dataset]) -> tuple[xr.Dataset, bool]:
        """The dataset of a name: made just before, found in the folder, or computed now."""
        if name in self._fresh:
            return self._fresh[name], True
        if self.store(name).exists() and not self.overwrite:
            self._fresh[name] = self._stored(name)
            return self._fresh[name], True
        start = clock.perf_counter()
        dataset = compute()
        dataset = self._stamped(dataset, name, clock.perf_counter() - start)
        save(dataset, self.store(name), overwrite=True)
        self._fresh[name] = dataset
        return dataset, False

    def _stamped(self, dataset: xr.Dataset, name: str, seconds: float) -> xr.Dataset:
        """Provenance, for datasets that do not bring their own, and which figure they are of."""
        from opendicke.solving import provenance_of

        identity = self._identity(name)
        provenance = provenance_of(identity, seed=0, seconds=seconds)
        own = {"format": FORMAT, **provenance} | dataset.attrs
        own["wall_time_seconds"] = seconds
        attributes = {
            key: value if isinstance(value, (str, int, float, list)) else as_json(value)
            for key, value in own.items()
        }
        return dataset.assign_attrs(attributes | {"paper": as_json(identity)})

    def _claims(self, label: str) -> Made:
        claims = self.paper.claims()

        def compute() -> xr.Dataset:
            outcomes = []
            with Bar(label, enabled=self.progress) as bar:
                self._bar = bar
                for number, claim in enumerate(claims):
                    self._judged = number / len(claims)
                    bar(self._judged, claim.name)
                    outcomes.append(claim.check(self))
            return outcomes_dataset(claims, outcomes)

        dataset, reused = self._kept(CLAIMS, compute)
        shown = write_report(dataset, self.paper, self.scale, self.folder / f"{CLAIMS}.md")
        return Made(CLAIMS, self.store(CLAIMS), shown, reused, short_table(dataset))
