"""The front door for one model: ask one method one question."""

from __future__ import annotations

import math
import time as clock
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from opendicke.errors import InputError, ValidityWarning, shown
from opendicke.measure.raw import Raw, Status
from opendicke.methods.auto import Auto, named_method
from opendicke.methods.base import VALIDITY, AbstractMethod, Assessment, enforce
from opendicke.model.checks import affordable, choice, seed_of
from opendicke.model.dicke import DickeModel
from opendicke.model.disorder import RandomDicke
from opendicke.model.ensemble import Ensemble
from opendicke.model.ising import IsingModel
from opendicke.model.reduce import reduce
from opendicke.model.state import ProductState
from opendicke.progress import Bar
from opendicke.questions import check_answers as check_answers
from opendicke.questions import check_question as check_question
from opendicke.questions import check_times as check_times
from opendicke.results.dataset import describe, to_dataset

if TYPE_CHECKING:
    from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo
    from opendicke.methods.truncated_wigner import TruncatedWigner


def solve(
    model: DickeModel | IsingModel,
    state: ProductState | Ensemble,
    times: Any,
    method: AbstractMethod | Literal["auto"],
    observables: Any = None,
    seed: int = 0,
    *,
    validity: str = "refuse",
    progress: bool | None = None,
) -> xr.Dataset:
    """Follow a model in time by one method.

    Parameters
    ----------
    model : DickeModel or IsingModel
        What is simulated.
    state : ProductState or Ensemble
        From where; it is the state at `times[0]`. `TruncatedWigner` also goes on from an ensemble
        of trajectories.
    times : array (T,)
        Strictly increasing output times, in units of 1/energy.
    method : AbstractMethod
        How, for instance `MeanField()`; or "auto", for the cheapest method that holds, as `advise`
        suggests it (`Auto` takes another error than 0.05). What was chosen is said on standard
        error, unless `progress` is False, and in the attributes `method_choice` and
        `method_target_error`.
    observables : list of names
        What is asked; see `known_observables()`. By default the mean spin and the photons, or
        what of it the method offers.
    seed : int
        For stochastic methods.
    validity : {"refuse", "warn", "ignore"}
        What to do where the method says that it does not hold: "refuse" raises `ValidityError`
        where the answer would be meaningless and warns where it is doubtful.
    progress : bool, optional
        Show a progress bar; by default on terminals, after two seconds.

    Returns
    -------
    xarray.Dataset
        One variable per observable with the dimension `time` and those of the observable, errors
        where the method is stochastic, and provenance in the attributes.

    Raises
    ------
    InputError
        If an argument is not what it must be.
    ValidityError
        If the method refuses.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.1)
    >>> down = od.ProductState.polarized("-z")
    >>> ds = od.solve(model, down, [0.0, 1.0], od.Lindblad(tolerance=1e-4), ["sz", "photons"])
    >>> print(ds.sz.values.round(3))
    [-1.    -0.987]
    """
    times = check_times(times)
    given, chosen = _chosen(model, state, times, method, observables, validity, progress)
    asked = check_question(model, state, given, observables)
    key = (seed_of(seed), 0)
    check_answers(model, asked, times)
    problem = reduce(model, state)
    if not chosen:  # else advice has looked more closely
        enforce(given, given.assess(problem, times), validity)
    start = clock.perf_counter()
    with Bar(type(given).__name__, enabled=progress) as bar:
        raw = given.run_many([problem], times, asked, [key], bar)[0]
    if raw.status is not Status.OK:
        warnings.warn(f"{type(given).__name__}: {raw.message}.", ValidityWarning, stacklevel=2)
    provenance = provenance_of(
        describe({"model": model, "state": state, "method": given}),
        device=given.device(),
        seed=key[0],
        seconds=clock.perf_counter() - start,
    )
    provenance |= chosen
    return to_dataset([raw], {}, asked, times, model, provenance)


