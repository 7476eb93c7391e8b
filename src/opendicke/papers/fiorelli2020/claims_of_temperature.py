"""Tests of what fiorelli2020 says about the temperature of the rates."""

from __future__ import annotations

import numpy as np

from opendicke.model.checks import Array
from opendicke.papers.catalogue import Findings, Outcome, claim, judged
from opendicke.papers.fiorelli2020.standards import CLOSE, SMALL, STRONG, is_strong
from opendicke.papers.fiorelli2020.theory import beta_of_energy


def _up_to(etas: Array, close: Array) -> float:
    """The largest η up to which all hold."""
    failing = np.flatnonzero(~close)
    last = failing[0] - 1 if len(failing) else len(etas) - 1
    return float(etas[last]) if last >= 0 else 0.0


@claim(
    "beta",
    "In regime (i) R ≈ exp(−4ηΔE): an inverse temperature β_eff = 4η, at ω = κ = 1.",
    "p. 4",
)
def beta(findings: Findings) -> Outcome:
    """The number, and where it stops: in η, and in the size of the jump."""
    data, curves = findings("fig2e"), findings("fig2c")
    etas, found = data["eta"].values, -data["single"].values
    at = int(np.argmin(np.abs(etas - 0.01)))
    simple = _up_to(etas, np.abs(found / (4 * etas) - 1) < CLOSE)
    whole = _up_to(etas, np.abs(found / beta_of_energy(etas) - 1) < CLOSE)
    chosen = curves.sel(eta=0.1)
    jumps, reached = curves["jump"].values, []
    for g in curves["coupling"].values:
        slopes = -np.log(chosen["ratio"].sel(coupling=g).values) / jumps
        close = np.abs(slopes / float(chosen["beta"]) - 1) < CLOSE
        reached.append(f"{_up_to(jumps, close):g} at g = {g:g}")
    return Outcome(
        judged(abs(found[at] / 0.04 - 1) < CLOSE and simple >= 0.03),
        f"Value: −ln R/ΔE at η = {etas[at]:g}, g = {float(data['single_coupling']):g}, ΔE = "
        f"{float(data['single_jump']):g}. Within {CLOSE:.0%} of 4η up to η = {simple:.3g}, of "
        f"128η/[(2κ+η)(η²+4)²] up to η = {whole:.3g} (grid). At η = 0.1 within {CLOSE:.0%} of the "
        f"latter for |ΔE| up to {', '.join(reached)} (of {jumps[-1]:g} looked at).",
        value=float(found[at]),
        expected=0.04,
    )


@claim(
    "collapse",
    "ln R/ΔE falls on one curve for all spins and jumps up to the edge of regime (i): there is one "
    "temperature (tested for 8πg² ≫ 1, which the paper does not ask for).",
    "p. 4, Fig. 2(e)",
)
def collapse(findings: Findings) -> Outcome:
    """Inside regime (i) for strongly coupled spins; what the others do is told beside it."""
    data = findings("fig2e")
    etas, jumps, g = data["eta"].values, data["jump"].values, data["couplings"].values
    small = (etas <= SMALL)[:, None, None]
    off = data["slope"].transpose("eta", "jump", "draw").values
    off = np.abs(off / -beta_of_energy(etas)[:, None, None] - 1)
    gamma = 16 / (etas[:, None, None] ** 2 + 4) * (jumps[:, None] + g**2)
    inside = gamma**2 * etas[:, None, None] < 4 * g**2
    strong = is_strong(g)
    cases = np.broadcast_to(small & inside & strong, off.shape)
    weak = np.broadcast_to(small & inside & ~strong, off.shape)
    outside = np.broadcast_to(small & ~inside & strong, off.shape)
    rest = "; ".join(
        f"of {int(some.sum()):,} cases {name} {(off[some] < CLOSE).mean():.0%} lie within "
        f"{CLOSE:.0%}, the worst is off by {off[some].max():.0%}"
        for name, some in (
            ("inside with smaller |g|", weak),
            ("outside with the same |g|", outside),
        )
        if some.any()
    )
    worst = float(off[cases].max())
    return Outcome(
        judged(worst < CLOSE),
        f"{int(cases.sum()):,} cases with Γ² < 4g²/η, η ≤ {SMALL:g} and 8πg² ≥ {STRONG:g}: largest "
        f"relative deviation from β_eff of (S15) (value). Besides, {rest}.",
        value=worst,
        expected=0.0,
    )


