"""One question put to several methods, and how far their answers lie apart."""

from __future__ import annotations

import math
import time as clock
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from opendicke.errors import InputError, ValidityError, ValidityWarning, nearest, shown
from opendicke.measure.observables import Observable, find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.base import VALIDITY, AbstractMethod, Assessment, Verdict
from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo
from opendicke.methods.rate_equation import RateEquation
from opendicke.model.checks import affordable, choice, integer, seed_of
from opendicke.model.dicke import DickeModel
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.progress import Bar
from opendicke.results.comparison import Answer, check_names, comparison_dataset
from opendicke.results.dataset import describe
from opendicke.solving import check_question, check_times, provenance_of

_EXACT = ("Lindblad", "QuantumJumps")
"""Methods that err only numerically or statistically, the preferred reference first."""
_SAME = 1e-9

Methods = Sequence[AbstractMethod] | Mapping[str, AbstractMethod]
Model = DickeModel | IsingModel
State = ProductState | Ensemble


def compare(
    model: Model,
    state: State,
    times: Any,
    methods: Methods,
    observables: Any = None,
    seed: int = 0,
    *,
    reference: str | int | None = None,
    validity: str = "warn",
    progress: bool | None = None,
) -> xr.Dataset:
    r"""Put the same question to several methods and report how far their answers lie apart.

    For every observable :math:`A` and method m beside the reference r, with standard errors
    :math:`s` and estimated numerical errors :math:`e`,

    .. math::
        \Delta_m = A_m - A_r, \qquad
        \sigma_m = \sqrt{s_m^2 + e_m^2 + s_r^2 + e_r^2}, \qquad
        z_m = \Delta_m / \sigma_m .

    All start from the same spins and the same bosons. `RateEquation` and `KineticMonteCarlo` start
    from bosons that are stationary for a configuration, so beside other methods the state must ask
    for these.

    Parameters
    ----------
    model, state, times, seed, progress
        As in `solve`, times in units of 1/energy. Methods of one class draw different random
        numbers, the first of them those of `solve`.
    methods : list of methods, or dict of label → method
        At least two. Labels are the names of the classes, "MeanField", and "MeanField (2)" for the
        second of a class, unless a dict gives others.
    observables : list of names, optional
        What is asked; every method must offer it. By default what all methods answer by default.
    reference : str or int, optional
        Label or number of the method that the others are compared with. By default the first
        `Lindblad`, else the first `QuantumJumps`, else the first method, of those that answer.
    validity : {"warn", "refuse", "ignore"}
        What to do where a method says that its answer would be meaningless: "warn" asks anyway,
        "refuse" leaves its values NaN, "ignore" asks without a word. Other methods are asked in
        any case.

    Returns
    -------
    xarray.Dataset
        With the dimension `solver`, then `time`, then those of the observable, for each NAME asked:
        NAME, `NAME_stderr` where a method is stochastic (0 for the others), `NAME_difference`,
        `NAME_difference_stderr` and `NAME_z` (NaN where the error is 0, as for the reference, and
        where all trajectories of a method agree, so that their spread says nothing). For each
        method: `verdict` and `verdict_reason`, `status` (0 where it refused or failed, with
        the message in its attribute), `seconds`, `estimated_error` (absolute for observables below
        1, else relative to the largest value; NaN where the method gives none, which counts as 0).
        The attribute `reference` is its label.

    Raises
    ------
    InputError
        If an argument is not what it must be, for any of the methods, before anything is computed.
    ValidityError
        If every method refuses.
    """
    times = check_times(times)
    choice("validity", validity, VALIDITY)
    named = _labelled(methods)
    if reference is not None:
        reference = _found(reference, list(named))
    asked = _asked(model, state, named, observables)
    check_names(asked)
    _check_annealing(named)
    states = {label: _start(model, state, label, named) for label in named}
    keys = _keys(named, seed_of(seed))
    numbers = sum(math.prod(item.shape(model)) for item in asked)
    what = f"{len(named)} methods at {len(times)} times of {numbers} numbers"
    affordable("observables", what, 8 * 5 * len(named) * len(times) * numbers)
    reduced = {id(each): reduce(model, each) for each in states.values()}
    problems = {label: reduced[id(states[label])] for label in named}
    verdicts = {}
    for label, method in named.items():
        try:
            verdicts[label] = method.assess(problems[label], times)
        except InputError as error:
            raise _naming(label, method, error) from None
    refused, notes = _judged(verdicts, validity)
    for note in notes:
        warnings.warn(note, ValidityWarning, stacklevel=2)
    if len(refused) == len(named):
        raise ValidityError(" ".join(refused.values()))
    answers: dict[str, Answer] = {}
    errors: list[Exception] = []
    start = clock.perf_counter()
    with Bar("Comparison", enabled=progress) as bar:
        for number, (label, method) in enumerate(named.items()):

            def ask(
                method: AbstractMethod = method, label: str = label, number: int = number
            ) -> Raw:
                def report(share: float, text: str) -> None:
                    bar((number + share) / len(named), f"{label}: {text}")

                return method.run_many([problems[label]], times, asked, [keys[label]], report)[0]

            answers[label] = _answer(ask, verdicts[label], refused.get(label), errors)
    if errors and all(answer.raw is None for answer in answers.values()):
        raise errors[0]
    for label, answer in answers.items():
        if label not in refused and (answer.raw is None or answer.raw.status is not Status.OK):
            warnings.warn(f"{label}: {answer.message}.", ValidityWarning, stacklevel=2)
    chosen = _reference(named, answers) if reference is None else reference
    if answers[chosen].raw is None:
        told = f"{chosen}, the reference, gave no answer: there are no differences."
        warnings.warn(told, ValidityWarning, stacklevel=2)
    devices = [named[label].device() for label, answer in answers.items() if answer.raw is not None]
    provenance = provenance_of(
        describe({"model": model, "state": state, "methods": named}),
        device="; ".join(dict.fromkeys(devices)),
        seed=seed_of(seed),
        seconds=clock.perf_counter() - start,
    )
    return comparison_dataset(answers, asked, times, model, chosen, provenance)


