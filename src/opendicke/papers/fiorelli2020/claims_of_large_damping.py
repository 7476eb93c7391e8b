"""Tests of what fiorelli2020 says about large η."""

from __future__ import annotations

import numpy as np

from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, Verdict, claim, judged
from opendicke.papers.fiorelli2020.drawn import averaged
from opendicke.papers.fiorelli2020.standards import GOOD, of_group, with_error

_WIDE = 16.0
"""λ that is large at η = 100 and the paper's field."""


def _drawn(findings: Findings, name: str) -> Array:
    """A number of every drawn system of Fig. 2(a), without the given draws."""
    return np.asarray(of_group(findings("fig2a"), "draw", "drawn")[name].values)


@claim(
    "uniform",
    "At η = 10 (Fig. 2a) ten spins end with all configurations equally likely.",
    "p. 3, Fig. 2(a)",
)
def uniform(findings: Findings) -> Outcome:
    """How far from uniform, over draws."""
    data = findings("fig2a")
    mean, error = averaged(_drawn(findings, "variation"))
    given = data["variation"].values[: data.sizes["shown"]]
    weight = averaged(_drawn(findings, "ground_weight"))[0] * 2 ** data.sizes["spin"]
    over = data["size_variation"].isel(size=-1).mean("size_draw")
    falls = ", ".join(f"{float(over.sel(eta=e)):.2g} at η = {e:g}" for e in over["eta"].values)
    return Outcome(
        judged(float(mean) < GOOD),
        "Value: total variation distance of the stationary state from uniform, "
        f"mean over {len(_drawn(findings, 'variation'))} draws with its standard error; "
        f"{', '.join(f'{v:.4f}' for v in given)} for the two given draws. Ground states are "
        f"{float(weight) / 2:.1f} times likelier than in a uniform distribution. The "
        f"distance over η: {falls} (N = {int(data['size'][-1])}).",
        value=float(mean),
        expected=0.0,
        error=float(error),
    )


@claim(
    "finite_size",
    "What is left of the mean energy at η = 10 is a correction due to finite size.",
    "p. 3",
)
def finite_size(findings: Findings) -> Outcome:
    """Whether its share falls or grows with the size, draw by draw."""
    data = findings("fig2a")
    end, error = averaged(_drawn(findings, "stationary_energy"))
    share = data["size_share"].isel(eta=0).transpose("size", "size_draw").values
    means, errors = averaged(share, axis=1)
    change, change_error = averaged(share[-1] - share[0])
    falls = data["size_share"].isel(size=-1).mean("size_draw")
    table = ", ".join(
        f"{with_error(m, e)} (N = {n})"
        for m, e, n in zip(means, errors, data["size"].values, strict=True)
    )
    significant = abs(float(change)) > 2 * float(change_error)
    return Outcome(
        judged(float(change) < 0) if significant else Verdict.CANNOT_TELL,
        f"Value: by how much the stationary mean of E over the lowest energy changes from N = "
        f"{int(data['size'][0])} to {int(data['size'][-1])} at η = {float(data['eta'][0]):g}, mean "
        f"over {share.shape[1]} draws, draw by draw. The share is {table}; over η "
        + ", ".join(f"{float(falls.sel(eta=e)):.2g} at η = {e:g}" for e in falls["eta"].values)
        + f" (N = {int(data['size'][-1])}). Mean E of Fig. 2(a) at its end: "
        f"{with_error(float(end), float(error))}.",
        value=float(change),
        error=float(change_error),
    )


