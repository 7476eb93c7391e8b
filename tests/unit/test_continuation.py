"""Going on from what is there: more trajectories of stochastic methods, later times of mean field.

The standard is the uninterrupted run with the same resolved numerics.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import opendicke as od
from opendicke.measure.moments import JointMoments, Moments
from opendicke.measure.observables import find_observables
from opendicke.measure.raw import Raw, Status
from opendicke.methods.end_states import MOST_NUMBERS, keeps_end
from opendicke.methods.schedule import Steps, longest_step, step_counts
from opendicke.methods.stochastic import Extent, gather

TIMES = np.array([0.0, 0.3, 0.35, 1.0, 2.0])
KEY = (5, 3)
SAMPLES = np.random.default_rng(8).normal(0.0, 1.0, (5000, 4))


def silent(share: float, text: str) -> None:
    """No report."""


def problem() -> od.Problem:
    """Three spins, two lossy modes, one of them with gain, mixed spins and warm modes."""
    rng = np.random.default_rng(0)
    model = od.DickeModel(
        rng.normal(size=(3, 2)) / 2, [1.0, 1.5], loss=[0.5, 0.7], gain=[0.1, 0.0], field=0.5
    )
    state = od.ProductState.bloch([0.3, 0.1, 0.7], displacement=0.4, occupation=0.2)
    return od.reduce(model, state)


@pytest.fixture
def asked() -> Any:
    """Means, single spins, and a function of means."""
    return find_observables(["sz_spin", "photons", "overlap_variance"])


METHODS = {
    "truncated-wigner": od.TruncatedWigner(trajectories=90, tolerance=0.01, block=8),
    "truncated-wigner-step": od.TruncatedWigner(trajectories=90, step=0.2, block=8),
    "kinetic-monte-carlo": od.KineticMonteCarlo(trajectories=90, block=9),
    "annealed": od.KineticMonteCarlo(
        trajectories=90,
        anneal_times=[0.0, 0.5],
        anneal_field=[1.0, 0.5],
        anneal_damping=[1.0, 2.0],
    ),
    "quantum-jumps": od.QuantumJumps(trajectories=46, tolerance=0.02),
}
every_stochastic_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def stored(raw: Raw) -> Raw:
    """As it comes back from a store: bare numbers, settings by JSON, NaN as null."""
    values: dict[str, Moments | JointMoments] = {}
    for name, each in raw.values.items():
        mean, m2 = np.array(each.mean), np.array(each.m2)
        values[name] = (
            Moments(each.count, mean, m2)
            if isinstance(each, Moments)
            else JointMoments(each.count, mean, m2, lambda *parts: np.nan)
        )
    numerics = {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in raw.numerics.items()
    }
    return Raw(values, raw.status, raw.message, json.loads(json.dumps(numerics)))


def assert_close(found: Raw, expected: Raw) -> None:
    """Equal counts, and moments to round-off."""
    assert found.values.keys() == expected.values.keys()
    for name, value in expected.values.items():
        other = found.values[name]
        assert other.count == value.count
        for one, two in ((other.mean, value.mean), (other.m2, value.m2)):
            np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(other.value, value.value, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(other.stderr, value.stderr, rtol=1e-6, atol=1e-9)


@every_stochastic_method
def test_more_trajectories_equal_an_uninterrupted_run(method: Any, asked: Any) -> None:
    """A few, some, then all: equal to a few and then all at once, to round-off.

    All begin with the same few, whose numerics are those of both.
    """
    given, most = problem(), method.trajectories
    first = few(method, most // 2 - 7).run_many([given], TIMES, asked, [KEY])[0]
    at_once = method.run_many([given], TIMES, asked, [KEY], before=[stored(first)])[0]
    some = few(method, most // 2).run_many([given], TIMES, asked, [KEY], before=[stored(first)])[0]
    pieces = method.run_many([given], TIMES, asked, [KEY], before=[stored(some)])[0]
    assert pieces.numerics["trajectories"] == most
    assert some.numerics["trajectories"] == most // 2
    assert_close(pieces, at_once)
    assert (pieces.status, pieces.message) == (at_once.status, at_once.message)
    for name in ("step", "cutoff", "sampler", "integrator_tolerance", "estimated_error"):
        assert pieces.numerics.get(name) == pytest.approx(first.numerics.get(name), nan_ok=True)
    # The control: had it begun again from the first trajectory, the moments would be others.
    for name, value in some.values.items():
        assert np.abs(value.mean - pieces.values[name].mean).max() > 1e-3


def few(method: Any, trajectories: int) -> Any:
    """The same method for fewer trajectories."""
    return replace(method, trajectories=trajectories)


@every_stochastic_method
def test_fresh_runs_of_fixed_numerics_are_continued_exactly(method: Any, asked: Any) -> None:
    """Where nothing is left to be resolved, fresh runs of all extents are parts of one another."""
    if isinstance(method, od.TruncatedWigner):
        method = replace(method, step=0.2)
    elif isinstance(method, od.QuantumJumps):
        method = replace(method, cutoff=6)
    given = problem()
    at_once = method.run_many([given], TIMES, asked, [KEY])[0]
    some = stored(few(method, 37).run_many([given], TIMES, asked, [KEY])[0])
    found = method.run_many([given], TIMES, asked, [KEY], before=[some])[0]
    assert_close(found, at_once)
    # Those that there were are not made again: what is put into them is found in all.
    marked = {name: replace(each, mean=each.mean + 1.0) for name, each in some.values.items()}
    before = [replace(some, values=marked)]
    found = method.run_many([given], TIMES, asked, [KEY], before=before)[0]
    for name, value in at_once.values.items():
        moved = found.values[name].mean - value.mean
        np.testing.assert_allclose(moved, 37 / method.trajectories, rtol=1e-9, err_msg=name)


@every_stochastic_method
def test_what_is_enough_is_returned_as_it_is(
    method: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trajectory is made where there are as many as asked for, or more."""
    given = problem()
    some = few(method, 33).run_many([given], TIMES, asked, [KEY])[0]

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a trajectory was made")

    for module in ("truncated_wigner", "kinetic_monte_carlo", "quantum_jumps"):
        monkeypatch.setattr(f"opendicke.methods.{module}.gather", never)
    for asked_for in (33, 5):
        again = few(method, asked_for).run_many([given], TIMES, asked, [KEY], before=[some])
        assert again[0] is some
    wide = replace(method, trajectories=10**6, target_stderr=100.0)
    with pytest.raises(AssertionError, match="a trajectory was made"):  # 512 before it is judged
        wide.run_many([given], TIMES, asked, [KEY], before=[some])
    tight = replace(method, trajectories=33, target_stderr=1e-6)
    missed = tight.run_many([given], TIMES, asked, [KEY], before=[some])[0]
    assert missed.status is Status.NOT_CONVERGED
    assert "after 33 trajectories" in missed.message
    assert missed.values == some.values


