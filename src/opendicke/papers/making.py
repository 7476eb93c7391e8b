"""Make a paper: compute or reuse the dataset of every figure, draw it, judge the claims."""

from __future__ import annotations

import json
import time as clock
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from opendicke.errors import StoreError
from opendicke.model.checks import integer
from opendicke.papers.catalogue import CLAIMS, Figure, Paper, Progress, Scale
from opendicke.papers.cost import cost_lines, slowness
from opendicke.papers.data import attributes_of, check_files, write_netcdf, write_table
from opendicke.papers.desk import ENSEMBLES, FolderDesk
from opendicke.papers.report import outcomes_dataset, short_table, write_report
from opendicke.plots.style import save_figure
from opendicke.progress import Bar
from opendicke.results.dataset import FORMAT, as_json
from opendicke.results.store import check_folder, check_writable, load, save

_NOTES = "notes"
_FIGURES = "figures"
"""Of a table of claims: the figures that they looked at, and which making of each."""


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
    _asked: frozenset[str] = frozenset()
    _looked_at: dict[str, str] = field(default_factory=dict)

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
        for name in self._needed(names):
            store = check_writable(self.store(name), overwrite=True)
            shown = ".md" if name == CLAIMS else ".png"
            check_files(self.folder, name, (shown, ".nc", ".csv"))
            check_folder(self.folder / ENSEMBLES / f"{name}.zarr")
            if store.exists() and not self._replaced(name, names):
                self._stored(name)

    def seconds(self, names: list[str]) -> dict[str, float | None]:
        """What is not there yet of the names and of what they need, with the time on this machine.

        None where nobody measured it.
        """
        if CLAIMS in names and not self._missing(CLAIMS, names):
            names = [name for name in names if name != CLAIMS]  # it needs nothing any more
        missing = [name for name in self._needed(names) if self._missing(name, names)]
        measured = {name: self.paper.measured(name, self.scale) for name in missing}
        slow = slowness() if any(measured.values()) else 1.0
        return {k: None if time is None else slow * time for k, time in measured.items()}

    def cost(self, seconds: Mapping[str, float | None]) -> list[str]:
        """What `seconds` found, one line each; none if all is there."""
        if not seconds:
            return []
        title = f"{self.paper.name} at the scale {self.scale.name}, to be made in {self.folder}:"
        lines = [title, *cost_lines(list(seconds), seconds)]
        if (self.folder / ENSEMBLES).is_dir():
            lines.append(f"  less what is there already in {self.folder / ENSEMBLES}")
        return lines

    def _needed(self, names: list[str]) -> list[str]:
        """The names, and the figures that the claims look at."""
        looked_at = [item.name for item in self.paper.figures] if CLAIMS in names else []
        figures = [name for name in names if name != CLAIMS]
        return list(dict.fromkeys([*figures, *looked_at, *names]))

    def _replaced(self, name: str, asked: Collection[str]) -> bool:
        """Whether what there is of a name does not count."""
        return self.overwrite and name in asked

    def _missing(self, name: str, asked: Collection[str]) -> bool:
        """Whether a name has to be made where these are asked for."""
        if self._replaced(name, asked) or not self.store(name).exists():
            return True
        return name == CLAIMS and self._outdated(asked)

    def _outdated(self, asked: Collection[str]) -> bool:
        """Whether claims were judged by other figures than there are, or will be once made.

        Those that are gone, and are not asked for, say nothing against the verdicts.
        """
        try:
            judged_by = json.loads(attributes_of(self.store(CLAIMS))[_FIGURES])
        except (KeyError, ValueError):
            return True
        return any(
            self._making(figure) != making if self.store(figure).exists() else figure in asked
            for figure, making in judged_by.items()
        )

    def _making(self, figure: str) -> str:
        """Which making of a figure the folder holds."""
        return _making_of(attributes_of(self.store(figure)))

    def store(self, name: str) -> Path:
        """Where the dataset of a figure lies."""
        return self.folder / f"{name}.zarr"

    def make(self, names: list[str]) -> Iterator[Made]:
        """Make figures, and the claims if named, one after the other.

        An interruption says what is there and how to go on.
        """
        self.check(names)
        self._asked = frozenset(names)
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
            self._write_data(dataset, name, figure.title, reused=reused)
            shown = save_figure(figure.draw(dataset), self.folder / f"{name}.png")
            notes = () if reused else tuple(json.loads(dataset.attrs[_NOTES]))
            yield Made(name, self.store(name), shown, reused, notes=notes)

    def __call__(self, figure: str) -> xr.Dataset:
        """The dataset of a figure, for the claims: the one in the folder, or made now."""
        dataset = self._kept(figure, lambda: self._computed(figure, self._told))[0]
        self._looked_at[figure] = _making_of(dataset.attrs)
        return dataset

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
        if not self._missing(name, self._asked):
            self._fresh[name] = self._stored(name)
            return self._fresh[name], True
        start = clock.perf_counter()
        dataset = compute()
        dataset = self._stamped(dataset, name, clock.perf_counter() - start)
        save(dataset, self.store(name), overwrite=True)
        self._fresh[name] = dataset
        return dataset, False

    def _write_data(self, dataset: xr.Dataset, name: str, title: str, *, reused: bool) -> None:
        """The dataset for other programs, beside the picture."""
        netcdf, table = (self.folder / f"{name}{suffix}" for suffix in (".nc", ".csv"))
        if not (reused and self._follows(netcdf, name)):
            write_netcdf(dataset, netcdf)
        if not (reused and self._follows(table, name)):
            words = f"{self.paper.name}, {name}: {title} (scale {self.scale.name})"
            made = f"opendicke {dataset.attrs['opendicke_version']}, {dataset.attrs['created']}"
            write_table(dataset, table, f"{words}\n{self.paper.reference}\n{made}")

    def _follows(self, path: Path, name: str) -> bool:
        """Whether a file was written after the dataset, so that it is not of a former one."""
        if not path.exists():
            return False
        made = (part.stat().st_mtime_ns for part in self.store(name).iterdir())
        return path.stat().st_mtime_ns >= max(made, default=0)

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
            self._looked_at = {}
            with Bar(label, enabled=self.progress) as bar:
                self._bar = bar
                for number, claim in enumerate(claims):
                    self._judged = number / len(claims)
                    bar(self._judged, claim.name)
                    outcomes.append(claim.check(self))
            found = outcomes_dataset(claims, outcomes)
            return found.assign_attrs({_FIGURES: as_json(self._looked_at)})

        dataset, reused = self._kept(CLAIMS, compute)
        self._write_data(dataset, CLAIMS, "What the paper says, put to the test", reused=reused)
        shown = write_report(dataset, self.paper, self.scale, self.folder / f"{CLAIMS}.md")
        return Made(CLAIMS, self.store(CLAIMS), shown, reused, short_table(dataset))


def _making_of(attributes: Mapping[Any, Any]) -> str:
    """When a dataset was made and in how many seconds: no two makings agree in both."""
    return f"{attributes.get('created')}, {attributes.get('wall_time_seconds')} s"
