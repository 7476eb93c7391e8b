"""Every sentence of fiorelli2020 that can be tested, in the order of the paper."""

from __future__ import annotations

from opendicke.papers.catalogue import Claim
from opendicke.papers.fiorelli2020.claims_of_balance import CLAIMS as BALANCE
from opendicke.papers.fiorelli2020.claims_of_cooling import CLAIMS as COOLING
from opendicke.papers.fiorelli2020.claims_of_jumps import CLAIMS as JUMPS
from opendicke.papers.fiorelli2020.claims_of_large_damping import CLAIMS as LARGE
from opendicke.papers.fiorelli2020.claims_of_rates import CLAIMS as RATES
from opendicke.papers.fiorelli2020.claims_of_temperature import CLAIMS as TEMPERATURE
from opendicke.papers.fiorelli2020.claims_of_validity import CLAIMS as VALIDITY


def claims() -> tuple[Claim, ...]:
    """All claims with their tests."""
    return VALIDITY + LARGE + RATES + TEMPERATURE + COOLING + JUMPS + BALANCE