@every_stochastic_method
def test_an_answer_without_trajectories_is_begun_anew(method: Any, asked: Any) -> None:
    """None, an answer that failed, one of no trajectory: as if nothing were there."""
    given, method = problem(), few(method, 33)
    fresh = method.run_many([given], TIMES, asked, [KEY])[0]
    nothing = {
        name: replace(value, count=0, mean=np.nan * value.mean, m2=np.nan * value.m2)
        for name, value in fresh.values.items()
    }
    befores = [None, Raw({}, Status.FAILED, "it died"), Raw(nothing, Status.NOT_FINITE, "gave up")]
    made = method.run_many([given] * 3, TIMES, asked, [KEY] * 3, before=befores)
    for each in made:
        assert_close(each, fresh)
        assert each.status is fresh.status


@every_stochastic_method
def test_statistics_of_another_question_are_refused(method: Any, asked: Any) -> None:
    """Other observables, other times, other kinds: a sentence, not wrong numbers."""
    given, method = problem(), few(method, 33)
    some = method.run_many([given], TIMES, asked, [KEY])[0]
    more = few(method, 34)
    with pytest.raises(od.InputError, match=r"`before` must hold the statistics of `sx|`sz`"):
        more.run_many([given], TIMES, find_observables(["sz"]), [KEY], before=[some])
    with pytest.raises(od.InputError, match="another shape"):
        more.run_many([given], TIMES[:3], asked, [KEY], before=[some])
    plain = {**some.values, "photons": some.values["photons"].mean}
    with pytest.raises(od.InputError, match="held a ndarray"):
        more.run_many([given], TIMES, asked, [KEY], before=[replace(some, values=plain)])
    uneven = {**some.values, "photons": replace(some.values["photons"], count=1)}
    with pytest.raises(od.InputError, match=r"as many trajectories of each.*\[1, 33\]"):
        more.run_many([given], TIMES, asked, [KEY], before=[replace(some, values=uneven)])


