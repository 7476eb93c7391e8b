"""Every sentence of fiorelli2020 that can be tested so far, in the order of the paper."""

from __future__ import annotations

from opendicke.papers.catalogue import Claim
from opendicke.papers.fiorelli2020.claims_of_validity import CLAIMS as VALIDITY


def claims() -> tuple[Claim, ...]:
    """All claims with their tests."""
    return VALIDITY
