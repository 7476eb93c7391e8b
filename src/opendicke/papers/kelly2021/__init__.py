"""kelly2021: slow relaxation of disordered spins that couple to active photons."""

from __future__ import annotations

from opendicke.papers.catalogue import Figure, Paper, later
from opendicke.papers.kelly2021.scales import SCALES, SECONDS

_ROOM = "opendicke.papers.kelly2021"
# Name, title, and the module that computes it. All figures are drawn by the module `figures`.
_FIGURES = (
    ("fig1", "Responses over frequency and disorder", "maps"),
    ("fig2_left", "Logarithmic relaxation and the role of the frequency", "relaxations"),
    ("fig2_center", "Power-law relaxation with active photons", "relaxations"),
    ("fig2_right", "The dynamical paramagnet", "relaxations"),
    ("fig3_left", "Responses over modes per spin and frequency", "maps"),
    ("fig3_center", "From subexponential to exponential: slow photons", "relaxations"),
    ("fig3_right", "From subexponential to exponential: fast photons", "relaxations"),
    ("displaced", "A start with displaced photons", "relaxations"),
    ("loss", "Loss of photons", "relaxations"),
    ("elimination", "Photons that follow the spins, and corrections", "elimination"),
    ("paramagnet", "Where the paramagnet settles, and temperatures", "relaxations"),
    ("self_term", "The part of the field that a spin makes itself", "self_term"),
    ("locked", "Oscillations of spins and photons", "numerics"),
    ("steps", "Errors of the time step", "numerics"),
)

PAPER = Paper(
    name="kelly2021",
    title="Active photons and dynamical frustration in cavity QED",
    reference=(
        "S. P. Kelly, A. M. Rey and J. Marino, *Effect of active photons on dynamical frustration "
        "in cavity QED*, Phys. Rev. Lett. **126**, 133603 (2021), arXiv:2012.04660"
    ),
    scales=SCALES,
    figures=tuple(
        Figure(
            name,
            title,
            make=later(f"{_ROOM}.{module}", f"make_{name}"),
            draw=later(f"{_ROOM}.figures", f"draw_{name}"),
            seconds=SECONDS[name],
        )
        for name, title, module in _FIGURES
    ),
    claims=later(f"{_ROOM}.claims", "claims"),
    seconds=SECONDS["claims"],
)
