"""`advise`: which method holds for a question, why, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from opendicke.advising.judging import opinions
from opendicke.advising.opinions import Advice, Opinion, duration, python_of, size
from opendicke.advising.question import OF_SPINS, Question
from opendicke.display import plural, rounded
from opendicke.errors import InputError, shown
from opendicke.measure.observables import Observable, find_observables
from opendicke.methods.base import Verdict
from opendicke.model.checks import OF_MACHINE, Array, integer, real
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.questions import check_times

TARGET = 0.05
"""Deviation from exact that a valid method promises, by default."""
DRAWS = 3
"""Draws of an ensemble that are looked at, by default."""
_LARGE = 200_000
"""Couplings from which on one draw is looked at."""
_PRACTICAL = 3e7
"""Seconds above which nothing is suggested."""


def advise(
    model: DickeModel | RandomDicke,
    state: ProductState,
    times: Any,
    observables: Any = None,
    target_error: float = TARGET,
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Advice:
    r"""Say of every method whether it holds for a question, why, and what it costs.

    "Valid" is a promise: Pauli expectation values of single spins, their means, and photons over
    max(1, photons) deviate from those of the exact master equation by no more than the stated
    error at all output times. Approximate methods are judged by an estimate of their deviation,
    which no exact solution enters:

    - `MeanField` and `TruncatedWigner` by equations for the covariances of spins and modes, with
      quantum and with classical covariances of a spin with itself (without field: closed forms);
    - `RateEquation` and `KineticMonteCarlo` by second-order perturbation theory in the field, with
      the actual start of the modes, and by how long coherence two flips apart survives;
    - `Lindblad` and `QuantumJumps` by what they need: states after all reductions, time, memory.

    Where methods sample, half of the error is left to four standard errors, and the suggested
    number of trajectories goes with that. Estimates are bounded in cost and depend on no clock and
    no machine; only what fits the memory does.

    Parameters
    ----------
    model : DickeModel or RandomDicke
        Of an ensemble a few draws are looked at, and the worst counts.
    state : ProductState
        The initial state.
    times : array (T,)
        Output times, in units of 1/energy. The promise holds for these.
    observables : list of names, optional
        What will be asked. By default mean spins and photons; without photons among them, and
        nothing else that modes enter, photons do not count.
    target_error : float
        The largest error that a valid method may have, from 0.001 to 0.1.
    seed, draws : int
        Of an ensemble: realizations 0 … draws − 1 of this seed (one alone above 200,000 couplings).

    Returns
    -------
    Advice
        With an opinion on each of the six methods and a suggestion, the cheapest valid one.

    Raises
    ------
    InputError
        If an argument is not what it must be.

    Notes
    -----
    Calibrated against exact solutions of random small models: see the page "Which method holds".
    Equal couplings up to a sign spoil rates (an addition to fiorelli2020, below Eq. (3)); the error
    of mean field falls as 1/N (carollo2021, Theorem); truncated Wigner turns spins in the field
    that they made themselves (kelly2021's method).

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.02)
    >>> state = od.ProductState.polarized("-z", bosons="stationary")
    >>> advice = od.advise(model, state, [0, 10, 50])
    >>> advice["RateEquation"].verdict.name, advice["MeanField"].verdict.name
    ('VALID', 'INVALID')
    """
    if not isinstance(model, (DickeModel, RandomDicke)):
        raise InputError("model", "be a DickeModel or a RandomDicke", f"was {shown(model)}")
    if not isinstance(state, ProductState):
        raise InputError("state", "be a ProductState", f"was {shown(state)}")
    times = check_times(times)
    target = check_target(target_error)
    asked = None if observables is None else find_observables(observables)
    count = integer("draws", draws, least=1)
    number = integer("seed", seed)
    if isinstance(model, DickeModel) or not model.couplings.random:
        drawn = [model if isinstance(model, DickeModel) else model.draw(number)]
        note: tuple[str, ...] = ()
    else:
        assert model.spins is not None
        assert model.modes is not None
        if model.spins * model.modes > _LARGE:
            count = 1
        drawn = [model.draw(number, k) for k in range(count)]
        which = "realization 0" if count == 1 else f"realizations 0 to {count - 1}"
        note = (f"Of the ensemble {which} of seed {number} were looked at; the worst counts",)
    every = [judged(each, state, times, asked, target) for each in drawn]
    return concluded(
        merged(every), question_of(drawn[0], times, target), target, (*note, *beyond(asked))
    )


def check_target(value: object) -> float:
    """The error that is to be promised."""
    return real("target_error", value, least=1e-3, most=0.1)


def judged(
    model: DickeModel,
    state: ProductState,
    times: Array,
    asked: tuple[Observable, ...] | None,
    target: float,
) -> tuple[Opinion, ...]:
    """Opinions on one model."""
    question = Question(model, state, reduce(model, state), times, asked, target)
    with np.errstate(all="ignore"):
        return opinions(question)


def beyond(asked: tuple[Observable, ...] | None) -> tuple[str, ...]:
    """A note on what is asked and not part of the promise."""
    names = [item.name for item in asked or () if item.name not in (*OF_SPINS, "photons")]
    if not names:
        return ()
    one = len(names) == 1
    verb, who = ("is", "it was") if one else ("are", "they were")
    return (
        f"{', '.join(names)} {verb} not part of the promise: {who} judged by spins and photons",
    )


def question_of(model: DickeModel, times: Array, target: float) -> str:
    """What was looked at, in words."""
    limit = " in the thermodynamic limit" if model.thermodynamic else ""
    return (
        f"{plural(model.spins, 'spin')}, {plural(model.modes, 'mode')}{limit}; "
        f"{plural(len(times), 'time')} over {times[-1] - times[0]:.4g}; to be valid is "
        f"to deviate from exact by at most the error, {target:g} or less"
    )


def merged(every: Sequence[tuple[Opinion, ...]], factor: float = 1.0) -> tuple[Opinion, ...]:
    """For each method the worst opinion of several models, the mean time, the largest memory.

    Parameters
    ----------
    every
        Opinions on each model.
    factor
        By which the mean time of one model is multiplied: how many there are.
    """
    made = []
    for several in zip(*every, strict=True):
        worst = max(several, key=_badness)
        valid = all(each.valid for each in several)
        errors = [each.error for each in several if each.error is not None]
        times = [each.seconds for each in several if each.seconds is not None]
        sizes = [each.memory for each in several if each.memory is not None]
        reason = worst.reason
        held = sum(each.valid for each in several)
        if len(several) > 1 and 0 < held < len(several):
            reason = f"{reason} (the worst of {len(several)}; it is valid for {held} of them)"
        made.append(
            replace(
                worst,
                reason=reason,
                error=max(errors) if valid else None,
                seconds=float(np.mean(times)) * factor if times else None,
                memory=max(sizes) if sizes else None,
                remarks=tuple(dict.fromkeys(r for each in several for r in each.remarks)),
            )
        )
    return tuple(made)


def _badness(opinion: Opinion) -> tuple[int, float]:
    number = opinion.number if math.isfinite(opinion.number) else math.inf
    return int(opinion.verdict), number


def concluded(
    made: tuple[Opinion, ...], question: str, target: float, notes: tuple[str, ...] = ()
) -> Advice:
    """Advice from opinions: the cheapest method that is valid and answers what is asked."""
    valid = [each for each in made if each.valid and each.seconds is not None]
    useful = [each for each in valid if each.offered] or valid
    practical = [each for each in useful if _seconds(each) <= _PRACTICAL]
    if practical:
        best = min(practical, key=_seconds)
        others = len(valid) - 1
        among = f"the cheapest of {len(valid)} valid methods" if others else "the only valid method"
        cost = f"about {duration(_seconds(best))} and {size(best.memory or 0.0)}"
        sentence = f"Suggestion: {python_of(best.method)}, {among} within {target:g}, {cost}"
        if not best.offered:
            sentence += f"; {best.remarks[-1]}"
        sentence += _too_large(made)
        return Advice(question, made, target, best.method, sentence, notes)
    sentence = f"No method is valid within {target:g}"
    if useful:
        best = min(useful, key=_seconds)
        sentence = (
            f"{best.name} would be valid but take {duration(_seconds(best))}: nothing is suggested"
        )
    doubtful = [each for each in made if each.verdict is Verdict.DOUBTFUL]
    if doubtful:
        known = [each for each in doubtful if math.isfinite(each.number)]
        least = min(known, key=lambda each: each.number) if known else doubtful[-1]
        why = (
            f"an estimated deviation of {rounded(least.number)}"
            if known
            else "no estimate of its error"
        )
        sentence += f". The least doubtful is {least.name}, with {why}"
    return Advice(question, made, target, None, sentence + _too_large(made), notes)


def _too_large(made: tuple[Opinion, ...]) -> str:
    """Which methods were left out for memory, which another machine may have."""
    names = [each.name for each in made if OF_MACHINE in each.reason]
    return f"; {' and '.join(names)} may not fit {OF_MACHINE}" if names else ""


def _seconds(opinion: Opinion) -> float:
    assert opinion.seconds is not None
    return opinion.seconds
