"""A paper to begin with: coherence of spins at zero field. How to go on: see CONTRIBUTING."""

from __future__ import annotations

from opendicke.papers._template.scales import SCALES
from opendicke.papers.catalogue import Figure, Paper, later

_ROOM = "opendicke.papers._template"
# Name, title, the module that computes it, and seconds by scale, to tell the cost.
_FIGURES = (
    ("decay", "Decay of coherence at zero field", "experiments", {"smoke": 3.0, "paper": 6.0}),
)

PAPER = Paper(
    name="_template",
    title="Coherence of spins at zero field",
    reference="A. Author, *A title*, Journal **1**, 1 (2000)",
    scales=SCALES,
    figures=tuple(
        Figure(
            name,
            title,
            make=later(f"{_ROOM}.{module}", f"make_{name}"),
            draw=later(f"{_ROOM}.figures", f"draw_{name}"),
            seconds=seconds,
        )
        for name, title, module, seconds in _FIGURES
    ),
    claims=later(f"{_ROOM}.claims", "claims"),
    seconds={"smoke": 1.0, "paper": 1.0},
)