def _chosen(
    model: Any,
    state: Any,
    times: Any,
    method: Any,
    observables: Any,
    validity: str,
    progress: bool | None,
) -> tuple[Any, dict[str, Any]]:
    """The method, and what results keep of the choice where it was "auto"."""
    method = named_method(method)
    if not isinstance(method, Auto):
        return method, {}
    choice("validity", validity, VALIDITY)
    from opendicke.advising.asking import advise
    from opendicke.advising.choosing import choice_of

    if isinstance(model, RandomDicke):
        raise InputError("model", "be drawn first (call its `draw`)", f"was {shown(model)}")
    advice = advise(model, state, times, observables, method.target_error)
    made = choice_of(advice, validity, progress)
    return made.method, made.attributes


def trajectories(
    model: DickeModel | IsingModel,
    state: ProductState | Ensemble,
    times: Any,
    method: TruncatedWigner | KineticMonteCarlo,
    observables: Any = None,
    seed: int = 0,
    *,
    validity: str = "refuse",
    progress: bool | None = None,
) -> tuple[xr.Dataset, Any]:
    """Single trajectories of a stochastic method, and where they end.

    Parameters
    ----------
    model, state, times, observables, seed, validity, progress
        As in `solve`, times in units of 1/energy: the mean over trajectories is what `solve` gives.
    method : TruncatedWigner or KineticMonteCarlo
        Its `trajectories` says how many; `target_stderr` does not apply.

    Returns
    -------
    dataset : xarray.Dataset
        Every observable with the dimensions `trajectory`, `time` and its own. Of truncated Wigner
        a single value is a number of phase space, not the outcome of a measurement: photons can be
        negative. Dark parts of degenerate modes enter photons by their averages. Of kinetic Monte
        Carlo it is the value in one configuration.
    last : Ensemble or array (n, N)
        Of truncated Wigner an `Ensemble`, spins and amplitudes at the last time, dark parts drawn,
        from which `solve` and `trajectories` go on. Of kinetic Monte Carlo the configurations at
        the last time, ±1 along the coupling axis, each of which `ProductState.configuration`
        takes.

    Raises
    ------
    InputError
        If an argument is not what it must be, or the answer does not fit the memory.
    ValidityError
        If the method refuses.
    """
    from opendicke.methods.kinetic_monte_carlo import KineticMonteCarlo
    from opendicke.methods.truncated_wigner import TruncatedWigner

    times = check_times(times)
    asked = check_question(model, state, method, observables)
    if not isinstance(method, (TruncatedWigner, KineticMonteCarlo)):
        raise InputError(
            "method", "be TruncatedWigner or KineticMonteCarlo", f"was {shown(method)}"
        )
    if method.target_stderr is not None:
        raise InputError("target_stderr", "be left out", f"was {method.target_stderr:g}")
    for item in asked:
        if item.combine is not None:
            raise InputError(
                "observables",
                "have values along a single trajectory",
                f"`{item.name}` is a function of means",
            )
    count = method.extent(state).most
    each = len(times) * sum(math.prod(item.shape(model)) for item in asked)
    each += 3 * (3 * model.spins + 2 * model.modes)
    what = f"{count} trajectories of {model.spins} spins and {model.modes} modes"
    affordable("trajectories", f"{what} at {len(times)} times", 16 * count * each)
    problem = reduce(model, state)
    enforce(method, method.assess(problem, times), validity)
    start = clock.perf_counter()
    key = (seed_of(seed), 0)
    with Bar(type(method).__name__, enabled=progress) as bar:
        followed = method.follow(problem, times, asked, key, bar)
    provenance = provenance_of(
        describe({"model": model, "state": state, "method": method}),
        device=method.device(),
        seed=key[0],
        seconds=clock.perf_counter() - start,
    )
    status, message, numerics = followed.ending
    if status is not Status.OK:
        warnings.warn(f"{type(method).__name__}: {message}.", ValidityWarning, stacklevel=2)
    raws = [
        Raw(
            {name: values[..., k] for name, values in followed.values.items()},
            status,
            "" if k else message,  # it is the same for all
            numerics,
            followed.labels,
        )
        for k in range(count)
    ]
    grid = {"trajectory": np.arange(count)}
    dataset = to_dataset(raws, grid, asked, times, model, provenance)
    return dataset, followed.last