def test_only_what_is_missing_is_made() -> None:
    """The driver asks for trajectories from the first missing one on, and judges all together."""

    def block(first: int, count: int) -> dict[str, Any]:
        asked.append((first, count))
        return {"mean": Moments.of(SAMPLES[first : first + count])}

    for begun, most in [(0, 50), (1, 50), (49, 50), (37, 1000), (50, 50), (80, 50)]:
        asked: list[tuple[int, int]] = []
        before = {"mean": Moments.of(SAMPLES[:begun])} if begun else None
        found = gather(block, Extent(most, None, 8), silent, before=before)
        made = sorted(k for first, count in asked for k in range(first, first + count))
        assert made == list(range(begun, most))
        assert found.trajectories == max(begun, most)
        direct = Moments.of(SAMPLES[: max(begun, most)])
        np.testing.assert_allclose(found.values["mean"].mean, direct.mean, rtol=1e-12)
        np.testing.assert_allclose(found.values["mean"].m2, direct.m2, rtol=1e-11)


@pytest.mark.parametrize("begun", [10, 512, 700])
def test_a_target_is_judged_on_all_trajectories(begun: int) -> None:
    """New ones are few where old ones have brought the error down, and never without need."""
    asked: list[int] = []

    def block(first: int, count: int) -> dict[str, Any]:
        asked.append(count)
        return {"mean": Moments.of(SAMPLES[first : first + count])}

    before = {"mean": Moments.of(SAMPLES[:begun])}
    for target in (0.05, 0.03):
        asked.clear()
        found = gather(block, Extent(None, target, 32), silent, before=before)
        direct = Moments.of(SAMPLES[: found.trajectories])
        assert found.reached
        assert found.worst.error == pytest.approx(float(direct.stderr.max()), rel=1e-9)
        assert found.worst.error <= target
        assert sum(asked) == found.trajectories - begun
    assert found.trajectories > 1000
    asked.clear()
    gather(block, Extent(None, 0.05, 32), silent, before=before)
    assert (sum(asked) == 0) == (begun >= 512)


def test_numbers_of_steps_survive_on_every_grid_of_times() -> None:
    """What is recorded gives back the very counts; the longest step alone does not."""
    rng, alone = np.random.default_rng(1), 0
    for trial in range(400):
        spans = rng.uniform(0, 1, rng.integers(1, 30)) ** rng.integers(1, 6)
        elapsed = np.concatenate([[0.0], np.cumsum(spans)])
        if trial % 4 == 0:
            elapsed = np.linspace(0, rng.uniform(0.1, 50), len(elapsed))
        steps = Steps(float(rng.uniform(0.003, 2)))
        for _ in range(rng.integers(0, 4)):
            before, ratio, more = (
                steps.counts(elapsed),
                int(rng.integers(2, 9)),
                int(rng.integers(2)),
            )
            steps = steps.refined(ratio, more)
            expected = np.where(before > 0, ratio * before + more, 0)
            np.testing.assert_array_equal(steps.counts(elapsed), expected)
        kept = Steps.recorded(json.loads(json.dumps(steps.numerics())))
        counts = steps.counts(elapsed)
        np.testing.assert_array_equal(kept.counts(elapsed), counts)
        alone += bool((step_counts(elapsed, longest_step(elapsed, counts)) != counts).any())
    assert alone > 50


def test_a_search_for_the_step_records_what_it_found() -> None:
    """Steps from pilots on uneven times come back from the numerics of the answer."""
    given, asked = problem(), find_observables(["sz_spin", "photons", "overlap_variance"])
    for tolerance in (0.03, 0.003):
        method = od.TruncatedWigner(trajectories=40, tolerance=tolerance, block=8)
        trajectories = method.prepared(given, TIMES, asked, KEY)
        chosen = method.choose_step(trajectories, TIMES, silent)
        raw = method.run(given, TIMES, asked, KEY)
        kept = Steps.recorded(json.loads(json.dumps(raw.numerics)))
        np.testing.assert_array_equal(kept.counts(TIMES), chosen.counts)


