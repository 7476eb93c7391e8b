"""carollo2021: exactness of mean field in open Dicke models, and retrieval of patterns."""

from __future__ import annotations

from opendicke.papers.carollo2021.scales import SCALES
from opendicke.papers.catalogue import Figure, Paper, later

_ROOM = "opendicke.papers.carollo2021"
# Name, title, and the module that computes it. All figures are drawn by the module `figures`.
_FIGURES = (
    ("fig2", "Mapping to large spins, with gauge", "mapping"),
    ("figS1", "Mapping to large spins, without gauge", "mapping"),
    ("figS2", "Mapping to large spins, three coupling values", "mapping"),
    ("fig3a", "Stationary overlap with each pattern", "experiments"),
    ("fig3b", "Stationary occupation of each mode", "experiments"),
    ("windows", "Where retrieval states exist but are unstable", "stability"),
    ("kick", "Where a kicked retrieval state ends", "stability"),
    ("finite", "Finite numbers of spins", "experiments"),
    ("basin", "Flipped spins: kept, not corrected", "experiments"),
    ("diagram", "Phase diagrams", "diagrams"),
    ("theorem", "Deviation of exact dynamics from mean field", "theorem"),
)

# Figure → seconds at the scales `smoke` and `paper`, to tell the cost.
_SECONDS = {
    "fig2": (0.5, 2.0),
    "figS1": (0.1, 1.5),
    "figS2": (0.1, 1.5),
    "fig3a": (13.0, 16.0),
    "fig3b": (0.1, 0.1),  # the same runs as fig3a
    "windows": (0.3, 0.5),
    "kick": (3.0, 3.0),
    "finite": (2.0, 14.0),
    "basin": (6.0, 26.0),
    "diagram": (3.0, 175.0),
    "theorem": (9.0, 480.0),
}

PAPER = Paper(
    name="carollo2021",
    title="Exactness of mean-field equations for open Dicke models (pattern retrieval)",
    reference=(
        "F. Carollo and I. Lesanovsky, *Exactness of mean-field equations for open Dicke models "
        "with an application to pattern retrieval dynamics*, Phys. Rev. Lett. **126**, 230601 "
        "(2021), arXiv:2009.13932"
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
    seconds={"smoke": 17.0, "paper": 20.0},
)