@claim(
    "hot_at_small_eta",
    "As η → 0+ the rates become those of infinite temperature.",
    "p. 4, Fig. 2(d)",
)
def hot_at_small_eta(findings: Findings) -> Outcome:
    """R → 1 in proportion to η, and the stationary state of ten spins becomes uniform."""
    data, tens = findings("fig2d"), findings("fig2b")
    logs = np.abs(data["log_ratio"].transpose("eta", "jump", "draw").values)
    apart = float(tens["over_variation"].isel(eta=0).max())
    rise = tens["over_variation"].isel(shown=0).values
    monotone = bool((np.diff(rise[tens["eta"].values <= 0.01]) > 0).all())
    return Outcome(
        judged(apart < 0.05 and monotone),
        f"Value: total variation distance of the stationary state of two draws of ten spins from "
        f"uniform, at most, at η = {float(tens['eta'][0]):g}. Largest |ln R| of "
        f"{data.sizes['draw']} drawn spins, ΔE ≤ {float(data['jump'][-1]):g}: {logs[0].max():.3f} "
        f"at η = {float(data['eta'][0]):g}.",
        value=apart,
        expected=0.0,
    )


@claim(
    "hot_at_large_eta",
    "As η → ∞ W(ΔE) = W(−ΔE): infinite temperature.",
    "p. 3, Fig. 2(d)",
)
def hot_at_large_eta(findings: Findings) -> Outcome:
    data, tens = findings("fig2d"), findings("fig2b")
    last = np.abs(data["log_ratio"].isel(eta=-1).values)
    apart = float(tens["over_variation"].isel(eta=-1).max())
    return Outcome(
        judged(float(last.max()) < 1e-3 and apart < 1e-3),
        f"Value: largest |ln R| of {data.sizes['draw']} drawn spins, ΔE ≤ "
        f"{float(data['jump'][-1]):g}, at η = {float(data['eta'][-1]):g}. Stationary states of two "
        f"draws of ten spins are {apart:.1g} from uniform there.",
        value=float(last.max()),
        expected=0.0,
    )


@claim(
    "large_jump_ratio",
    "In regime (ii) R ≈ (ΔE − g²)⁴/(ΔE + g²)⁴, which grows towards 1.",
    "p. 4",
)
def large_jump_ratio(findings: Findings) -> Outcome:
    data = findings("jumps")
    dims = ("coupling", "eta", "factor")
    exact, closed, far = (data[name].transpose(*dims).values for name in ("exact", "closed", "far"))
    off = np.abs(exact / closed - 1)
    bands = [
        f"{off[(far >= low) & (far < high)].max():.2g} between {low} and {high} times"
        for low, high in ((1, 2), (2, 4), (4, 30))
    ]
    beyond = far >= 4
    rising = all(
        (np.diff(row[place]) > 0).all()
        for row, place in zip(
            exact.reshape(-1, far.shape[-1]), beyond.reshape(-1, far.shape[-1]), strict=True
        )
    )
    worst = float(off[beyond].max())
    return Outcome(
        judged(worst < 0.02 and rising),
        f"g = {', '.join(f'{g:g}' for g in data['coupling'].values)}, η = "
        f"{', '.join(f'{e:g}' for e in data['eta'].values)}. Largest relative error while the "
        f"reverse jump is so many times the crossing away: {'; '.join(bands)}. Value: the last.",
        value=worst,
        expected=0.0,
    )


CLAIMS = (beta, collapse, hot_at_small_eta, hot_at_large_eta, large_jump_ratio)