def test_one_trajectory_stays_one_where_all_are_alike() -> None:
    """Closed and pure: the answer is known, whatever number is asked for."""
    model = od.DickeModel([[0.3], [0.2]], 1.0, field=0.5)
    given = od.reduce(model, od.ProductState.polarized("+z"))
    asked, method = find_observables(["sz"]), od.QuantumJumps(trajectories=5, cutoff=6)
    some = method.run(given, TIMES, asked)
    assert some.numerics["trajectories"] == 1
    more = replace(method, trajectories=500)
    assert more.run_many([given], TIMES, asked, [(0, 0)], before=[some])[0] is some


@pytest.mark.parametrize("method", [od.MeanField(), od.RateEquation(), od.Lindblad(1e-4)], ids=str)
def test_other_methods_return_what_is_there(method: Any) -> None:
    """Deterministic answers are complete: those given come back, the others are solved."""
    given, asked = problem(), find_observables(["sz"])
    fresh = method.run(given, TIMES, asked)
    known = Raw({"sz": np.zeros(len(TIMES))}, Status.NOT_CONVERGED, "as it was")
    made = method.run_many([given] * 2, TIMES, asked, [KEY] * 2, before=[known, None])
    assert made[0] is known
    np.testing.assert_allclose(made[1].values["sz"], fresh.values["sz"], atol=1e-10)


# ---- Later times of mean field ----


def lossy(modes: int = 5, equal: bool = False, **settings: Any) -> od.DickeModel:
    """Six spins of which two are alike, modes with loss and gain, one without either."""
    rng = np.random.default_rng(4)
    couplings = rng.normal(size=(6, modes)) / 2
    couplings[3] = couplings[1]
    frequencies = np.full(modes, 1.3) if equal else rng.uniform(0.5, 2.0, modes)
    loss = np.full(modes, 0.6) if equal else np.array([0.6, 0.0, 0.4, 0.9, 0.2])[:modes]
    gain = np.full(modes, 0.2) if equal else np.array([0.2, 0.0, 0.0, 0.3, 0.1])[:modes]
    return od.DickeModel(couplings, frequencies, loss=loss, gain=gain, field=0.4, **settings)


def tilted(seed: int = 0) -> Any:
    vectors = np.random.default_rng(seed).normal(size=(6, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None] * [[0.9], [0.5], [1], [0.3], [1], [1]]


MODELS = {
    "plain": lossy(),
    "axes": lossy(coupling_axis="x", field_axis="y"),
    "dark modes": lossy(9, equal=True),
    "one mode": lossy(1),
    "patterns": od.DickeModel(
        np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 1], [-1, -1]]) * 0.3,
        [1.0, 1.2],
        loss=0.5,
        gain=0.1,
        field=0.4,
    ),
}
STATES = {
    "warm": od.ProductState.bloch(tilted(), displacement=0.3 - 0.4j, occupation=0.7),
    "vacuum": od.ProductState.polarized("+y"),
    "stationary": od.ProductState.bloch(tilted(1), bosons="stationary"),
}
NAMES = ["sx_spin", "sy_spin", "sz_spin", "photons_mode", "quadrature_mode"]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("plain", "warm"),
        ("plain", "stationary"),
        ("axes", "vacuum"),
        ("dark modes", "warm"),
        ("one mode", "stationary"),
        ("patterns", "warm"),
    ],
)
def test_mean_field_goes_on_from_where_it_ended(kind: str, state: str) -> None:
    """To T₁ and on to T₂ as to T₂ at once: spins, photons, quadratures, within the tolerance."""
    model, start = MODELS[kind], STATES[state]
    if state == "stationary" and (model.damping == 0).any():
        model = replace(model, loss=model.loss + 0.1)
    method, times = od.MeanField(1e-8), np.linspace(0.5, 6.5, 13)
    asked = find_observables(NAMES)
    whole = method.run(od.reduce(model, start), times, asked)
    first = method.run(od.reduce(model, start), times[:8], asked)
    assert method.continues
    shapes = {name: np.shape(value) for name, value in first.end.items()}
    count = model.modes
    assert shapes == {"bloch": (6, 3), "displacement": (count, 2), "occupation": (count,)}
    later = method.continued(model, first.end)
    rest = method.run(od.reduce(model, later), times[7:], asked)
    for name, values in whole.values.items():
        np.testing.assert_allclose(rest.values[name], values[7:], atol=5e-8, err_msg=name)
    # The control: from the start again, at these times, it would be another answer.
    again = method.run(od.reduce(model, start), times[7:], asked).values
    assert max(np.abs(again[name] - whole.values[name][7:]).max() for name in NAMES) > 0.1
    assert first.numerics["end_error"] <= 1e-7


