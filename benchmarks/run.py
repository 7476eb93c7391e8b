"""All benchmarks: `make bench` prints the tables that benchmarks/README.md holds."""

from __future__ import annotations

import diagram
import ensembles
import exact
import kinetic_monte_carlo
import master_equation
import rates
import reduction
import startup
import sweep
import wigner
from timing import header


def main() -> None:
    """Print one Markdown table."""
    print(header(), flush=True)
    for part in (
        startup,
        reduction,
        sweep,
        diagram,
        wigner,
        rates,
        master_equation,
        kinetic_monte_carlo,
        exact,
        ensembles,
    ):
        for row in part.rows():
            print(row, flush=True)


if __name__ == "__main__":
    main()
