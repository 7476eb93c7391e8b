"""What benchmarks find, as data and as Markdown tables."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from timing import Clock, Pair, cpu, wall

PACKAGES = {
    "numpy": "NumPy",
    "scipy": "SciPy",
    "jax": "JAX",
    "numba": "Numba",
    "qutip": "QuTiP",
    "diffrax": "diffrax",
    "xarray": "xarray",
    "zarr": "Zarr",
    "distributed": "Dask",
}
"""Whose versions are told, and how they are written."""


@dataclasses.dataclass(frozen=True)
class Row:
    """Ours beside a peer: the same question, both answers' errors where they were measured.

    `package` says whose software the peer is; without one it is a floor (what no program of this
    kind can go below) or another way to use opendicke itself.
    """

    what: str
    ours: str
    peer: str
    pair: Pair
    package: str = ""
    ours_error: float | None = None
    peer_error: float | None = None
    clock: str = "wall"

    def __post_init__(self) -> None:
        if self.package and self.package not in PACKAGES:
            raise ValueError(f"{self.package} is not among the packages whose versions are told")


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something measured that has no peer."""

    what: str
    found: str


def clock_name(clock: Clock) -> str:
    """For `Row.clock`."""
    return {wall: "wall", cpu: "CPU"}[clock]


def environment() -> dict[str, Any]:
    """What a measurement depends on: machine and versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "opendicke": version("opendicke"),
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def today() -> str:
    """The day, in universal time."""
    return datetime.now(UTC).date().isoformat()


def quotient(ratio: float) -> str:
    """A ratio, written as 1/x where it is below one."""
    return f"{_digits(ratio)}" if ratio >= 1 else f"1/{_digits(1 / ratio)}"


def _digits(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{float(f'{number:.3g}'):,.0f}"


def duration(seconds: float) -> str:
    """Seconds in a handy unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{_digits(seconds / scale)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def _cell(name: str, seconds: float, error: float | None) -> str:
    told = "" if error is None else f" (error {error:.1e})"
    return f"{name}: {duration(seconds)}{told}"


def line(row: Row, versions: dict[str, str]) -> str:
    """A line of a table: the ratio first."""
    p = row.pair
    spread = f"({quotient(p.least)} – {quotient(p.most)})" if p.repeats > 1 else "(once)"
    whose = f"{PACKAGES[row.package]} {versions[row.package]}: " if row.package else ""
    what = row.what if row.clock == "wall" else f"{row.what}; {row.clock} time"
    return (
        f"| {quotient(p.ratio)} {spread} | {what} | {_cell(row.ours, p.ours, row.ours_error)} "
        f"| {whose}{_cell(row.peer, p.peer, row.peer_error)} |"
    )


def as_data(found: Iterable[Row | Finding]) -> dict[str, list[dict[str, Any]]]:
    """For a JSON file."""
    listed = list(found)
    return {
        "rows": [
            dataclasses.asdict(each) | {"pair": each.pair._asdict()}
            for each in listed
            if isinstance(each, Row)
        ],
        "findings": [dataclasses.asdict(each) for each in listed if isinstance(each, Finding)],
    }


def from_data(part: dict[str, Any]) -> tuple[list[Row], list[Finding]]:
    """Back again."""
    rows = [Row(**each | {"pair": Pair(**each["pair"])}) for each in part["rows"]]
    return rows, [Finding(**each) for each in part["findings"]]


LEGEND = """\
The ratio is the other's time over ours, in turn in one run: the median, and in brackets the least
and the most of the repeats. Above 1 we are faster; 1/x means that we take x times as long. Absolute
times depend on the machine. An error is the largest distance from a converged answer."""


def tables(parts: dict[str, dict[str, Any]], order: Iterable[str]) -> str:
    """All tables in Markdown, of the parts that were measured, in this order."""
    known = [name for name in order if name in parts]
    beside, own, findings = [], [], []
    for name in known:
        rows, others = from_data(parts[name])
        versions = parts[name]["environment"]["versions"]
        for row in rows:
            (beside if row.package else own).append(line(row, versions))
        findings += [f"| {each.what} | {each.found} |" for each in others]
    missing = [name for name in order if name not in parts]
    head = "| ratio | what | opendicke | {} |\n|---|---|---|---|\n"
    blocks = [_measured(parts, known), LEGEND]
    if missing:
        blocks.append(f"Not measured: {', '.join(missing)}.")
    if beside:
        blocks.append("**Beside other software**")
        blocks.append(head.format("other") + "\n".join(beside))
    if own:
        blocks.append("**Beside a floor, or beside itself used otherwise**")
        blocks.append(head.format("floor, or otherwise") + "\n".join(own))
    if findings:
        blocks.append("**Without a peer**")
        blocks.append("| what | found |\n|---|---|\n" + "\n".join(findings))
    return "\n\n".join(blocks) + "\n"


def _measured(parts: dict[str, dict[str, Any]], known: list[str]) -> str:
    """Where, when and with what, said once for all parts that share it."""
    shared: dict[str, list[str]] = {}
    for name in known:
        where, busy = parts[name]["environment"], parts[name]["load"]
        versions = ", ".join(f"{PACKAGES[k]} {v}" for k, v in where["versions"].items())
        beside = " while the machine had other work" if busy > 0.5 else ""
        text = (
            f"Measured on {parts[name]['date']}{beside}: {where['processor']} "
            f"({where['machine']}), {where['cores']} cores, opendicke {where['opendicke']}, "
            f"Python {where['python']}, {versions}."
        )
        shared.setdefault(text, []).append(name)
    if len(shared) == 1:
        return next(iter(shared))
    return "\n".join(f"- {', '.join(names)}: {text}" for text, names in shared.items())
