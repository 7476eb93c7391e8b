"""Every sentence of kelly2021 that can be tested, in the order of the paper."""

from __future__ import annotations

from opendicke.papers.catalogue import Claim
from opendicke.papers.kelly2021.claims_of_elimination import CLAIMS as ELIMINATION
from opendicke.papers.kelly2021.claims_of_modes import CLAIMS as MODES
from opendicke.papers.kelly2021.claims_of_paramagnet import CLAIMS as PARAMAGNET
from opendicke.papers.kelly2021.claims_of_quenches import CLAIMS as QUENCHES
from opendicke.papers.kelly2021.claims_of_relaxation import CLAIMS as RELAXATION


def claims() -> tuple[Claim, ...]:
    """All claims with their tests."""
    return (*ELIMINATION, *RELAXATION, *PARAMAGNET, *MODES, *QUENCHES)