def _answer(
    ask: Callable[[], Raw], verdict: Assessment, refused: str | None, errors: list[Exception]
) -> Answer:
    """The answer of one method, unless it refuses; what the others find survives its failure."""
    held = verdict.verdict.name.lower(), verdict.reason
    if refused is not None:
        return Answer(None, refused, 0.0, *held)
    start, raw = clock.perf_counter(), None
    try:
        raw = ask()
        message = raw.message
    except Exception as error:
        errors.append(error)
        message = f"failed ({type(error).__name__}): {str(error).rstrip('.')}"
    return Answer(raw, message, clock.perf_counter() - start, *held)


def _labelled(methods: object) -> dict[str, AbstractMethod]:
    """Methods by label, in order."""
    if isinstance(methods, Mapping):
        for label in methods:
            if not isinstance(label, str) or not label.strip():
                raise InputError("methods", "have words as labels", f"had {shown(label)}")
        listed = list(methods.values())
    elif isinstance(methods, Iterable):
        listed = list(methods)
    else:
        raise InputError("methods", "be a list of methods or a dict", f"was {shown(methods)}")
    for method in listed:
        if not isinstance(method, AbstractMethod):
            raise InputError("methods", "hold methods such as MeanField()", f"had {shown(method)}")
    if len(listed) < 2:
        raise InputError("methods", "be at least two", f"were {len(listed)}")
    if isinstance(methods, Mapping):
        return dict(methods)
    named: dict[str, AbstractMethod] = {}
    for number, method in enumerate(listed):
        before = sum(type(other) is type(method) for other in listed[:number])
        name = type(method).__name__
        named[f"{name} ({before + 1})" if before else name] = method
    return named


def _found(reference: object, labels: list[str]) -> str:
    """The label of a method by label or number."""
    if isinstance(reference, str):
        if reference not in labels:
            raise InputError("reference", "be one of the methods", nearest(reference, labels))
        return reference
    number = integer("reference", reference)
    if number >= len(labels):
        raise InputError("reference", f"be below {len(labels)}", f"was {number}")
    return labels[number]


def _reference(named: Mapping[str, AbstractMethod], answers: Mapping[str, Answer]) -> str:
    """The first exact method that gave numbers, else the first that did, else the first."""
    ended = [Status.OK, Status.NOT_CONVERGED]
    good = [k for k, each in answers.items() if each.raw is not None and each.raw.status in ended]
    for name in _EXACT:
        for label in good:
            if type(named[label]).__name__ == name:
                return label
    return next(iter([*good, *named]))


