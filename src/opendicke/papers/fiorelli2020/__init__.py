"""fiorelli2020: spins strongly coupled to a damped mode flip at rates; where these rates hold."""

from __future__ import annotations

from opendicke.papers.catalogue import Figure, Paper, later
from opendicke.papers.fiorelli2020.scales import SCALES

_ROOM = "opendicke.papers.fiorelli2020"
# Name, title, and the module that computes it. All figures are drawn by the module `figures`.
_FIGURES = (
    ("fig2a", "Ten spins at large η: towards infinite temperature", "cooling"),
    ("fig2a_inset", "Two spins: exact dynamics and rate equation", "two_spins"),
    ("fig2b", "Ten spins at small η: cooling", "cooling"),
    ("fig2c", "Ratio of rates over the energy of a jump", "asymmetry"),
    ("fig2d", "Ratio of rates over η", "asymmetry"),
    ("fig2e", "Collapse on one inverse temperature", "asymmetry"),
    ("fig3", "Kolmogorov's criterion for two spins and for more", "loops"),
    ("appendix", "A rate, its closed forms, and where these cross", "limits"),
    ("ising", "The fictitious Ising model of large η", "fictitious"),
    ("crowd", "Cooling of many spins", "crowd"),
    ("jumps", "Jumps of energy in both regimes", "jumps"),
)
# Seconds at the scales smoke and paper, see `cost.slowness`.
_SECONDS = {
    "fig2a": (3, 35),
    "fig2a_inset": (10, 180),
    "fig2b": (2, 60),
    "fig2c": (1, 3),
    "fig2d": (1, 5),
    "fig2e": (1, 6),
    "fig3": (1, 30),
    "appendix": (1, 1),
    "ising": (6, 12),
    "crowd": (4, 290),
    "jumps": (1, 6),
}

PAPER = Paper(
    name="fiorelli2020",
    title="Strongly coupled disordered dissipative spin-boson systems",
    reference=(
        "E. Fiorelli, P. Rotondo, F. Carollo, M. Marcuzzi and I. Lesanovsky, *Dynamics of strongly "
        "coupled disordered dissipative spin-boson systems*, Phys. Rev. Research **2**, 013198 "
        "(2020), arXiv:1904.13181"
    ),
    scales=SCALES,
    figures=tuple(
        Figure(
            name,
            title,
            make=later(f"{_ROOM}.{module}", f"make_{name}"),
            draw=later(f"{_ROOM}.figures", f"draw_{name}"),
            seconds=dict(zip(("smoke", "paper"), _SECONDS[name], strict=True)),
        )
        for name, title, module in _FIGURES
    ),
    claims=later(f"{_ROOM}.claims", "claims"),
    seconds={"smoke": 1, "paper": 6},
)
