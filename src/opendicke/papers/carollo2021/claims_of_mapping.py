"""Tests of what carollo2021 says about large spins: gauge, groups, their number and sizes."""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr

from opendicke.model.couplings import Binary, Discrete
from opendicke.model.disorder import RandomDicke
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.papers.carollo2021.simulate import ensemble, solved
from opendicke.papers.catalogue import Findings, Outcome, claim, judged

_SPINS = 20_000


_FEW = 60


def _apart(findings: Findings, *reductions: dict[str, bool]) -> float:
    """Largest difference of overlaps, photons and ⟨σx⟩ between two ways to reduce one system."""
    model = ensemble(findings.scale.parameters["fig3a"], 0.9, _FEW).draw(seed=2)
    state = ProductState.pattern(1, flipped=0.1, seed=3)
    names = ["overlap", "photons_mode", "sx"]
    times = np.linspace(0, 20, 41)
    problems = [reduce(model, state, **chosen) for chosen in reductions]
    first, second = (solved([problem], times, names, 1e-8)[0].values for problem in problems)
    return max(float(np.abs(np.asarray(first[n]) - np.asarray(second[n])).max()) for n in names)


def _groups(couplings: Binary | Discrete, modes: int, *, gauge: bool) -> int:
    """Large spins that the reduction finds in one large draw."""
    model = RandomDicke(couplings, _SPINS, modes, frequencies=1.0).draw(seed=1)
    return reduce(model, ProductState.polarized("+z"), gauge=gauge).groups


def _count_outcome(found: list[int], expected: list[int], what: str) -> Outcome:
    apart = max(abs(a - b) for a, b in zip(found, expected, strict=True))
    return Outcome(
        judged(apart == 0),
        f"Counted by the library's reduction in draws of {_SPINS} spins, {what}: "
        f"{', '.join(map(str, found))}.",
        value=found[-1],
        expected=expected[-1],
        error=apart,
    )


@claim(
    "gauge",
    "The gauge Z → −Z on spins whose first sign is −1 makes the first pattern uniform and "
    "changes nothing else.",
    "p. 2, Fig. 2(a)",
)
def gauge(findings: Findings) -> Outcome:
    """The same trajectory with and without it, and a first pattern of +1 in the gauged groups."""
    apart = _apart(findings, {}, {"gauge": False})
    uniform = bool((findings("fig2")["f"].values[0] == 1).all())
    return Outcome(
        judged(apart < 1e-7 and uniform),
        f"{_FEW} drawn spins followed to t = 20 with and without the gauge; error: largest "
        "difference of overlaps and of ⟨σx⟩ (tolerance of each run 1e-8).",
        value=apart,
        expected=0.0,
        error=apart,
    )


@claim(
    "groups_gauge",
    "With the gauge, M patterns of ±1 sort the spins into 2^(M−1) groups.",
    "p. 2, Fig. 2",
)
def groups_gauge(_: Findings) -> Outcome:
    modes = range(1, 7)
    found = [_groups(Binary(1.0), m, gauge=True) for m in modes]
    return _count_outcome(found, [2 ** (m - 1) for m in modes], "M = 1 … 6")


@claim("groups_plain", "Without the gauge there are 2^M groups.", "Suppl., Fig. S1")
def groups_plain(_: Findings) -> Outcome:
    modes = range(1, 7)
    found = [_groups(Binary(1.0), m, gauge=False) for m in modes]
    return _count_outcome(found, [2**m for m in modes], "M = 1 … 6")


@claim(
    "groups_values",
    "Couplings of d values sort the spins into d^M groups.",
    "Suppl., Fig. S2",
)
def groups_values(_: Findings) -> Outcome:
    cases = [(3, 1), (3, 2), (4, 2), (3, 3)]
    found = []
    for d, modes in cases:
        values = np.linspace(0.3, 1.7, d).round(3).tolist()
        couplings = Discrete(values, [1 / d] * d)
        found.append(_groups(couplings, modes, gauge=False))
    listing = ", ".join(f"({d}, {m})" for d, m in cases)
    return _count_outcome(found, [d**m for d, m in cases], f"(d, M) = {listing}")