def _asked(
    model: Model, state: State, named: Mapping[str, AbstractMethod], observables: Any
) -> tuple[Observable, ...]:
    """The observables, offered by all methods, each of which admits the question."""
    if observables is not None:
        observables = [item.name for item in find_observables(observables)]
    each = []
    for label, method in named.items():
        try:
            each.append(check_question(model, state, method, observables))
        except InputError as error:
            known = isinstance(model, Model) and isinstance(state, State)
            raise (_naming(label, method, error) if known else error) from None
    shared = tuple(item for item in each[0] if all(item in other for other in each))
    if not shared:
        listed = [
            f"{k} {', '.join(i.name for i in own)}" for k, own in zip(named, each, strict=True)
        ]
        raise InputError(
            "observables",
            "be named where methods have none in common by default",
            f"was left out ({'; '.join(listed)})",
        )
    return shared


def _naming(label: str, method: AbstractMethod, error: InputError) -> InputError:
    """The same sentence, with the method that it is about where it does not say so itself."""
    if label == type(method).__name__ and label in str(error):
        return error
    return InputError(error.argument, error.requirement, f"{error.received} (asked of {label})")


def _check_annealing(named: Mapping[str, AbstractMethod]) -> None:
    """Refuse a field or damping that changes in time for some methods and not for others."""
    courses = [
        method.annealing if isinstance(method, KineticMonteCarlo) else None
        for method in named.values()
    ]
    for label, course in zip(named, courses, strict=True):
        if course is not None and any(other != course for other in courses):
            raise InputError(
                "methods", "be asked the same question", f"{label} anneals and another does not"
            )


def _start(model: Model, state: State, label: str, named: Mapping[str, AbstractMethod]) -> State:
    """The state for one method: bosons of the rate dynamics are the same for all, or an error."""
    kinds = (RateEquation, KineticMonteCarlo)
    if not isinstance(named[label], kinds):
        return state
    assert isinstance(model, DickeModel)
    assert isinstance(state, ProductState)
    vectors, displacement, occupation = state.resolve(model)
    rate = model.damping / 2 + 1j * model.frequencies
    moving = rate != 0
    force = vectors[:, 2] @ model.couplings
    settled = np.divide(-1j * force, rate, out=np.zeros(model.modes, complex), where=moving)
    apart = np.abs(displacement - settled) + np.abs(occupation - model.stationary_occupation)
    other = apart > _SAME * (1 + np.abs(settled) + model.stationary_occupation)
    open_ = model.couplings.any(axis=1) & (np.abs(vectors[:, 2]) < 1 - _SAME)
    if not other.any() and not open_.any():
        alike = moving.all() and state.bosons != "stationary"
        same = replace(state, bosons="stationary", displacement=0.0, occupation=0.0)
        return same if alike else state
    if all(isinstance(method, kinds) for method in named.values()):
        return state  # they start alike, whatever the state asks
    if open_.any():
        spin = int(np.argmax(open_))
        raise InputError(
            "state",
            f'have every spin along ±{model.coupling_axis} and bosons="stationary" beside {label}, '
            "which starts from bosons that are stationary for one configuration",
            f"spin {spin} has the mean {vectors[spin, 2]:.3g} along this axis",
        )
    raise InputError(
        "state",
        f'have bosons="stationary" beside {label}, which starts from these',
        f"mode {int(np.argmax(other))} starts otherwise",
    )


def _keys(named: Mapping[str, AbstractMethod], seed: int) -> dict[str, tuple[int, int]]:
    """Methods of one class draw different numbers: errors add in quadrature."""
    listed = list(named.items())
    return {
        label: (seed, sum(type(other) is type(method) for _, other in listed[:number]))
        for number, (label, method) in enumerate(listed)
    }


def _judged(verdicts: Mapping[str, Assessment], validity: str) -> tuple[dict[str, str], list[str]]:
    """The methods that refuse, with their sentences; what the user is warned of."""
    refused, notes = {}, []
    for label, found in verdicts.items():
        sentence = f"{label} is {found.verdict.name.lower()} here: {found.reason}."
        if found.verdict is Verdict.INVALID and validity == "refuse":
            refused[label] = sentence
            notes.append(f"{sentence} It gives no answer.")
        elif validity != "ignore":
            notes += [sentence] if found.verdict is not Verdict.VALID else []
            notes += [f"{label}: {remark}." for remark in found.remarks]
    return refused, notes