def test_end_states_are_those_of_the_equations() -> None:
    """Against DOP853 on single spins and modes, thermal occupations in closed form."""
    model, start = lossy(), STATES["warm"]
    bloch = start.resolve(model).bloch
    force = model.couplings

    def flow(_: float, y: np.ndarray) -> np.ndarray:
        s, a = y[:18].reshape(6, 3), y[18:23] + 1j * y[23:]
        turning = np.zeros((6, 3))
        turning[:, 0], turning[:, 2] = model.field, 2 * force @ a.real
        moved = -(model.damping / 2 + 1j * model.frequencies) * a - 1j * s[:, 2] @ force
        return np.concatenate([(2 * np.cross(turning, s)).ravel(), moved.real, moved.imag])

    y0 = np.concatenate([bloch.ravel(), np.full(5, 0.3), np.full(5, -0.4)])
    y = solve_ivp(flow, (0, 3), y0, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    asked = find_observables(["sz_spin"])
    end = od.MeanField(1e-9).run(od.reduce(model, start), np.array([1.0, 4.0]), asked).end
    np.testing.assert_allclose(end["bloch"] @ model.frame().T, y[:18].reshape(6, 3), atol=1e-7)
    np.testing.assert_allclose(end["displacement"], y[18:].reshape(2, 5).T, atol=1e-7)
    settled = np.divide(model.gain, model.damping, out=np.zeros(5), where=model.damping > 0)
    occupation = settled + (0.7 - settled) * np.exp(-3 * model.damping)
    np.testing.assert_allclose(end["occupation"], occupation, rtol=1e-12)


def test_which_answers_hold_an_end() -> None:
    """Finite models with modes and few numbers; nothing of limits, Ising models and large ones."""
    asked, times = find_observables(["sz"]), np.array([0.0, 0.5])
    up, method = od.ProductState.polarized("+x"), od.MeanField(step=0.1)
    model = lossy()
    assert method.run(od.reduce(model, up), times, asked).end
    limit = od.RandomDicke(od.Binary(1.0), 8, 2, 1.0, loss=1.0, field=0.5).thermodynamic()
    assert not keeps_end(od.reduce(limit, up))
    assert not keeps_end(od.reduce(od.eliminate(lossy()), up))
    sizes = {}
    for spins in (MOST_NUMBERS // 3 - 1, MOST_NUMBERS // 3):
        large = od.DickeModel(np.ones((spins, 1)), 1.0, loss=1.0, field=0.5)
        sizes[spins] = keeps_end(od.reduce(large, up))
    assert list(sizes.values()) == [True, False]
    for other in (od.RateEquation(), od.Lindblad(), od.TruncatedWigner(), od.QuantumJumps()):
        assert not other.continues
        with pytest.raises(od.InputError, match="goes on from where it ended, but was"):
            other.continued(model, {})


def test_ends_of_other_models_are_refused() -> None:
    """A state that does not fit the model, or is no state, gets one sentence."""
    asked, method = find_observables(["sz"]), od.MeanField(step=0.1)
    problem = od.reduce(lossy(), od.ProductState.polarized("+x"))
    end = method.run(problem, np.array([0.0, 0.5]), asked).end
    with pytest.raises(
        od.InputError, match=r"`end` must hold `displacement` in the shape \(1, 2\)"
    ):
        method.continued(lossy(1), end)
    with pytest.raises(od.InputError, match=r"`end` must hold `bloch` .* but held none"):
        method.continued(lossy(), {})


def test_vectors_lengthened_by_round_off_are_accepted() -> None:
    """A vector a little longer than 1 keeps its direction and is made 1 long."""
    model, long = lossy(), 1 + 1e-9
    end = {
        "bloch": np.tile([0.6 * long, 0.0, 0.8 * long], (6, 1)),
        "displacement": np.zeros((5, 2)),
        "occupation": np.zeros(5),
    }
    bloch = od.MeanField().continued(model, end).resolve(model).bloch
    lab = bloch @ model.frame()
    np.testing.assert_allclose(lab, np.tile([0.6, 0.0, 0.8], (6, 1)), atol=1e-15)
    shorter = {**end, "bloch": end["bloch"] / 2}
    lab = od.MeanField().continued(model, shorter).resolve(model).bloch @ model.frame()
    np.testing.assert_allclose(np.linalg.norm(lab, axis=1), long / 2, rtol=1e-14)
