"""Tests of what fiorelli2020 says about the jumps of energy of cooled spins."""

from __future__ import annotations

from typing import Any

import numpy as np

from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, claim, judged
from opendicke.papers.fiorelli2020.drawn import averaged, energies_of
from opendicke.papers.fiorelli2020.standards import binomial_error, of_group, with_error
from opendicke.papers.fiorelli2020.theory import beta_of_energy
from opendicke.papers.fiorelli2020.two_spins import model_of


def _drawn(findings: Findings, name: str) -> Array:
    """A number of every draw, without the given ones."""
    return np.asarray(of_group(findings("jumps"), "draw", "drawn")[name].values)


def _parameters(findings: Findings) -> dict[str, Any]:
    return dict(findings.scale.parameters["fig2b"])


@claim("peaked_jumps", "The distribution of energy jumps is peaked around 0.", "p. 4")
def peaked_jumps(findings: Findings) -> Outcome:
    """Where the histograms of ΔE are highest, of jumps made and of all flips that there are."""
    data = of_group(findings("jumps"), "draw", "drawn")
    costs = data["cost"].values
    square = _parameters(findings)["strength"] ** 2 / 3
    mean = {
        name: data[name].transpose("draw", "cost").values.mean(axis=0)
        for name in ("cost_histogram", "cost_uniform")
    }
    tops = [float(costs[int(np.argmax(values))]) for values in mean.values()]
    within = [float(values[np.abs(costs) <= square].sum()) for values in mean.values()]
    sizes = averaged(data["mean_jump"].values)
    return Outcome(
        judged(max(map(abs, tops)) < square),
        f"{data.sizes['draw']} draws of ten spins, intervals of ΔE of {costs[1] - costs[0]:g}. The "
        f"highest is at ΔE = {tops[0]:g} for the jumps made in the stationary state (value), and "
        f"at {tops[1]:g} for all possible flips; |ΔE| ≤ g² = {square:g} holds for "
        f"{within[0]:.0%} and {within[1]:.0%} of them. The mean |ΔE| of a jump is "
        f"{with_error(float(sizes[0]), float(sizes[1]))}.",
        value=tops[0],
        expected=0.0,
        error=float(costs[1] - costs[0]) / 2,
    )


@claim(
    "small_jumps",
    "If the parameters are adequately chosen, most jumps of energy lie in regime (i), Γ² ≪ 4g²/η "
    "(tested with those of Fig. 2b).",
    "p. 4",
)
def small_jumps(findings: Findings) -> Outcome:
    """Jumps weighted by probability and rate, exactly; the criterion with < in place of ≪."""
    mean, error = averaged(_drawn(findings, "narrow"))
    plain = averaged(_drawn(findings, "narrow_uniform"))[0]
    sizes = averaged(_drawn(findings, "mean_jump"))
    square = _parameters(findings)["strength"] ** 2 / 3
    wide, wide_error = averaged(_drawn(findings, "wide"))
    return Outcome(
        judged(float(mean) > 0.5),
        f"Value: share of the jumps with Γ² < 4g²/η in the stationary state of Fig. 2(b), "
        f"{len(_drawn(findings, 'narrow'))} draws; of all possible flips, each counted once, "
        f"{float(plain):.3f}. Between it and the crossing of the closed forms lie "
        f"{1 - float(mean) - float(wide):.3f}, beyond it "
        f"{with_error(float(wide), float(wide_error))}. "
        f"A jump changes E by {float(sizes[0]) / square:.2g} g² on average.",
        value=float(mean),
        error=float(error),
    )


@claim(
    "thermal_jumps",
    "If the parameters are adequately chosen and N is not too large, jumps of regime (ii), whose "
    "ratio is not thermal, are a small perturbation (tested at N = 10 with those of Fig. 2b).",
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
        f"β = {with_error(float(betas[0]), float(betas[1]))}, with β_eff = {beta:.3f}. ⟨E⟩ over "
        f"the lowest energy and weight of the ground states of the given draws: {found}; at β_eff "
        f"they would be {thermal}.",
        value=float(wide),
        expected=0.0,
        error=float(error),
    )


@claim(
    "slower_jumps",
    "Jumps of regime (ii) occur at smaller rates than those of regime (i) (tested by the mean "
    "rates of both in each draw: in most draws, and by the median to less than half).",
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
        f"largest {ratios.max():.2g}.",
        value=slower,
        expected=1.0,
        error=binomial_error(slower, int(there.sum())),
    )


CLAIMS = (peaked_jumps, small_jumps, thermal_jumps, slower_jumps)