def stationary(
    model: DickeModel,
    method: AbstractMethod | None = None,
    observables: Any = None,
    *,
    state: ProductState | None = None,
    validity: str = "refuse",
    progress: bool | None = None,
) -> xr.Dataset:
    """The stationary state of a model, found directly and not by waiting for it.

    Parameters
    ----------
    model : DickeModel
        What is simulated.
    method : RateEquation or Lindblad, optional
        How; the rate equation by default. `Lindblad` solves the hierarchy of damped modes.
    observables : list of names
        What is asked, by default what the method does.
    state : ProductState, optional
        Where the system comes from. Needed by `Lindblad` alone, and where equal spins conserve
        their total spin, so that the stationary state depends on it; bosons do not matter.
    validity, progress
        As in `solve`.

    Returns
    -------
    xarray.Dataset
        One variable per observable with its own dimensions, and provenance in the attributes.

    Raises
    ------
    InputError
        If an argument is not what it must be, or the stationary state is not unique.
    ValidityError
        If the method refuses.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.1)
    >>> rest = od.stationary(model, od.Lindblad(tolerance=1e-4), ["photons"])
    >>> print(f"{float(rest.photons):.3f}")
    0.346
    """
    from opendicke.methods.lindblad import Lindblad
    from opendicke.methods.rate_equation import RateEquation

    method = RateEquation() if method is None else method
    if not isinstance(method, (RateEquation, Lindblad)):
        raise InputError("method", "be RateEquation or Lindblad", f"was {shown(method)}")
    times = np.zeros(1)
    # Any start will do where none is given: the verdict's remarks on it are left out.
    start_state = ProductState.polarized("+z") if state is None else state
    asked = check_question(model, start_state, method, observables)
    check_answers(model, asked, times)
    problem = reduce(model, start_state)
    enforce(method, replace(method.assess(problem, times), remarks=()), validity)
    start = clock.perf_counter()
    with Bar("Stationary state", enabled=progress) as bar:
        if isinstance(method, Lindblad):
            raw = method.stationary(problem, asked, bar, chosen=state is not None)
        else:
            raw = method.stationary(problem, asked, bar)
    if raw.status is not Status.OK:
        warnings.warn(f"{type(method).__name__}: {raw.message}.", ValidityWarning, stacklevel=2)
    provenance = provenance_of(
        describe({"model": model, "state": "stationary", "method": method}),
        device=method.device(),
        seed=0,
        seconds=clock.perf_counter() - start,
    )
    return to_dataset([raw], {}, asked, times, model, provenance).isel(time=0, drop=True)


def assess(
    model: DickeModel | IsingModel,
    state: ProductState | Ensemble,
    times: Any,
    method: AbstractMethod,
) -> Assessment:
    """The method's verdict on a question, without solving it.

    Parameters
    ----------
    model, state, times, method
        As in `solve`; times in units of 1/energy.

    Returns
    -------
    Assessment
        `verdict` (VALID, DOUBTFUL or INVALID), `reason`, the deciding `number`, estimated `seconds`
        and `memory` (bytes), and `remarks`.

    Raises
    ------
    InputError
        If an argument is not what it must be.

    Examples
    --------
    >>> import opendicke as od
    >>> model = od.DickeModel([[0.4], [0.7]], frequencies=1.0, loss=0.5, field=0.3)
    >>> found = od.assess(model, od.ProductState.polarized("+z"), [0.0, 10.0], od.MeanField())
    >>> found.verdict.name, found.number
    ('DOUBTFUL', 1.0)
    """
    times = check_times(times)
    check_question(model, state, method, None)
    return method.assess(reduce(model, state), times)


def provenance_of(
    experiment: Mapping[str, Any], *, seed: int, seconds: float, device: str | None = None
) -> dict[str, Any]:
    """The attributes that say where a dataset comes from; JAX's default device by default."""
    if device is None:
        from opendicke.methods.runtime import device_name

        device = device_name()
    return {
        "opendicke_version": version("opendicke"),
        "experiment": experiment,
        "seed": seed,
        "wall_time_seconds": seconds,
        "device": device,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
