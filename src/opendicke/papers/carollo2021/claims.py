"""Every sentence of carollo2021 that can be tested, in the order of the paper."""

from __future__ import annotations

from opendicke.papers.carollo2021.claims_of_equations import CLAIMS as EQUATIONS
from opendicke.papers.carollo2021.claims_of_mapping import CLAIMS as MAPPING
from opendicke.papers.carollo2021.claims_of_retrieval import CLAIMS as RETRIEVAL
from opendicke.papers.carollo2021.claims_of_stability import CLAIMS as STABILITY
from opendicke.papers.carollo2021.claims_of_states import CLAIMS as STATES
from opendicke.papers.carollo2021.claims_of_theorem import CLAIMS as THEOREM
from opendicke.papers.catalogue import Claim


def claims() -> tuple[Claim, ...]:
    """All claims with their tests."""
    return (*MAPPING, *EQUATIONS, *THEOREM, *STATES, *RETRIEVAL, *STABILITY)
