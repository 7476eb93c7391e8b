"""Every sentence of the paper that can be tested, in its order."""

from __future__ import annotations

import numpy as np

from opendicke.methods.lindblad import Lindblad
from opendicke.papers._template.experiments import START, model_of, times_of
from opendicke.papers._template.theory import decay
from opendicke.papers.catalogue import Claim, Findings, Outcome, claim, judged
from opendicke.solving import solve


@claim("closed_form", "At zero field the coherence is known in closed form.", "p. 1, Eq. (1)")
def closed_form(findings: Findings) -> Outcome:
    """Beside the exact solution in a Fock basis."""
    parameters = findings.scale.parameters["decay"]
    times, loss = times_of(parameters), parameters["losses"][0]
    exact = solve(model_of(parameters, loss), START, times, Lindblad(), ["sx_spin"])
    formula = decay(times, np.array(parameters["couplings"]), parameters["frequency"], loss)
    apart = float(np.abs(exact["sx_spin"].values - formula).max())
    return Outcome(
        judged(apart < 1e-4),
        f"Against the exact solution of two spins at loss {loss:g} (error: largest difference).",
        error=apart,
    )


@claim("wigner", "Truncated Wigner gives this decay.", "p. 2")
def wigner(findings: Findings) -> Outcome:
    """The largest difference, and whether the field of a spin on itself explains it."""
    data = findings("decay")
    apart = np.abs(data["coherence"] - data["exact"])
    stderr = data["coherence_stderr"].where(data["time"] > 0, drop=True)
    scores = (data["coherence"] - data["with_own_field"]) / stderr
    return Outcome(
        judged(bool((apart <= 5 * data["coherence_stderr"]).all())),
        "It differs from the exact decay (value: largest difference, of standard errors of "
        f"{float(stderr.max()):.2g}), since each spin feels the field that it made itself: with "
        f"that, the difference is {float(np.abs(scores).max()):.1f} standard errors at most.",
        value=float(apart.max()),
        expected=0.0,
        error=float(stderr.max()),
    )


def claims() -> tuple[Claim, ...]:
    """All claims with their tests."""
    return (closed_form, wigner)