def _size_outcome(data: xr.Dataset) -> Outcome:
    """Group sizes of all draws against the binomial law, at the largest number of spins."""
    share, counts = data["share"].values, data["large_count"].values
    spins = data["spins"].values.astype(float)[:, None, None]
    deviation = (counts - spins * share) / np.sqrt(spins * share * (1 - share))
    spread = float(np.sqrt((deviation[-1] ** 2).mean()))
    relative = np.abs(counts / (spins * share) - 1).reshape(len(spins), -1).max(axis=1)
    # The share of groups (mean 1 in units of the binomial deviation) and the decay of the rest.
    degrees = deviation[-1].size
    fine = abs(spread - 1) < 4 / np.sqrt(2 * degrees) and relative[-1] < relative[0] / 3
    return Outcome(
        judged(bool(fine)),
        f"Counts in {data.sizes['draw']} draws of up to {int(spins.max())} spins. Value: "
        "deviation from the expected size, in binomial standard deviations (root mean square "
        f"over groups). Largest relative deviation falls from {relative[0]:.2g} at "
        f"{int(spins.min())} spins to {relative[-1]:.2g}.",
        value=spread,
        expected=1.0,
        error=abs(spread - 1),
    )


@claim(
    "sizes_gauge",
    "For many spins all groups have N_sp/2^(M−1) spins, at leading order.",
    "p. 2, above Eq. (3)",
)
def sizes_gauge(findings: Findings) -> Outcome:
    return _size_outcome(findings("fig2"))


@claim(
    "sizes_values",
    "With values of unequal probabilities a group has p_(i1) … p_(iM) N_sp spins.",
    "Suppl., below Fig. S2",
)
def sizes_values(findings: Findings) -> Outcome:
    return _size_outcome(findings("figS2"))


@claim(
    "large_spins",
    "The dynamics of all spins is that of the large spins alone.",
    "p. 2, Eq. (3); p. 3",
)
def large_spins(findings: Findings) -> Outcome:
    apart = _apart(findings, {}, {"group": False, "bright": False, "pad": False})
    return Outcome(
        judged(apart < 1e-7),
        f"{_FEW} drawn spins one by one against their large spins, in mean field, to t = 20; "
        "error: largest difference of overlaps, photons and ⟨σx⟩.",
        value=apart,
        expected=0.0,
        error=apart,
    )


@claim(
    "orthogonal",
    "Over the large spins the patterns are orthogonal: Σ_k f_μk f_νk = 2^(M−1) δ_μν.",
    "Suppl., Eq. (S26)",
)
def orthogonal(_: Findings) -> Outcome:
    worst = 0.0
    for modes in range(1, 7):
        model = RandomDicke(Binary(1.0), 2, modes, frequencies=1.0).thermodynamic()
        problem = reduce(model, ProductState.polarized("+z"), bright=False, pad=False)
        f = np.sign(problem.couplings)
        assert set(map(tuple, f)) == {
            (1.0, *r) for r in itertools.product((1, -1), repeat=modes - 1)
        }
        worst = max(worst, float(np.abs(f.T @ f - 2 ** (modes - 1) * np.eye(modes)).max()))
    return Outcome(
        judged(worst == 0),
        "All rows of signs, M = 1 … 6, exactly. Drawn patterns are orthogonal only up to "
        "1/√N_sp, see `finite`.",
        value=worst,
        expected=0.0,
        error=worst,
    )


@claim(
    "overlap_groups",
    "The overlap is the mean of f_μk times the magnetisation of the large spins, all with the "
    "same weight.",
    "p. 4, below the definition of ξ",
)
def overlap_groups(_: Findings) -> Outcome:
    """Equal weights against the true ones, for drawn counts: they differ by order 1/√N."""
    modes, sizes, scaled = 4, (10**3, 10**5), []
    magnetisation = np.random.default_rng(0).uniform(-1, 1, 2 ** (modes - 1))
    for spins in sizes:
        worst = 0.0
        for draw in range(8):
            ensemble = RandomDicke(Binary(1.0), spins, modes, frequencies=1.0)
            model = ensemble.draw(seed=4, realization=draw)
            problem = reduce(model, ProductState.pattern(0), bright=False, pad=False)
            f = np.sign(problem.couplings).T
            z = magnetisation[problem.spin_lift.group] * problem.spin_lift.sign
            true = model.pattern_matrix @ z / spins
            worst = max(worst, float(np.abs(f @ magnetisation / len(f.T) - true).max()))
        scaled.append(worst * np.sqrt(spins))
    return Outcome(
        judged(max(scaled) < 10 and scaled[1] < 5 * scaled[0]),
        f"Random magnetisations of the groups in 8 draws of {sizes[0]} and {sizes[1]} spins. "
        "Error: largest difference from the true overlap in the larger. It falls as 1/√N_sp "
        f"(value: times √N_sp, {scaled[0]:.2f} in the smaller), so the formula holds at leading "
        "order.",
        value=scaled[1],
        error=scaled[1] / np.sqrt(sizes[1]),
    )


CLAIMS = (
    gauge,
    groups_gauge,
    groups_plain,
    groups_values,
    sizes_gauge,
    sizes_values,
    large_spins,
    orthogonal,
    overlap_groups,
)
