"""Large η: the dephased transverse-field Ising model in place of the bosons, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import expm
from scipy.optimize import minimize_scalar

from opendicke.methods.lindblad import Lindblad
from opendicke.methods.rate_equation import RateEquation
from opendicke.model.checks import Array
from opendicke.model.configurations import configurations, model_energies, spin_flip_costs
from opendicke.model.dicke import DickeModel
from opendicke.papers.catalogue import Progress, Scale
from opendicke.papers.fiorelli2020.drawn import damped_to
from opendicke.papers.fiorelli2020.theory import upper_eta
from opendicke.papers.fiorelli2020.two_spins import START, model_of
from opendicke.physics.coherence_times import coherence_rates, coherence_times
from opendicke.physics.configuration_rates import configuration_rates, energy_weights
from opendicke.physics.rate_limits import Dephasing, dephasing_model
from opendicke.results.dataset import words
from opendicke.solving import solve

FIELDS = {"corrected": 1.0, "printed": 2**0.5}
"""Factor of the field Ωλ/√2 of `dephasing_model`; the paper prints Ωλ."""
READINGS = (0.5, 1.0, 2.0)
"""Decay of a coherence over γ_eff, for the jump operators √γ(1+Z)/2, √(γ/2)Z and √γ Z.

The paper says "dephasing at a rate γ_eff" and prints no jump operator.
"""
_LONG = 3.0
"""Length of the curves, in mean waiting times of the slowest flip."""


def dephased(given: Dephasing, factor: float = 1.0, decay: float = 0.5) -> Array:
    """Generator of the density matrix (4^N, 4^N), rows and columns in the order of a flat array.

    .. math:: \\dot\\rho = -i[H, \\rho]
        + \\sum_i\\gamma_i(n_i\\rho n_i - \\tfrac12\\{n_i, \\rho\\})

    with the field of the model times `factor`, and for :math:`\\gamma_i` the rate of the model
    times twice `decay`: coherences of one spin decay at `decay` times this rate, which is half of
    it with the jump operator above.
    """
    spins = len(given.rates)
    one, flip = np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]])
    field = np.broadcast_to(np.asarray(given.model.field, dtype=float), (spins,)) * factor
    energy = np.diag(model_energies(given.model))
    for spin in range(spins):
        energy = energy + field[spin] * _placed(flip, one, spin, spins)
    size = np.eye(2**spins)
    generator = -1j * (np.kron(energy, size) - np.kron(size, energy.T))
    up = (configurations(spins) + 1) / 2
    for spin in range(spins):
        here = np.diag(up[:, spin])
        both = np.kron(here, size) + np.kron(size, here)
        generator += 2 * decay * given.rates[spin] * (np.kron(here, here) - both / 2)
    return np.asarray(generator)


def _placed(operator: Array, one: Array, spin: int, spins: int) -> Array:
    made: Array = np.eye(1)
    for place in range(spins):
        made = np.kron(made, operator if place == spin else one)
    return made


def populations(generator: Array, times: Array) -> Array:
    """Probabilities of the configurations on an even grid of times, all spins down at first."""
    size = round(len(generator) ** 0.5)
    step = expm(generator * (times[1] - times[0]))
    state = np.zeros(len(generator), complex)
    state[-1] = 1.0
    rows = []
    for _ in times:
        rows.append(state.reshape(size, size).diagonal().real)
        state = step @ state
    return np.array(rows)


def master(model: DickeModel) -> Array:
    """Generator of the probabilities of all configurations of a few spins, (2^N, 2^N)."""
    rates = configuration_rates(model)
    spins, count = rates.shape
    made = np.zeros((count, count))
    for spin in range(spins):
        start = np.arange(count)
        end = start ^ (1 << (spins - 1 - spin))
        made[end, start] += rates[spin]
        made[start, start] -= rates[spin]
    return made


def speed(generator: Array, shown: Array, times: Array) -> float:
    """How many times faster probabilities move than the rate equation, at its best fit."""

    decay, modes = np.linalg.eig(generator)
    weights = np.linalg.solve(modes, np.eye(len(generator))[:, -1])

    def apart(factor: float) -> float:
        faded = np.exp(np.outer(factor * times, decay)) * weights
        return float(np.abs(shown - (faded @ modes.T).real).max())

    return float(minimize_scalar(apart, bounds=(0.3, 4.0), method="bounded").x)


def make_ising(scale: Scale, progress: Progress) -> xr.Dataset:
    """fiorelli2020 p. 3, "Large η": the fictitious Ising model, and where expansion fails."""
    parameters = scale.parameters["ising"]
    systems, etas = parameters["systems"], parameters["etas"]
    panels = []
    for place, couplings in enumerate(systems):
        for number, eta in enumerate(etas):
            done = (place + number / len(etas)) / len(systems)
            progress(0.4 * done, f"{len(couplings)} spins at η = {eta:g}")
            panels.append(_panel(damped_to(parameters, eta), couplings))
    chosen = damped_to(parameters, etas[-1])
    over = [_apart(chosen, systems[0], factor=1.0, scale=value) for value in parameters["scales"]]
    whole = xr.concat(panels, "panel").assign(
        over_scale=(("lambda",), over, {"long_name": "largest difference, corrected field"}),
        scale=((), float(parameters["scale"])),
        scale_eta=((), float(etas[-1])),
    )
    whole = whole.assign_coords({"lambda": parameters["scales"]})
    whole = whole.merge(readings(parameters, systems[0]))
    return whole.merge(_bounded(parameters, systems[0], progress))


def _panel(known: Mapping[str, Any], couplings: list[float]) -> xr.Dataset:
    """One system: rate equation, and the fictitious model with either field."""
    model = model_of(known, couplings)
    times = _grid(model, known["points"])
    given = dephasing_model(model, known["scale"])
    generator = master(model)
    rates = solve(
        model, START, times, RateEquation(), ["probability"], validity="ignore", progress=False
    )["probability"].values
    made: dict[str, Any] = {
        "time": (("point",), times, {"units": "1/energy"}),
        "rates": (("point",), rates[:, -1], {"long_name": "all down, rate equation"}),
        "spins": ((), len(couplings)),
        "eta": ((), (known["loss"] - known["gain"]) / known["frequency"]),
    }
    for name, factor in FIELDS.items():
        shown = populations(dephased(given, factor), times)
        made[name] = (("point",), shown[:, -1], {"long_name": f"all down, {name} field"})
        made[f"{name}_apart"] = ((), float(np.abs(shown - rates).max()))
        made[f"{name}_speed"] = ((), speed(generator, shown, times))
    return xr.Dataset(made)


def _grid(model: DickeModel, points: int) -> Array:
    """Even times over which all spins flip a few times, whatever the energy."""
    slowest = float(configuration_rates(model).mean(axis=1).min())
    return np.linspace(0.0, _LONG / slowest, points)


def readings(parameters: Mapping[str, Any], cheap: list[float]) -> xr.Dataset:
    """Speed of the model as printed under each reading of its dephasing, and of the corrected one.

    In two cases: flips whose energy does not matter, and flips of a spin of small |g|, whose energy
    is about the width of its rate's curve.
    """
    costly = parameters["costly"]
    cases = {
        "cheap": (damped_to(parameters, parameters["etas"][-1]), cheap),
        "costly": (
            {**damped_to(parameters, costly["eta"]), "field": costly["field"]},
            costly["couplings"],
        ),
    }
    speeds = np.empty((len(cases), len(READINGS)))
    corrected, ratios = np.empty(len(cases)), np.empty(len(cases))
    for place, (known, couplings) in enumerate(cases.values()):
        model = model_of(known, couplings)
        rates = configuration_rates(model)
        weakest = int(np.abs(model.couplings[:, 0]).argmin())
        times = np.linspace(0.0, _LONG / float(rates[weakest].mean()), known["points"])
        given, generator = dephasing_model(model, known["scale"]), master(model)
        for number, decay in enumerate(READINGS):
            shown = populations(dephased(given, FIELDS["printed"], decay), times)
            speeds[place, number] = speed(generator, shown, times)
        corrected[place] = speed(generator, populations(dephased(given), times), times)
        lost = float(coherence_rates(model.couplings, *modes_of(known))[weakest])
        cost = np.abs(spin_flip_costs(model.couplings, energy_weights(model) / 4, weakest)).max()
        ratios[place] = float(cost) / lost
    return xr.Dataset(
        {
            "reading_speed": (("case", "reading"), speeds, {"long_name": "speed, as printed"}),
            "case_corrected": (("case",), corrected, {"long_name": "speed, corrected"}),
            "case_cost": (("case",), ratios, {"long_name": "cost of a flip over 1/t_L"}),
            "case_name": words("case", list(cases)),
        },
        {"reading": ("reading", list(READINGS), {"long_name": "decay of coherence over γ_eff"})},
    )


def modes_of(known: Mapping[str, Any]) -> tuple[float, float, float]:
    """Frequency, loss and gain of the mode."""
    return known["frequency"], known["loss"], known["gain"]


def _apart(
    known: Mapping[str, Any], couplings: list[float], *, factor: float, scale: float
) -> float:
    """Largest difference of a probability between the fictitious model and the rate equation."""
    model = model_of(known, couplings)
    times = _grid(model, known["points"])
    shown = populations(dephased(dephasing_model(model, scale), factor), times)
    rates = solve(
        model, START, times, RateEquation(), ["probability"], validity="ignore", progress=False
    )["probability"].values
    return float(np.abs(shown - rates).max())


def _bounded(
    parameters: Mapping[str, Any], couplings: list[float], progress: Progress
) -> xr.Dataset:
    """Exact dynamics of two spins beside their rate equation, up to and beyond the bound on η."""
    etas = parameters["bounded"]
    errors, drives = [], []
    for number, eta in enumerate(etas):
        progress(0.4 + 0.6 * number / len(etas), f"exact dynamics at η = {eta:g}")
        known = damped_to(parameters, eta)
        model = model_of(known, couplings)
        fastest = float(configuration_rates(model).max())
        times = np.linspace(0.0, max(2 / fastest, 3 / parameters["field"]), 81)
        both = [
            solve(model, START, times, method, ["probability"], validity="ignore", progress=False)
            for method in (Lindblad(tolerance=1e-5), RateEquation())
        ]
        apart = np.abs(both[0]["probability"].values - both[1]["probability"].values)
        errors.append(float(apart.max()))
        slowest = float(coherence_times(model.couplings, *modes_of(known)).max())
        drives.append(slowest * known["field"])
    weakest = min(abs(g) for g in couplings)
    settings = parameters["frequency"], parameters["field"], parameters["gain"]
    return xr.Dataset(
        {
            "bounded_error": (
                ("bounded",),
                errors,
                {"long_name": "largest error of a probability"},
            ),
            "bounded_drive": (("bounded",), drives, {"long_name": "Ω t_L"}),
            "bound": (
                (),
                upper_eta(weakest**2, *settings),
                {"long_name": "the paper's bound on η"},
            ),
        },
        {"bounded": etas},
    )