@claim(
    "upper_bound",
    "The expansion bounds η from above: 1 ≪ η ≪ 4g²(1+θ)/[ωΩ(1−θ)].",
    "p. 3",
)
def upper_bound(findings: Findings) -> Outcome:
    """Two spins with their boson, exactly: good well below the bound, and useless beyond it."""
    data = findings("ising")
    etas, errors, bound = data["bounded"].values, data["bounded_error"].values, float(data["bound"])
    drives = data["bounded_drive"].values
    table = ", ".join(
        f"{e:.2g} at η = {eta:g} (Ω t_L = {d:.2g})"
        for e, eta, d in zip(errors, etas, drives, strict=True)
    )
    below, beyond = errors[etas < bound / 8], errors[etas > bound]
    if len(below) and len(beyond):
        verdict = judged(
            bool((below < GOOD).all() and (beyond > 0.1).all() and (np.diff(errors) > 0).all())
        )
    else:
        verdict = Verdict.CANNOT_TELL
    good = etas[errors < GOOD]
    reach = f" up to η = {good.max():g}" if len(good) else " at none of these η"
    return Outcome(
        verdict,
        f"g = (2, −1.5), exact against rates, largest error of a probability: {table}. The smaller "
        f"|g| gives the bound {bound:.0f}. Value: the least error beyond it; below an eighth of it "
        f"the largest is {below.max() if len(below) else float('nan'):.2g}. The error is below "
        f"{GOOD:g}{reach}.",
        value=float(beyond.min()) if len(beyond) else None,
    )


@claim(
    "fictitious_field",
    "At large η the rates are those of a transverse-field Ising model with Ω_eff = Ωλ and ξ = "
    "8λ²/(ωη²) under dephasing at the rate γ_eff (of which no jump operator is printed).",
    "p. 3",
)
def fictitious_field(findings: Findings) -> Outcome:
    """Every reading of the dephasing, where the energy of a flip matters and where it does not."""
    data = findings("ising")
    speeds = data["reading_speed"].transpose("reading", "case").values
    worst = np.abs(speeds - 1).max(axis=1)
    control = float(np.abs(data["case_corrected"].values - 1).max())
    names = [str(name) for name in data["case_name"].values]
    costs = data["case_cost"].values
    first = data.isel(panel=int(np.argmin(data["eta"].values)))
    table = "; ".join(
        f"at {reading:g} γ_eff "
        + " and ".join(f"{v:.3g} ({name})" for v, name in zip(row, names, strict=True))
        for reading, row in zip(data["reading"].values, speeds, strict=True)
    )
    fails_or_holds = judged(bool((worst < 0.1).any()))
    return Outcome(
        fails_or_holds if control < 0.05 else Verdict.CANNOT_TELL,
        "Speed of the printed model over that of the rate equation, two spins, η = "
        f"{float(data['scale_eta']):g}, once where the cost of a flip does not matter "
        f"({costs[0]:.2g} of 1/t_L: cheap) and once where it does ({costs[1]:.2g}: costly). If "
        f"coherences decay {table}. Value: the largest deviation from 1 of the best reading. With "
        "jump operators √γ_eff(1+Z)/2 (half of γ_eff) and Ωλ/√2 it is "
        + " and ".join(f"{v:.3g}" for v in data["case_corrected"].values)
        + f"; at η = {float(first['eta']):g} the same moves at "
        f"{float(first['corrected_speed']):.2f} of the speed.",
        value=float(worst.min()),
        expected=0.0,
    )


@claim(
    "fictitious_scale",
    "The scale λ is arbitrary, as long as Ω_eff ≪ γ_eff.",
    "p. 3",
)
def fictitious_scale(findings: Findings) -> Outcome:
    """Differences settle once λ is large: what remains is due to finite η."""
    data = findings("ising")
    scales, apart = data["lambda"].values, data["over_scale"].values
    spread = float(np.ptp(apart[scales >= _WIDE]))
    table = ", ".join(f"{a:.4f} at {s:g}" for a, s in zip(apart, scales, strict=True))
    return Outcome(
        judged(spread < 0.005),
        f"Corrected field, two spins, η = {float(data['scale_eta']):g}: largest difference of a "
        f"probability from the rate equation for each λ: {table}. Value: "
        f"by how much it changes from λ = {_WIDE:g} on.",
        value=spread,
        expected=0.0,
    )


CLAIMS = (uniform, finite_size, upper_bound, fictitious_field, fictitious_scale)
