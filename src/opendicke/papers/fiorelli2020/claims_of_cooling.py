"""Tests of what fiorelli2020 says about cooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.fiorelli2020.drawn import averaged, damped_to, stationary_of
from opendicke.papers.fiorelli2020.standards import SLOW, STRONG, of_group, with_error
from opendicke.papers.fiorelli2020.two_spins import model_of
from opendicke.physics.coherence_times import DOUBTFUL


@claim(
    "cooling",
    "At η = 0.1 ten spins cool: low-energy configurations become the likely ones.",
    "p. 4, Fig. 2(b)",
)
def cooling(findings: Findings) -> Outcome:
    """Shown by the rate equation; whether a draw meets what that asks for is looked up, too."""
    cold = of_group(findings("fig2b"), "draw", "drawn")
    hot = of_group(findings("fig2a"), "draw", "drawn")
    data = findings("fig2b")
    below, error = averaged(cold["cold"].values)
    before, before_error = averaged(hot["cold"].values)
    share = averaged((cold["stationary_energy"] / cold["lowest"]).values)
    weight = averaged(cold["ground_weight"].values)
    early = averaged((hot["stationary_energy"] / hot["lowest"]).values)
    valid = (cold["ratio"].values >= DOUBTFUL) & (cold["drive"].values <= SLOW)
    cools = float(below) > 0.5 and float(below - before) > 5 * float(np.hypot(error, before_error))
    trusted = bool(valid.any()) or not cools
    count = data.sizes["shown"]
    given = ", ".join(
        f"⟨E⟩ = {e:.4f} of {low:.4f}, ground states {w:.5f}"
        for e, low, w in zip(
            *(data[n].values[:count] for n in ("stationary_energy", "lowest", "ground_weight")),
            strict=True,
        )
    )
    return Outcome(
        judged(cools) if trusted else Verdict.METHOD_ONLY,
        f"Value: stationary probability of energies below E₀/2, mean of {cold.sizes['draw']} draws;"
        f" {with_error(float(before), float(before_error))} at η = {_eta(hot):g}. ⟨E⟩/E₀ is "
        f"{with_error(*map(float, share))}, there {with_error(*map(float, early))}. The ground "
        f"states have the weight {with_error(*map(float, weight))}, in a uniform distribution "
        f"{2 / 2 ** data.sizes['spin']:.4f}. At t = {float(data['time'][-1]):.0e} ⟨E⟩/E₀ is "
        + with_error(-float(data["mean_share"][-1]), float(data["mean_share_stderr"][-1]))
        + f". The given draws: {given}. All by the rate equation, whose two conditions "
        f"{int(valid.sum())} of the draws meet; no better method was asked.",
        value=float(below),
        error=float(error),
    )


def _eta(data: xr.Dataset) -> float:
    return float((data["loss"] - data["gain"]) / data["frequency"])


@claim(
    "cold_below_one",
    "An effective low-temperature dynamics (cooling) is found at η < 1.",
    'p. 3, "Small η"',
)
def cold_below_one(findings: Findings) -> Outcome:
    """Where ⟨E⟩/E₀ of the given draws has its maxima over η."""
    data = findings("fig2b")
    etas = data["eta"].values
    share = data["over_share"].transpose("shown", "eta").values
    best = etas[share.argmax(axis=1)]
    inner = (share[:, 1:-1] > share[:, :-2]) & (share[:, 1:-1] > share[:, 2:])
    peaks = [
        ", ".join(f"{row[k + 1]:.3f} at η = {etas[k + 1]:.2g}" for k in np.flatnonzero(there))
        for row, there in zip(share, inner, strict=True)
    ]
    above = share[:, etas >= 1].max(axis=1)
    value, error = averaged(share[:, etas < 1].max(axis=1))
    return Outcome(
        judged(bool((best < 1).all()) and float(value) > 0.5),
        f"Stationary ⟨E⟩/E₀ of {len(share)} given draws of ten spins over η from {etas[0]:g} to "
        f"{etas[-1]:g}. Value: its largest below η = 1, mean of the draws. Local maxima: "
        f"{'; '.join(peaks)}. From η = 1 on it is still {', '.join(f'{v:.3f}' for v in above)} at "
        f"its largest, and at η = {etas[np.argmin(np.abs(etas - 1))]:g} "
        f"{', '.join(f'{v:.3f}' for v in share[:, np.argmin(np.abs(etas - 1))])}.",
        value=float(value),
        error=float(error),
    )


def _parameters(findings: Findings) -> dict[str, Any]:
    return dict(findings.scale.parameters["fig2b"])


@claim("theta", "Fig. 2(b) is at η = 0.1, θ = 1/20, with κ = ω = 1.", "Fig. 2, caption")
def theta(findings: Findings) -> Outcome:
    """The three do not go together."""
    parameters = _parameters(findings)
    found = parameters["gain"] / parameters["loss"]
    others = {
        "θ = 1/20 and κ = ω = 1, that is η = 19": damped_to(parameters, 19.0),
        "η = 0.1 and θ = 1/20, that is κ = 0.0053": {
            **parameters,
            "loss": 0.1 / 0.95,
            "gain": 0.005 / 0.95,
        },
        "η = 0.1 and κ = ω = 1": parameters,
    }
    shown = parameters["shown"][0]
    ends = {name: stationary_of(model_of(known, shown)) for name, known in others.items()}
    return Outcome(
        judged(abs(found - 0.05) < 1e-3),
        "η = 0.1 with κ = ω = 1 means γ = 1.1, so θ = 10/11 (value). Stationary ⟨E⟩ over the "
        "lowest energy of the first given draw: "
        + "; ".join(f"{end.mean_energy / end.lowest:.3f} for {n}" for n, end in ends.items())
        + ".",
        value=found,
        expected=0.05,
    )


@claim(
    "gap",
    "The gap above the ground states is on average of order g².",
    "p. 4",
)
def gap(findings: Findings) -> Outcome:
    data, parameters = findings("fig2b"), _parameters(findings)
    square = parameters["strength"] ** 2 / 3
    eta = (parameters["loss"] - parameters["gain"]) / parameters["frequency"]
    mean, error = averaged(data["gap"].values / square)
    spins = data.sizes["spin"]
    expected = 1.5 * (spins - 1) * (spins + 4) / ((spins + 1) * (spins + 2))
    return Outcome(
        judged(1 / 3 < float(mean) < 3),
        f"Value: mean gap of E over g² = g₀²/3, {data.sizes['gap_draw']} draws of {spins} spins. "
        "Expected: 3(N−1)(N+4)/[2(N+1)(N+2)], the mean cost of the spin of the least |g|, against "
        f"the sum of all other |g|, for uniform draws. 4ηg² = {4 * eta * square:.2g} at Fig. 2(b).",
        value=float(mean),
        expected=expected,
        error=float(error),
    )


@claim(
    "many_spins",
    "Cooling works as long as the number of spins is not too large.",
    "p. 4",
)
def many_spins(findings: Findings) -> Outcome:
    """Kinetic Monte Carlo with g₀ = 3/√(N/10), relative to the exact ground states."""
    data = findings("crowd")
    last, decade = data.isel(time=-1), data.isel(time=-4)
    sizes = data["size"].values
    share, error = -last["share"].values, last["share_stderr"].values
    gained = share + decade["share"].values
    moving = gained > 2 * error
    strong, slow, drive = (data[name].values for name in ("strong", "slow", "drive"))
    power, power_error = power_of(sizes, share, error)
    end = data["stationary"][0], data["stationary_stderr"][0]
    columns = zip(sizes, share, error, gained, drive, slow, strong, strict=True)
    table = "; ".join(
        f"N = {n}: {with_error(s, e)}, {m:.3f} of it in the last decade, Ω t_L {d:.2g} (median), "
        f"above {SLOW:g} for {above:.0%}, 8πg² ≥ {STRONG:g} for {g:.0%} of the spins"
        for n, s, e, m, d, above, g in columns
    )
    if moving.any() or (strong < 0.5).any() or (slow > 0.5).any():
        verdict = Verdict.CANNOT_TELL
    else:
        verdict = judged(share[0] - share[-1] > 3 * float(np.hypot(error[0], error[-1])))
    return Outcome(
        verdict,
        f"⟨E⟩/E₀ reached by t = {float(data['time'][-1]):.0e} from all down, g₀ = 3/√(N/10), "
        f"{table}. It falls like N^−x with x = {with_error(power, power_error)} (value). "
        f"{int(moving.sum())} of {len(sizes)} sizes still moved by more than two errors in the "
        "last decade. With N single couplings become weak at fixed Σg², so that size and weak "
        "coupling are not told apart. Stationary, N = "
        f"{int(sizes[0])}: {with_error(-float(end[0]), float(end[1]))}.",
        value=power,
        error=power_error,
    )


def power_of(sizes: Array, values: Array, errors: Array) -> tuple[float, float]:
    """The power x of values ∝ N^−x and its error, enlarged where a power does not fit."""
    x, y, weights = np.log(sizes), np.log(values), values / errors
    if len(x) < 3:
        ends = np.hypot(errors[0] / values[0], errors[-1] / values[-1])
        span = x[-1] - x[0]
        return float((y[0] - y[-1]) / span), float(ends / span)
    fit, covariance = np.polyfit(x, y, 1, w=weights, cov="unscaled")
    spread = float((((y - np.polyval(fit, x)) * weights) ** 2).sum() / (len(x) - 2))
    return float(-fit[0]), float(np.sqrt(covariance[0, 0] * max(1.0, spread)))


CLAIMS = (cooling, cold_below_one, theta, gap, many_spins)
