"""Fig. 3, and beyond it: finite numbers of spins, flipped spins."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import ValidityWarning
from opendicke.experiment.phase_diagram import phase_diagram
from opendicke.measure.raw import Status
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.simulate import (
    Ending,
    ensemble,
    follow,
)
from opendicke.papers.carollo2021.theory import (
    critical,
    expected_overlap,
    growth_rate,
    physics_of,
    strength_grid,
)
from opendicke.papers.catalogue import Progress, Scale
from opendicke.physics.retrieval import retrieval_overlap

STATUS = {
    "long_name": "how the computation ended",
    "flag_values": [int(value) for value in Status],
    "flag_meanings": " ".join(value.name.lower() for value in Status),
}


def make_fig3a(scale: Scale, progress: Progress) -> xr.Dataset:
    """carollo2021 Fig. 3(a): stationary overlap from a start aligned with each pattern."""
    return _aligned(json.dumps(dict(scale.parameters["fig3a"])), progress)


def make_fig3b(scale: Scale, progress: Progress) -> xr.Dataset:
    """carollo2021 Fig. 3(b): stationary occupation of each mode, from the same runs."""
    return _aligned(json.dumps(dict(scale.parameters["fig3b"])), progress)


_runs: dict[str, xr.Dataset] = {}
"""Both panels of Fig. 3 show the same runs: the last are kept."""


def _aligned(described: str, progress: Progress) -> xr.Dataset:
    if described not in _runs:
        made = _aligned_runs(json.loads(described), progress)
        _runs.clear()
        _runs[described] = made
    return _runs[described].copy()


def _aligned_runs(parameters: dict[str, Any], progress: Progress) -> xr.Dataset:
    """Spins along pattern μ, bosons empty, in the limit; followed until averages settle."""
    strengths = strength_grid(parameters)
    rows = []
    for pattern, row in enumerate(strengths):
        progress(pattern / len(strengths), f"start along pattern {pattern + 1}")
        start = ProductState.pattern(pattern)
        rows.append(_settled(parameters, 1.0, start, "model.couplings.strength", row, "ratio"))
    joined = xr.concat(rows, xr.Variable(("start",), np.arange(len(strengths))))
    return joined.assign(
        strength=(("start", "ratio"), strengths, {"long_name": "coupling strength g₀"}),
        expected_overlap=(("start", "ratio"), expected_overlap(parameters, strengths)),
        **physics_of(parameters),
    ).assign_coords(ratio=np.array(parameters["ratios"]))


def _settled(
    parameters: Mapping[str, Any],
    strength: float,
    state: ProductState,
    path: str,
    values: Array,
    dim: str,
) -> xr.Dataset:
    """The ends of runs over one parameter, in the limit, along the dimension `dim`.

    The duration doubles from `shortest` until a doubling changes no average by more than
    `change`, or `longest` is reached; only points that still change go on.
    """
    model = ensemble(parameters, strength)
    made: xr.Dataset | None = None
    duration, rest = parameters["shortest"], np.arange(len(values))
    while len(rest) and duration <= parameters["longest"]:
        sweep = {dim: {path: values[rest].tolist()}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ValidityWarning)  # errors are kept, point by point
            ends = phase_diagram(
                model, state, sweep, duration, tolerance=parameters["tolerance"], progress=False
            )
        found = ends[["overlap", "overlap_swing", "motion"]].drop_vars(dim)
        photons = ends["photons_mode"]
        found["occupation"] = ((dim, "pattern"), photons.values, photons.attrs)
        # Empty where nothing settled, so that there was nothing to check.
        error = json.loads(ends.attrs["numerics"])["estimated_error"]
        error = np.nan if error is None else error
        found["duration"] = (dim, np.full(len(rest), float(duration)))
        found["estimated_error"] = (dim, np.full(len(rest), float(error)))
        found["change"] = (dim, np.full(len(rest), np.inf))
        if made is None:
            made, going = found, np.full(len(rest), True)
        else:
            found["change"] = abs(found["overlap"] - made["overlap"].isel({dim: rest})).max(
                "pattern"
            )
            for name in made.data_vars:
                made[name][{dim: rest}] = found[name]
            going = found["change"].values > parameters["change"]
        rest, duration = rest[going], 2 * duration
    assert made is not None
    made["estimated_error"].attrs = {"long_name": "of the time step, largest in the last run"}
    made["duration"].attrs = {"long_name": "length of the run", "units": "1/energy"}
    made["change"].attrs = {"long_name": "of |ξ| when the length of the run was doubled last"}
    return made.drop_attrs(deep=False)


def endings_dataset(
    parameters: dict[str, Any], strengths: Array, found: list[Ending]
) -> xr.Dataset:
    """Endings of members (start, ratio), the ratio running fastest."""
    shape = strengths.shape
    grid = ("start", "ratio")

    def table(name: str) -> Array:
        values = np.array([getattr(ending, name) for ending in found])
        return values.reshape(*shape, *values.shape[1:])

    late = "mean over the last fifth of the run"
    return xr.Dataset(
        {
            "strength": (grid, strengths, {"long_name": "coupling strength g₀"}),
            "overlap": ((*grid, "pattern"), table("overlap"), {"long_name": f"|ξ|, {late}"}),
            "swing": ((*grid, "pattern"), table("swing"), {"long_name": "range of |ξ| there"}),
            "change": (grid, table("change"), {"long_name": "against the fifth before"}),
            "occupation": (
                (*grid, "pattern"),
                table("occupation"),
                {"long_name": f"photons of each mode per spin, {late}"},
            ),
            "duration": (grid, table("duration"), {"long_name": "length of the run"}),
            "status": (grid, table("status").astype(np.int8), STATUS),
            "expected_overlap": (grid, expected_overlap(parameters, strengths)),
            **physics_of(parameters),
        },
        {
            "start": np.arange(shape[0]),
            "ratio": np.array(parameters["ratios"]),
            "pattern": np.arange(len(parameters["frequencies"])),
        },
    )


_MOST_SPINS = 2_000_000
"""Spins of all members that are in memory at once."""


def make_finite(scale: Scale, progress: Progress) -> xr.Dataset:
    """Drawn couplings of N spins with the unequal groups that they have, in two cases.

    One starts along a pattern whose retrieval state is stable. The other starts in the retrieval
    state of the limit, inside its window of instability: the unequal groups alone push it out.
    """
    parameters = dict(scale.parameters["finite"])
    sizes, draws = parameters["spins"], parameters["realizations"]
    cases = [parameters["stable"], parameters["window"]]
    modes, last = len(parameters["frequencies"]), float(parameters["duration"])
    dense = np.linspace(0.0, parameters["dense"], 801)
    late = np.linspace(0.8 * last, last, 201)
    times = np.concatenate([dense, late])
    grid = ("case", "spins", "draw")
    shape = (len(cases), len(sizes), draws)
    final = np.zeros((*shape, modes))
    course = np.zeros((*shape, len(dense)))
    status = np.zeros(shape, dtype=np.int8)
    patterns = [int(case["pattern"]) for case in cases]
    thresholds = critical(parameters)
    strengths = [float(thresholds[p]) * c["ratio"] for p, c in zip(patterns, cases, strict=True)]
    plan = [
        (i, k, range(first, min(first + at_once, draws)))
        for i in range(len(cases))
        for k, spins in enumerate(sizes)
        for at_once in [max(1, _MOST_SPINS // spins)]
        for first in range(0, draws, at_once)
    ]
    for number, (i, k, chosen) in enumerate(plan):

        def report(share: float, _: str, number: int = number, k: int = k) -> None:
            progress((number + share) / len(plan), f"{sizes[k]} spins")

        drawn = ensemble(parameters, strengths[i], sizes[k])
        members = []
        for draw in chosen:
            model = drawn.draw(parameters["seed"], draw)
            members.append((model, _start(model, patterns[i], cases[i]["ratio"], aligned=i == 0)))
        raws = follow(members, times, ["overlap"], parameters["tolerance"], report)
        for draw, raw in zip(chosen, raws, strict=True):
            overlap = np.abs(np.asarray(raw.values["overlap"]))
            course[i, k, draw] = overlap[: len(dense), patterns[i]]
            final[i, k, draw] = overlap[len(dense) :].mean(axis=0)
            status[i, k, draw] = raw.status
    own = [
        expected_overlap(parameters, np.full((modes, 1), g))[p, 0]
        for g, p in zip(strengths, patterns, strict=True)
    ]
    rates = [growth_rate(parameters, p, g) for g, p in zip(strengths, patterns, strict=True)]
    return xr.Dataset(
        {
            "final_overlap": (
                (*grid, "pattern"),
                final,
                {"long_name": "|ξ|, mean over the last fifth of the run"},
            ),
            "overlap": ((*grid, "time"), course, {"long_name": "|ξ| of the start, at first"}),
            "status": (grid, status, STATUS),
            "start": (("case",), np.array(patterns)),
            "ratio": (("case",), np.array([case["ratio"] for case in cases])),
            "strength": (("case",), np.array(strengths)),
            "expected_overlap": (("case",), np.array(own)),
            "growth_rate": (("case",), np.array(rates)),
            **physics_of(parameters),
        },
        {"spins": np.array(sizes), "time": dense, "pattern": np.arange(modes)},
    )


def _start(model: DickeModel, pattern: int, ratio: float, *, aligned: bool) -> ProductState:
    """Along a pattern with empty modes, or where the limit's retrieval state has its spins."""
    if aligned:
        return ProductState.pattern(pattern)
    signs = model.pattern_matrix[pattern]
    x = -np.ones(model.spins) / ratio**2
    z = np.sqrt(1 - ratio**-4.0) * signs
    return ProductState.bloch(np.stack([x, 0 * x, z], axis=1), bosons="stationary")


def make_basin(scale: Scale, progress: Progress) -> xr.Dataset:
    """A fraction of the spins flipped at the start, in the limit: what becomes of the overlap."""
    parameters = dict(scale.parameters["basin"])
    pattern, flipped = parameters["pattern"], np.array(parameters["flipped"])
    strengths = critical(parameters)[pattern] * np.array(parameters["ratios"])
    rows = []
    for number, strength in enumerate(strengths):
        progress(number / len(strengths), f"g₀ = {strength:.3g}")
        state = ProductState.pattern(pattern, flipped=0.0)
        rows.append(
            _settled(parameters, float(strength), state, "state.flipped", flipped, "flipped")
        )
    frequency = parameters["frequencies"][pattern]
    expected = retrieval_overlap(
        strengths[:, None], parameters["field"], frequency, parameters["loss"], 1 - 2 * flipped
    )
    joined = xr.concat(rows, xr.Variable(("ratio",), parameters["ratios"]))
    return (
        joined.isel(pattern=pattern)
        .drop_vars("pattern")
        .assign(expected_overlap=(("ratio", "flipped"), expected), strength=(("ratio",), strengths))
        .assign_coords(flipped=flipped)
    )
