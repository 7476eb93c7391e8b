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
        )
        for name, title, module in _FIGURES
    ),
    claims=later(f"{_ROOM}.claims", "claims"),
)
