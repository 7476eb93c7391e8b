"""The theorem beside exact dynamics: 𝓔_N(t) of finite systems, its order in N and its bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from opendicke.measure.raw import Status
from opendicke.methods.base import AbstractMethod
from opendicke.methods.lindblad import Lindblad
from opendicke.methods.mean_field import MeanField
from opendicke.methods.quantum_jumps import QuantumJumps
from opendicke.methods.truncated_wigner import TruncatedWigner
from opendicke.model.checks import Array
from opendicke.model.dicke import DickeModel
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.deviation import (
    Deviation,
    Means,
    deviation,
    distance,
    exponent,
    growth,
    initial_deviation,
    limit_of_deviation,
    means_of,
    per_group,
    questions,
    questions_of_means,
)
from opendicke.papers.carollo2021.theory import critical
from opendicke.papers.catalogue import Progress, Scale
from opendicke.physics.theorem import theorem_constants
from opendicke.results.dataset import words

START = ProductState.polarized("+z")
"""Along the first pattern; its modes are empty."""


def large_spins(parameters: Mapping[str, Any], case: Mapping[str, Any], spins: int) -> DickeModel:
    """2^{M−1} groups that share the spins as `shares` says, g₀ = ratio × g_crit of pattern 1."""
    shares = np.array(case["shares"])
    modes = len(shares)  # one mode and one group, or two modes and two groups
    counts = shares * spins // shares.sum()
    assert counts.sum() == spins
    signs = np.array([[1.0, 1.0], [1.0, -1.0]])[:modes, :modes]
    strength = case["ratio"] * float(critical(parameters)[0])
    return DickeModel(
        np.repeat(signs, counts, axis=0) * strength / np.sqrt(spins),
        frequencies=parameters["frequencies"][:modes],
        loss=parameters["loss"],
        field=parameters["field"],
    )


def instants(parameters: Mapping[str, Any]) -> Array:
    """0, a few short times for the bound, then equal steps."""
    steps = np.linspace(0, parameters["duration"], parameters["steps"] + 1)[1:]
    short = np.geomspace(1e-3, steps[0], 9)[:-1]
    return np.concatenate([[0.0], short, steps])


_TOLD = 0.1
"""Values whose relative standard error is larger do not enter exponents."""


class _System(NamedTuple):
    """One finite system and how it is solved."""

    case: int
    size: int
    model: DickeModel
    method: AbstractMethod
    early: AbstractMethod | None
    """Up to the last fitted time, if another method than later."""


def _systems(parameters: Mapping[str, Any]) -> list[_System]:
    # Moments around the thermal state are fewest here; the estimates of cost do not always see it.
    density = Lindblad(tolerance=parameters["tolerance"], way="hierarchy")
    jumps = QuantumJumps(trajectories=parameters["trajectories"])
    made = []
    for c, case in enumerate(parameters["cases"]):
        for k, spins in enumerate(case["density"] + case["jumps"]):
            method = density if spins in case["density"] else jumps
            early = density if spins in case["early"] else None
            made.append(_System(c, k, large_spins(parameters, case, spins), method, early))
    return made


class _Solved(NamedTuple):
    """What is known of one system."""

    system: _System
    deviation: Deviation
    means: Means
    status: Status


def make_theorem(scale: Scale, progress: Progress) -> xr.Dataset:
    """𝓔_N(t) of one and of two large spins at several N, its limit, and what methods miss."""
    parameters = dict(scale.parameters["theorem"])
    times, systems = instants(parameters), _systems(parameters)
    found = []
    for number, (system, own) in enumerate(zip(systems, _mean_field(systems, times), strict=True)):

        def report(share: float, _: str, number: int = number) -> None:
            spins = systems[number].model.spins
            progress((number + share) / len(systems), f"{spins} spins, exact")

        report(0.0, "")
        key = parameters["seed"], number
        one = _solved(system, system.method, times, own, key, report)
        if system.early is not None:
            first = times[times <= parameters["fit"][-1] * (1 + 1e-12)]
            one = _joined(_solved(system, system.early, first, own, key, report), one)
        found.append(one)
    progress(1.0, "truncated Wigner")
    wigner = _wigner(parameters, found, times)
    made = _by_system(found, wigner, times) | _by_case(parameters, times)
    coordinates = {"time": ("time", times, {"long_name": "time", "units": "1/energy"})}
    dataset = xr.Dataset(made, coordinates)
    return dataset.assign(_fits(dataset, parameters))


def _solved(
    system: _System,
    method: AbstractMethod,
    times: Array,
    mean_field: Means,
    key: tuple[int, int],
    report: Progress,
) -> _Solved:
    """A system by one method, from the start up to the last of its times."""
    problem, asked = reduce(system.model, START), questions(system.model)
    raw = method.run_many([problem], times, asked, [key], report)[0]
    own = Means(*(part[: len(times)] for part in mean_field))
    return _Solved(
        system, deviation(raw, system.model, own), means_of(raw, system.model), raw.status
    )


def _joined(early: _Solved, late: _Solved) -> _Solved:
    """The early answer as far as it goes, then the late one."""

    def spliced(first: Sequence[Array], then: Sequence[Array]) -> list[Array]:
        return [np.concatenate([a, b[len(a) :]]) for a, b in zip(first, then, strict=True)]

    return _Solved(
        late.system,
        Deviation(*spliced(early.deviation, late.deviation)),
        Means(*spliced(early.means, late.means)),
        max(early.status, late.status),
    )


def _by_system(
    found: Sequence[_Solved], wigner: Sequence[tuple[Array, Array]], times: Array
) -> dict[str, Any]:
    """Numbers and courses of every system, by case and size; NaN where a case has fewer sizes."""
    cases = 1 + max(one.system.case for one in found)
    sizes = 1 + max(one.system.size for one in found)

    def table(label: str, values: Sequence[Any]) -> xr.Variable:
        extent = np.shape(values[0])
        filled = np.full((cases, sizes, *extent), np.nan)
        for one, value in zip(found, values, strict=True):
            filled[one.system.case, one.system.size] = value
        dims = ("case", "size", "time")[: filled.ndim]
        return xr.Variable(dims, filled, {"long_name": label})

    models = [one.system.model for one in found]
    courses = [one.deviation for one in found]
    return {
        "spins": table("number of spins", [model.spins for model in models]),
        "per_group": table("spins per group N", [per_group(model) for model in models]),
        "jumps": table("whether by quantum jumps", [one.system.method.stochastic for one in found]),
        "status": table("how the computation ended", [int(one.status) for one in found]),
        "initial": table("𝓔(0), closed form", [initial_deviation(m, START) for m in models]),
        "error": table("𝓔", [course.error for course in courses]),
        "error_stderr": table("standard error of 𝓔", [course.stderr for course in courses]),
        "missed": table("what mean field misses of means", [course.missed for course in courses]),
        "missed_stderr": table("its standard error", [course.missed_stderr for course in courses]),
        "wigner_missed": table("what truncated Wigner misses of means", [w[0] for w in wigner]),
        "wigner_missed_stderr": table("its standard error", [w[1] for w in wigner]),
        "growth": table(
            "least c of 𝓔(t) ≤ exp(ct) 𝓔(0)", [growth(times, course.error) for course in courses]
        ),
    }


def _by_case(parameters: Mapping[str, Any], times: Array) -> dict[str, Any]:
    """What does not depend on N."""
    cases = parameters["cases"]
    models = [large_spins(parameters, case, _least(case)) for case in cases]
    limits = [limit_of_deviation(model, START, times).sum(axis=0) for model in models]
    constants = [theorem_constants(model).C for model in models]
    return {
        "title": words("case", [case["title"] for case in cases]),
        "ratio": ("case", [float(case["ratio"]) for case in cases]),
        "groups": ("case", [len(case["shares"]) for case in cases]),
        "constant": ("case", constants, {"long_name": "C of the theorem", "units": "energy"}),
        "limit": (
            ("case", "time"),
            np.stack(limits),
            {"long_name": "N 𝓔 for N → ∞, from linear fluctuations"},
        ),
    }


def _least(case: Mapping[str, Any]) -> int:
    """Fewest spins of a case."""
    return int((case["density"] + case["jumps"])[0])


def _mean_field(systems: Sequence[_System], times: Array) -> list[Means]:
    """Mean field of every system, all of one shape together."""
    made: dict[int, Means] = {}
    for modes in {system.model.modes for system in systems}:
        chosen = [k for k, system in enumerate(systems) if system.model.modes == modes]
        problems = [reduce(systems[k].model, START) for k in chosen]
        asked = questions_of_means(systems[chosen[0]].model)
        raws = MeanField(tolerance=1e-9).run_many(problems, times, asked, [(0, 0)] * len(chosen))
        for k, raw in zip(chosen, raws, strict=True):
            made[k] = means_of(raw, systems[k].model)
    return [made[k] for k in range(len(systems))]


def _wigner(
    parameters: Mapping[str, Any], found: Sequence[_Solved], times: Array
) -> list[tuple[Array, Array]]:
    """What truncated Wigner misses of the exact means, with its error; NaN where not asked."""
    method = TruncatedWigner(trajectories=parameters["samples"], step=parameters["step"])
    made = []
    for number, one in enumerate(found):
        model = one.system.model
        if model.modes > 1 or model.spins > parameters["sampled"]:
            made.append((np.full(len(times), np.nan),) * 2)
            continue
        problem, key = reduce(model, START), (parameters["seed"], number)
        raw = method.run_many([problem], times, questions_of_means(model), [key])[0]
        made.append(distance(means_of(raw, model), one.means))
    return made


def _fits(dataset: xr.Dataset, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Exponents in N of 𝓔 and of what mean field misses, at chosen times, from large enough N."""
    instants = np.array(parameters["fit"])
    chosen = dataset.sel(time=instants, method="nearest")
    made: dict[str, Any] = {}
    for name, label in (("error", "𝓔"), ("missed", "what mean field misses")):
        slopes = np.full((2, dataset.sizes["case"], len(instants)), np.nan)
        for c in range(dataset.sizes["case"]):
            sizes = dataset["per_group"].values[c]
            used = sizes >= parameters["least"][c]
            for t in range(len(instants)):
                values = chosen[name].values[c, used, t]
                stderr = chosen[f"{name}_stderr"].values[c, used, t]
                # What sampling hides would pull the line up or down.
                told = stderr < _TOLD * values
                slopes[:, c, t] = exponent(sizes[used][told], values[told], stderr[told])
        dims = ("case", "fit_time")
        made[f"{name}_exponent"] = (dims, slopes[0], {"long_name": f"exponent in N of {label}"})
        made[f"{name}_exponent_stderr"] = (dims, slopes[1], {"long_name": "its error"})
    made["fit_time"] = ("fit_time", chosen["time"].values)
    made["fit_least"] = ("case", np.array(parameters["least"], float))
    return made
