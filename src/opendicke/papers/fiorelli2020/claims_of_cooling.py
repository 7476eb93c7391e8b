"""Tests of what fiorelli2020 says about cooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.fiorelli2020.drawn import averaged, damped_to, energies_of, stationary_of
from opendicke.papers.fiorelli2020.theory import beta_of_energy
from opendicke.papers.fiorelli2020.two_spins import model_of


def _parameters(findings: Findings) -> dict[str, Any]:
    return dict(findings.scale.parameters["fig2b"])


@claim(
    "cooling",
    "At η = 0.1 ten spins cool: low-energy configurations become the likely ones.",
    "p. 4, Fig. 2(b)",
)
def cooling(findings: Findings) -> Outcome:
    data, hot = findings("fig2b"), findings("fig2a")
    count = data.sizes["shown"]
    shares = (data["stationary_energy"] / data["lowest"]).values
    mean, error = averaged(shares[count:])
    weight, weight_error = averaged(data["ground_weight"].values[count:])
    before = averaged((hot["stationary_energy"] / hot["lowest"]).values[count:])[0]
    last = float(data["mean_share"][-1]), float(data["mean_share_stderr"][-1])
    given = ", ".join(
        f"⟨E⟩ = {e:.4f} of {low:.4f}, ground states {w:.5f}"
        for e, low, w in zip(
            *(data[n].values[:count] for n in ("stationary_energy", "lowest", "ground_weight")),
            strict=True,
        )
    )
    return Outcome(
        judged(float(mean - 5 * error) > float(before) and float(weight) > 0.02),
        f"Value: stationary ⟨E⟩ over the lowest energy, mean of {len(shares) - count} draws; "
        f"{float(before):.3f} at η = 10. The ground states have the weight {float(weight):.3f} ± "
        f"{float(weight_error):.3f}, in a uniform distribution {2 / 2 ** data.sizes['spin']:.4f}. "
        f"It takes long: at t = {float(data['time'][-1]):.0e} the mean is {-last[0]:.3f} ± "
        f"{last[1]:.3f}. The given draws: {given}.",
        value=float(mean),
        error=float(error),
    )


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
        error=abs(found - 0.05),
    )


def _drawn(findings: Findings, name: str) -> Array:
    data = findings("jumps")
    return np.asarray(data[name].values[[str(g) == "drawn" for g in data["group"].values]])


@claim(
    "small_jumps",
    "Most jumps of energy lie in regime (i), Γ² ≪ 4g²/η.",
    "p. 4",
)
def small_jumps(findings: Findings) -> Outcome:
    """Jumps weighted by probability and rate, exactly; the criterion with < in place of ≪."""
    mean, error = averaged(_drawn(findings, "narrow"))
    plain = averaged(_drawn(findings, "narrow_uniform"))[0]
    wide, wide_error = averaged(_drawn(findings, "wide"))
    return Outcome(
        judged(float(mean) > 0.5),
        f"Value: share of the jumps with Γ² < 4g²/η in the stationary state of Fig. 2(b), "
        f"{len(_drawn(findings, 'narrow'))} draws; of all possible flips, each counted once, "
        f"{float(plain):.3f}. Between it and the crossing, where the Gaussian still holds, lie "
        f"{1 - float(mean) - float(wide):.3f}, beyond {float(wide):.3f} ± {float(wide_error):.3f}. "
        "In the cooled state the terms g_lσ_l add up, so that a flip costs |g| times the sum of "
        "the other |g_l|, not g².",
        value=float(mean),
        expected=None,
        error=float(error),
    )


@claim(
    "thermal_jumps",
    "Jumps of regime (ii), whose ratio is not thermal, are a small perturbation at N = 10.",
    "p. 4",
)
def thermal_jumps(findings: Findings) -> Outcome:
    """Their share, and the stationary state beside the one of β_eff."""
    data, parameters = findings("fig2b"), _parameters(findings)
    wide, error = averaged(_drawn(findings, "wide"))
    strong = averaged(_drawn(findings, "wide_strong"))[0]
    count = data.sizes["shown"]
    eta = (parameters["loss"] - parameters["gain"]) / parameters["frequency"]
    beta = float(beta_of_energy(eta))
    betas = averaged(data["beta"].values[count:])
    cold = []
    for couplings in parameters["shown"]:
        energies = energies_of(model_of(parameters, couplings))
        weights = np.exp(-beta * (energies - energies.min()))
        weights /= weights.sum()
        ground = weights[energies <= energies.min() * (1 - 1e-9)].sum()
        cold.append((float(weights @ energies / energies.min()), float(ground)))
    found = ", ".join(
        f"{e / low:.3f} and {w:.3f}"
        for e, low, w in zip(
            *(data[n].values[:count] for n in ("stationary_energy", "lowest", "ground_weight")),
            strict=True,
        )
    )
    thermal = ", ".join(f"{share:.3f} and {ground:.3f}" for share, ground in cold)
    return Outcome(
        judged(float(wide) < 0.05 and abs(float(betas[0]) / beta - 1) < 0.2),
        f"Value: share of jumps beyond the crossing of the closed forms, where the power law rules "
        f"({float(strong):.3f} among spins that couple strongly). Stationary states are fitted by "
        f"β = {float(betas[0]):.3f} ± {float(betas[1]):.3f}, with β_eff = {beta:.3f}. ⟨E⟩ over "
        f"the lowest energy and weight of the ground states of the given draws: {found}; at β_eff "
        f"they would be {thermal}.",
        value=float(wide),
        expected=0.0,
        error=float(error),
    )


@claim(
    "slower_jumps",
    "Jumps of regime (ii) occur at smaller rates than those of regime (i).",
    "p. 4",
)
def slower_jumps(findings: Findings) -> Outcome:
    """Mean rate of a flip on both sides of the crossing, in the stationary state of each draw."""
    far, near = _drawn(findings, "far_rate"), _drawn(findings, "near_rate")
    there = np.isfinite(far) & np.isfinite(near)
    ratios = far[there] / near[there]
    slower = float((ratios < 1).mean())
    return Outcome(
        judged(slower > 0.5 and float(np.median(ratios)) < 0.5),
        f"Value: share of {int(there.sum())} draws in which a flip beyond the crossing has the "
        f"smaller mean rate; the median of the ratio of both is {np.median(ratios):.2g}, the "
        f"largest {ratios.max():.2g}. For each spin alone the rate falls with |ΔE + g²|. The "
        "exceptions hold a spin of small |g|, which flips fast even there.",
        value=slower,
        expected=1.0,
        error=float(np.sqrt(max(slower * (1 - slower), 0.0) / max(int(there.sum()), 1))),
    )


@claim(
    "gap",
    "The gap above the ground states is on average of order g².",
    "p. 4",
)
def gap(findings: Findings) -> Outcome:
    data, parameters = findings("fig2b"), _parameters(findings)
    square = parameters["strength"] ** 2 / 3
    mean, error = averaged(data["gap"].values / square)
    spins = data.sizes["spin"]
    expected = 1.5 * (spins - 1) * (spins + 4) / ((spins + 1) * (spins + 2))
    return Outcome(
        judged(1 / 3 < float(mean) < 3),
        f"Value: mean gap of E over g² = g₀²/3, {data.sizes['gap_draw']} draws of {spins} spins. "
        "The spin of the least |g| is the cheapest to flip, against the sum of all other |g|. With "
        "the mean of least values of uniform draws this is 3(N−1)(N+4)/[2(N+1)(N+2)] (expected), "
        f"of order 1 for any N at fixed g₀. 4ηg² = {4 * 0.1 * square:.1f} at Fig. 2(b).",
        value=float(mean),
        expected=expected,
        error=float(error),
    )


@claim(
    "many_spins",
    "Cooling works as long as the number of spins is not too large.",
    "p. 4; conclusions",
)
def many_spins(findings: Findings) -> Outcome:
    """Kinetic Monte Carlo with g₀ = 3/√(N/10), relative to the exact ground states."""
    data = findings("crowd")
    last = data.isel(time=-1)
    share, error = -last["share"].values, last["share_stderr"].values
    falls = bool((share[:-1] - share[1:] > -2 * np.hypot(error[:-1], error[1:])).all())
    significant = share[0] - share[-1] > 3 * np.hypot(error[0], error[-1])
    moving = -(data["share"].isel(time=-1) - data["share"].isel(time=-4)).values
    gains = ", ".join(f"{m:.3f}" for m in moving)
    table = ", ".join(
        f"{s:.3f} ± {e:.3f} (N = {n})"
        for s, e, n in zip(share, error, data["size"].values, strict=True)
    )
    end = float(data["stationary"][0]), float(data["stationary_stderr"][0])
    verdict = judged(falls) if significant else Verdict.CANNOT_TELL
    return Outcome(
        verdict,
        f"Mean energy over the lowest at t = {float(data['time'][-1]):.0e}, from all down: "
        f"{table}. Value: the largest N. In the last decade they gained {gains}: large systems are "
        "not stationary yet. Ground states of one mode are exact. The stationary "
        f"value of N = {int(data['size'][0])} is {-end[0]:.3f} ± {end[1]:.3f}.",
        value=float(share[-1]),
        error=float(error[-1]),
    )


CLAIMS = (
    cooling,
    theta,
    small_jumps,
    thermal_jumps,
    slower_jumps,
    gap,
    many_spins,
)
