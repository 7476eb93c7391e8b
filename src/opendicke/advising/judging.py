"""What each method is thought of one question."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from opendicke.advising.off import Off
from opendicke.advising.opinions import Opinion, duration, size
from opendicke.advising.question import Question
from opendicke.display import plural, rounded
from opendicke.errors import InputError
from opendicke.methods.base import AbstractMethod, Assessment, Verdict
from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo, cost_of_chains
from opendicke.methods.lindblad import Lindblad
from opendicke.methods.mean_field import MeanField
from opendicke.methods.quantum_jumps import QuantumJumps
from opendicke.methods.rate_equation import RateEquation
from opendicke.methods.truncated_wigner import TruncatedWigner
from opendicke.model.checks import OF_MACHINE, machine_memory

SAMPLING = 4.0
"""Standard errors that the largest of some hundred means stays below."""
_SHARE = 0.5
"""Of the promised error, what the approximation may take where trajectories are sampled."""
_SHARE_OF_FLIPS = 0.75
"""The same for kinetic Monte Carlo, whose trajectories are cheap."""
_MARGIN = 0.9
"""The same for methods that are not sampled."""
_FLOOR = 0.2
"""No promise is below this share of the target."""
_HOPELESS = 4.0
"""Estimated deviations above this many times the target are called invalid."""
LONGEST = 1e9
"""Seconds from which on a method counts as impossible."""
_ENTANGLED = 2.0
"""1 + S from which on estimates for classical spins may be far too large."""
_NOTICED = 1.05
"""1 + S from which on it is said."""
_DIGITS = 9.0
"""Powers of ten of states of spins from which on nothing exact is asked."""
_FEW = 48
"""Spins up to which methods of flips tell their cost by all rates."""
_NOT_SEEN = "the estimate ends where correlations are no longer small, at time {:.3g}"


def opinions(question: Question) -> tuple[Opinion, ...]:
    """What every method is thought of."""
    judges: tuple[Callable[[Question], Opinion], ...] = (
        _mean_field,
        _truncated_wigner,
        _rate_equation,
        _kinetic_monte_carlo,
        _lindblad,
        _quantum_jumps,
    )
    return tuple(_offering(judge(question), question) for judge in judges)


def _offering(opinion: Opinion, question: Question) -> Opinion:
    """Whether all that is asked is answered."""
    missing = question.missing(opinion.method)
    if not missing:
        return opinion
    if question.asked is None:
        axis = question.model.coupling_axis
        told = f"of spins it gives s{axis} alone"
        return replace(opinion, offered=False, remarks=(*opinion.remarks, told))
    reason = f"it does not answer all that is asked: not {', '.join(missing)}"
    if opinion.seconds is None:
        reason = f"{opinion.reason}; {reason}"
    return replace(
        opinion, verdict=Verdict.INVALID, reason=reason, error=None, offered=False, remarks=()
    )


def _refused(method: AbstractMethod, reason: str, number: float, name: str) -> Opinion:
    return Opinion(method, Verdict.INVALID, reason, number, name, None, None, None)


def _not_asked(method: AbstractMethod, assessment: Assessment) -> Opinion:
    """No estimate where the answers are others than those asked for, as `_offering` will say."""
    seconds, memory = assessment.seconds, assessment.memory
    return Opinion(method, Verdict.INVALID, "", math.nan, "see reason", None, seconds, memory)


def _admitted(method: AbstractMethod, question: Question) -> str | None:
    """Why a method does not take the question, if it does not."""
    try:
        method.admits(question.model, question.state)
    except InputError as error:
        must = f"the {error.argument} must {error.requirement}"
        return f"it does not apply: {must}, but {error.received}"
    return None


def _graded(
    method: AbstractMethod,
    assessment: Assessment,
    estimate: float,
    most: float,
    sampled: float,
    question: Question,
    words: str,
    numbers: dict[str, float],
    certain: bool = True,
) -> Opinion:
    """A verdict from an estimated deviation of which `most` is allowed beside what is sampled.

    Where it is not `certain`, an estimate that is far too large makes a method doubtful only.
    """
    target = question.target
    common = (assessment.seconds, assessment.memory, True, numbers, assessment.remarks)
    name = "estimated deviation from exact"
    if assessment.verdict is Verdict.INVALID:
        return Opinion(
            method,
            Verdict.INVALID,
            assessment.reason,
            assessment.number,
            "see reason",
            None,
            *common,
        )
    if estimate <= most:
        error = min(target - sampled, max(_FLOOR * target, 2 * estimate)) + sampled
        return Opinion(method, Verdict.VALID, words, estimate, name, error, *common)
    verdict = Verdict.DOUBTFUL
    if certain and _HOPELESS * target < estimate < math.inf:
        verdict = Verdict.INVALID
    return Opinion(method, verdict, words, estimate, name, None, *common)


def _deviation(off: Off, question: Question) -> str:
    told = f"spins by {rounded(off.spins)}"
    if question.photons:
        told += f" and photons by {rounded(off.photons)} × max(1, photons)"
    if question.caution >= _NOTICED:
        told += f", taken {rounded(question.caution)} times as spins and modes entangle"
    return told


def _mean_field(question: Question) -> Opinion:
    method = MeanField()
    problem = question.problem
    assessment = method.assess(problem, question.times)
    share = problem.groups / question.model.spins
    numbers = {"rows": float(problem.groups), "spins": float(question.model.spins)}
    if question.model.thermodynamic or not problem.couplings.any():
        words = "it is exact in this limit"
        return _graded(method, assessment, 0.0, 1.0, 0.0, question, words, numbers)
    if question.refused(method):
        return _not_asked(method, assessment)
    off, _, how, whole = question.classical
    estimate = question.worst(off) * question.caution
    spins = question.model.spins
    sizes = (
        f"{spins} spins have {plural(problem.groups, 'different row')} of couplings; its error "
        "falls as 1/N where many share each"
        if spins > 1
        else "its error falls as 1/N, and here is one spin"
    )
    if not math.isfinite(estimate):
        words = f"{_NOT_SEEN.format(question.span)}; {sizes}"
    else:
        words = (
            f"correlations, which it leaves out, move {_deviation(off, question)} ({how}); {sizes}"
        )
    if not whole and estimate <= _MARGIN * question.target:
        estimate = math.inf
        words = f"it may hold, but the times are too long to tell; {words}"
    numbers |= {
        "strength": question.caution - 1,
        "share_of_rows": share,
        "spins_off": off.spins,
        "photons_off": off.photons,
    }
    return _graded(
        method, assessment, estimate, _MARGIN * question.target, 0.0, question, words, numbers
    )


def _trajectories(target: float, share: float, spread: float = 1.0) -> int:
    """Trajectories whose errors are within the share of the target, two digits.

    `spread` is the standard deviation of one of them.
    """
    needed = (SAMPLING * spread / (share * target)) ** 2
    digits = 10.0 ** (math.floor(math.log10(needed)) - 1)
    return max(16, int(math.ceil(needed / digits - 1e-9) * digits))


def _truncated_wigner(question: Question) -> Opinion:
    target = question.target
    method = TruncatedWigner(
        trajectories=_trajectories(target, 1 - _SHARE, question.spread),
        tolerance=min(1e-3, target / 50),
    )
    if (why := _admitted(method, question)) is not None:
        return _refused(method, why, math.nan, "see reason")
    assessment = method.assess(question.problem, question.times)
    if not question.problem.couplings.any():
        words = "it is exact for uncoupled spins and modes"
        sampled = (1 - _SHARE) * target
        return _graded(method, assessment, 0.0, 1.0, sampled, question, words, {})
    if question.refused(method):
        return _not_asked(method, assessment)
    _, off, how, whole = question.classical
    estimate = question.worst(off) * question.caution
    self_term = assessment.number
    told = (
        "a classical spin feels the field that it made itself, here "
        f"{rounded(self_term)} times the others' and the external one"
    )
    if not math.isfinite(estimate):
        words = (
            "correlations become too strong for an estimate of its error, which may still be "
            f"small; {told}"
        )
    else:
        moved = _deviation(off, question)
        words = f"the fields of classical spins on themselves move {moved} ({how}); {told}"
        if question.caution > _ENTANGLED and estimate > _SHARE * target:
            words += "; spins and modes are strongly entangled, so that it may be far less"
    if not whole and estimate <= _SHARE * target:
        estimate = math.inf
        words = f"it may hold, but the times are too long to tell; {words}"
    numbers = {
        "strength": question.caution - 1,
        "self_term": self_term,
        "spins_off": off.spins,
        "photons_off": off.photons,
    }
    clean = replace(assessment, verdict=min(assessment.verdict, Verdict.DOUBTFUL))
    if assessment.reason.startswith("it would need"):
        clean = assessment
    most, sampled = _SHARE * target, (1 - _SHARE) * target
    certain = whole and question.caution <= _ENTANGLED
    return _graded(method, clean, estimate, most, sampled, question, words, numbers, certain)


def _rate_equation(question: Question) -> Opinion:
    return _of_flips(RateEquation(), question, _MARGIN, 0.0)


def _kinetic_monte_carlo(question: Question) -> Opinion:
    target = question.target
    sampled = 1 - _SHARE_OF_FLIPS
    method = KineticMonteCarlo(trajectories=_trajectories(target, sampled))
    return _of_flips(method, question, _SHARE_OF_FLIPS, sampled * target)


def _of_flips(
    method: RateEquation | KineticMonteCarlo, question: Question, share: float, sampled: float
) -> Opinion:
    if (why := _admitted(method, question)) is not None:
        return _refused(method, why, math.nan, "see reason")
    try:
        found = question.flips
    except InputError as error:  # coherence that no table can hold
        reason = f"its rates cannot be had: the {error.argument} must {error.requirement}"
        return _refused(method, f"{reason}, but {error.received}", math.nan, "see reason")
    numbers = {
        "field_times_coherence_time": found.drive,
        "two_flip_decay_over_rate": found.ratio,
        "spins_with_a_twin": float(found.protected),
        "slip": found.slip,
        "start": found.start,
        "pairs": found.pairs,
        "lag": found.lag,
        "photons_off": found.photons,
    }
    if found.protected:
        reason = (
            f"{found.protected} of {question.model.spins} spins have the couplings of another up "
            "to a common sign: flipping both keeps a coherence that never decays"
        )
        return Opinion(
            method,
            Verdict.INVALID,
            reason,
            0.0,
            "decay of two-flip coherence over rate",
            None,
            *_cost_of_flips(method, question),
            True,
            numbers,
        )
    seconds, memory = _cost_of_flips(method, question)
    assessment = Assessment(Verdict.VALID, "", 0.0, seconds, memory, _remarks(question))
    if seconds > LONGEST:
        assessment = replace(
            assessment, verdict=Verdict.INVALID, reason=f"it would take {duration(seconds)}"
        )
    estimate = question.worst(Off(min(found.spins, 2.0), found.photons))
    parts = {
        "field against dephasing": found.slip,
        "components across the coupling axis at the start": found.start,
        "coherence two flips apart": found.pairs,
        "modes that follow flips late": found.lag,
    }
    leading = max(parts, key=lambda name: parts[name])
    if found.rate > 0 and found.spins < 2.0:
        words = (
            f"spins deviate by {rounded(found.spins)}, most of it by {leading} "
            f"({rounded(parts[leading])})"
        )
        if question.photons:
            words += f", photons by {rounded(found.photons)} × max(1, photons)"
    elif found.rate == 0:
        words = "no spin flips"
        if question.photons:
            words += f"; photons deviate by {rounded(found.photons)} × max(1, photons)"
    else:  # more than two numbers between ±1 can be apart
        words = f"second order in the field, which judges rates, fails here (mostly {leading})"
    if found.rate > 0:
        words += f"; field times coherence time is up to {rounded(found.drive)}"
    if math.isfinite(found.ratio):
        words += (
            f", coherence two flips apart decays {rounded(found.ratio)} times as fast as spins flip"
        )
    if found.looked < question.model.spins and found.looked:
        words += f" (rates of {found.looked} spins were looked at)"
    most = share * question.target
    return _graded(method, assessment, estimate, most, sampled, question, words, numbers, False)


def _cost_of_flips(
    method: RateEquation | KineticMonteCarlo, question: Question
) -> tuple[float, float]:
    """Seconds and bytes."""
    if question.model.spins <= _FEW:
        made = method.assess(question.problem, question.times)
        return made.seconds, made.memory
    assert isinstance(method, KineticMonteCarlo)
    spins, most = question.model.spins, method.extent(question.state).most
    return cost_of_chains(most, question.flips.exit * question.span, len(question.times), spins)


def _remarks(question: Question) -> tuple[str, ...]:
    """What the rates hide."""
    model = question.model
    coupled = model.couplings.any(axis=0) & (model.damping > 0)
    narrow = coupled & (np.abs(model.frequencies) > model.damping)
    if not narrow.any() or not question.driven:
        return ()
    weight = 2 * (model.loss + model.gain) / (model.frequencies**2 + model.damping**2 / 4)
    slow = ((model.couplings[:, narrow] ** 2) @ weight[narrow]).min()
    if slow >= np.abs(model.frequencies[narrow]).min():
        return ()
    return (
        "modes turn faster than they lose: sidebands are resolved, rates peak where the energy of "
        "a flip is a multiple of the frequency, and change much with parameters",
    )


def _lindblad(question: Question) -> Opinion:
    tolerance = float(np.clip(question.target / 50, 1e-9, 1e-2))
    method = Lindblad(tolerance=tolerance)
    if question.states > _DIGITS:
        reason = f"it would have to hold 10^{question.states:.0f} states of spins, after reductions"
        return _refused(method, reason, question.states, "digits of the number of states")
    if (why := _admitted(method, question)) is not None:
        return _refused(method, why, math.nan, "see reason")
    return _exact(method, question, 10 * tolerance, "unknowns")


def _quantum_jumps(question: Question) -> Opinion:
    from opendicke.interop.quantum_modes import QuantumModes
    from opendicke.methods.exact_plans import is_pure
    from opendicke.model.collective import SpinSpace

    target = question.target
    tolerance = float(np.clip(target / 50, 1e-9, 1e-2))
    method = QuantumJumps(trajectories=_trajectories(target, _MARGIN), tolerance=tolerance)
    if question.states > _DIGITS:
        reason = f"it would have to hold 10^{question.states:.0f} states of spins, after reductions"
        return _refused(method, reason, question.states, "digits of the number of states")
    if (why := _admitted(method, question)) is not None:
        return _refused(method, why, math.nan, "see reason")
    problem = question.problem
    error = target
    if is_pure(SpinSpace.of(problem), QuantumModes.of(problem)):
        error = 10 * tolerance  # one trajectory is the answer
    return _exact(method, question, error, "states")


def _exact(method: Lindblad | QuantumJumps, question: Question, error: float, name: str) -> Opinion:
    found = method.assess(question.problem, question.times)
    common = found.seconds, found.memory, True, None, ()
    most = machine_memory()
    if found.memory > most:
        reason = (
            f"it may need {size(found.memory)}, with {rounded(found.number)} {name}, and "
            f"{OF_MACHINE} is {size(most)}"
        )
        return Opinion(method, Verdict.DOUBTFUL, reason, found.number, name, None, *common)
    if found.verdict is not Verdict.VALID or not found.seconds <= LONGEST:
        reason = (
            f"it would take about {duration(found.seconds)}, with {rounded(found.number)} {name}"
        )
        return Opinion(method, Verdict.INVALID, reason, found.number, name, None, *common)
    return Opinion(method, Verdict.VALID, found.reason, found.number, name, error, *common)
