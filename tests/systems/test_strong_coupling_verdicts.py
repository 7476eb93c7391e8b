"""Where methods of flip rates hold: refusal, warnings, remarks, and their numbers.

The deciding number is Λ/W: how fast two configurations that differ by two flips lose their
coherence over the largest rate of a flip. Both are computed here from their formulas.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

import opendicke as od
from opendicke.methods.base import Assessment, Verdict

DOWN = od.ProductState.polarized("-z", bosons="stationary")
TIMES = [0.0, 200.0]
METHODS = [od.RateEquation(), od.KineticMonteCarlo(trajectories=10)]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
LOSS, GAIN = 11.0, 1.0


def pair(*couplings: float, **replaced: Any) -> od.DickeModel:
    """Spins on one mode of frequency 1, as in the reference of two spins."""
    settings: dict[str, Any] = {
        "couplings": np.array(couplings)[:, None], "frequencies": 1.0, "loss": LOSS, "gain": GAIN,
        "field": 0.1,
    }  # fmt: skip
    return od.DickeModel(**settings | replaced)


def decay(difference: float) -> float:
    """Λ = 2 (g_i − g_j)² (loss + gain)/(ω² + Γ²/4)."""
    return 2 * difference**2 * (LOSS + GAIN) / (1 + (LOSS - GAIN) ** 2 / 4)


def rate(g: float, product: float) -> float:
    """W of a spin of coupling g with ΔE = `product`, from its coherence in closed form."""
    z, n = (LOSS - GAIN) / 2 + 1j, GAIN / (LOSS - GAIN)
    energy = 16 * product / (4 + (LOSS - GAIN) ** 2)

    def integrand(t: float) -> float:
        log = 4 * g**2 * n / z**2 * (1 - np.exp(-z * t))
        log += 4 * g**2 * (n + 1) / z.conjugate() ** 2 * (1 - np.exp(-z.conjugate() * t))
        return float(np.exp(log - 4 * g**2 * (2 * n + 1) * (1 / z).real * t + 1j * energy * t).real)

    return 2 * 0.1**2 * quad(integrand, 0, np.inf, epsabs=1e-12, limit=300)[0]


def assessed(model: od.DickeModel, method: Any = METHODS[0], state: Any = DOWN) -> Assessment:
    return od.assess(model, state, TIMES, method)


def warned(call: Callable[[], Any]) -> list[str]:
    """What a call warns of, each in full."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(issubclass(each.category, od.ValidityWarning) for each in caught)
    return [str(each.message) for each in caught]


@every_method
def test_three_pairs(method: Any) -> None:
    """Refusal at (3, 3), doubt at (3, 2.8), silence at (3, 2.5)."""
    verdicts = {}
    for other in (3.0, 2.8, 2.5):
        found = assessed(pair(3.0, other), method)
        verdicts[other] = found.verdict
        largest = max(rate(g, s * 3.0 * other) for g in (3.0, other) for s in (1, -1))
        assert found.number == pytest.approx(decay(3.0 - other) / largest, rel=1e-6)
        assert found.remarks == ()
        assert np.isfinite([found.seconds, found.memory]).all()
    assert verdicts == {3.0: Verdict.INVALID, 2.8: Verdict.DOUBTFUL, 2.5: Verdict.VALID}
    assert assessed(pair(3.0, 2.8), method).number == pytest.approx(7.05, abs=0.005)
    assert assessed(pair(3.0, 2.5), method).number == pytest.approx(38.2, abs=0.05)
    assert assessed(pair(3.0, -3.0), method).verdict is Verdict.INVALID
    assert assessed(pair(3.0, -2.8), method).number == pytest.approx(7.05, abs=0.005)


def test_refusal_and_how_to_ask_anyway() -> None:
    model, method = pair(3.0, 3.0), od.RateEquation()
    with pytest.raises(od.ValidityError, match="RateEquation is not valid here: 2 of 2 spins") as e:
        od.solve(model, DOWN, TIMES, method)
    assert 'validity="ignore" simulates the classical rate dynamics' in str(e.value)
    with pytest.raises(od.ValidityError, match="2 of 2 spins"):
        od.stationary(model)
    with pytest.warns(od.ValidityWarning, match="RateEquation is invalid here: 2 of 2 spins"):
        answered = od.solve(model, DOWN, TIMES, method, validity="warn")
    silent = od.solve(model, DOWN, TIMES, method, validity="ignore")
    np.testing.assert_array_equal(answered.sz, silent.sz)
    assert silent.status == 1
    # z of both relaxes as one by one: two-state processes with the rates of the classical model.
    slow, fast = rate(3.0, 9.0), rate(3.0, -9.0)
    aligned = fast / (slow + fast) + slow / (slow + fast) * np.exp(-2 * (slow + fast) * 200.0)
    energy = od.solve(model, DOWN, TIMES, method, ["ising_energy"], validity="ignore").ising_energy
    lowest = -2 * 9.0 / (1 + (LOSS - GAIN) ** 2 / 4)
    assert float(energy[1]) == pytest.approx(lowest * (2 * aligned - 1), abs=1e-6)


def test_doubt_is_one_warning_and_no_doubt_none() -> None:
    method = od.RateEquation()
    (text,) = warned(lambda: od.solve(pair(3.0, 2.8), DOWN, TIMES, method))
    assert text.startswith("RateEquation is doubtful here: ")
    assert "only 7.05 times" in text
    assert "hold 2 of 2 spins" in text
    assert warned(lambda: od.solve(pair(3.0, 2.5), DOWN, TIMES, method)) == []
    assert warned(lambda: od.stationary(pair(3.0, 2.5))) == []
    assert warned(lambda: od.solve(pair(3.0, 2.8), DOWN, TIMES, method, validity="ignore")) == []
    # A third spin far from both does not count.
    assert "hold 2 of 3 spins" in assessed(pair(3.0, 2.8, 1.5)).reason


@every_method
def test_spins_that_are_driven_while_coherent(method: Any) -> None:
    """h t_L beside 1: how many spins, and the largest number."""
    drive = 0.1 / (2 * 0.3**2 * 12 / 26)
    alone = assessed(pair(0.3), method)
    assert alone.verdict is Verdict.DOUBTFUL
    assert alone.number == pytest.approx(drive, rel=1e-12)
    assert alone.reason.startswith("1 of 1 spins are driven while their coherence lives")
    assert f"up to {drive:.3g} " in alone.reason
    three = assessed(pair(0.3, 3.0, 0.05), method).reason
    assert "2 of 3 spins are driven" in three
    assert f"up to {drive * 36:.3g} " in three
    # Such spins flip fast, so that pairs are in doubt too, and that number decides.
    assert three.startswith("coherences between configurations two flips apart")
    # A negative field drives as much; spins without field do not count.
    signed = pair(0.3, 3.0, 0.05, field=np.array([-0.1, 0.1, 0.0]))
    assert "1 of 3 spins are driven" in assessed(signed, method).reason
    assert assessed(pair(3.0), method).verdict is Verdict.VALID
    assert assessed(pair(3.0), method).number == np.inf
    # The bound is a tenth.
    for factor, verdict in ((0.99, Verdict.VALID), (1.01, Verdict.DOUBTFUL)):
        field = factor * 0.1 * (2 * 3.0**2 * 12 / 26)
        assert assessed(pair(3.0, field=field), method).verdict is verdict


def test_equal_spins_without_field_protect_nothing() -> None:
    """Only spins that flip make superpositions."""
    model = pair(3.0, 3.0, 2.0, field=np.array([0.1, 0.0, 0.1]))
    assert assessed(model).verdict is Verdict.VALID
    assert assessed(pair(3.0, 3.0, field=0.0)).verdict is Verdict.VALID
    counted = pair(3.0, 3.0, 2.0, -2.0, 1.0)
    assert assessed(counted).reason.startswith("4 of 5 spins have the couplings of another")


def test_rows_of_two_modes_are_equal_in_both() -> None:
    both = {"frequencies": [1.0, 2.0], "loss": 3.0, "gain": 1.0}
    for second, verdict in (
        ([1.5, -0.7], Verdict.INVALID),
        ([-1.5, 0.7], Verdict.INVALID),
        ([1.5, 0.7], Verdict.DOUBTFUL),
    ):
        model = od.DickeModel([[1.5, -0.7], second], field=0.1, **both)
        found = assessed(model)
        assert (found.verdict is Verdict.INVALID) == (verdict is Verdict.INVALID), second
        assert (found.number == 0.0) == (verdict is Verdict.INVALID)


@every_method
def test_other_bosons_settle_within_a_time(method: Any) -> None:
    """2/Γ of the slowest mode, and how many flips happen meanwhile."""
    state = od.ProductState.polarized("-z")
    (remark,) = assessed(pair(3.0, 2.5), method, state).remarks
    assert "within a time of about 0.2, " in remark
    mean = (rate(3.0, 7.5) + rate(3.0, -7.5) + rate(2.5, 7.5) + rate(2.5, -7.5)) / 2
    assert f"in which {0.2 * mean:.2g} flips happen" in remark
    two = {"frequencies": [1.0, 2.0, 3.0], "loss": [11.0, 1.5, 0.01], "gain": [1.0, 1.0, 0.0]}
    rows = np.array([[3.0, 0.4, 0.0], [2.5, 0.1, 0.0]])
    slow = assessed(od.DickeModel(rows, field=0.1, **two), method, state)
    assert "within a time of about 200, " in slow.remarks[0]
    displaced = od.ProductState.polarized("-z", displacement=1.0, occupation=0.3)
    assert len(assessed(pair(3.0, 2.5), method, displaced).remarks) == 1
    (text,) = warned(lambda: od.solve(pair(3.0, 2.5), state, TIMES, od.RateEquation()))
    assert text == f"RateEquation: {remark}."


@every_method
@pytest.mark.parametrize("direction", ["+x", "-y"])
def test_spins_across_the_axis_lose_their_coherence(method: Any, direction: str) -> None:
    state = od.ProductState.polarized(direction, bosons="stationary")
    (remark,) = assessed(pair(3.0, 2.5), method, state).remarks
    assert "across the coupling axis" in remark
    assert "coherence is left out" in remark
    vacuum = od.ProductState.polarized(direction)
    assert len(assessed(pair(3.0, 2.5), method, vacuum).remarks) == 2
    turned = pair(3.0, 2.5, coupling_axis=direction[1], field_axis="z")
    assert assessed(turned, method, state).remarks == ()
    # A mixture along the axis has no coherence to lose.
    mixed = od.ProductState.bloch([0.0, 0.0, 0.3], bosons="stationary")
    assert assessed(pair(3.0, 2.5), method, mixed).remarks == ()


def test_tables_are_judged_where_they_are_used() -> None:
    """Of the fields and dampings between the first and the last time the worst decides."""
    model = pair(3.0, 2.8)

    def judged(end: float, **tables: Any) -> Assessment:
        method = od.KineticMonteCarlo(trajectories=10, **tables)
        return od.assess(model, DOWN, [0.0, end], method)

    ramp = {"anneal_times": [0.0, 10.0], "anneal_field": [0.5, 1.0]}
    early, late = judged(5.0, **ramp), judged(20.0, **ramp)
    assert (early.verdict, late.verdict) == (Verdict.VALID, Verdict.DOUBTFUL)
    assert early.number == pytest.approx(4 * late.number, rel=1e-9)
    assert late.number == pytest.approx(7.05, abs=0.005)
    cooled = judged(20.0, anneal_times=[0.0], anneal_damping=[0.01])
    expected = assessed(pair(3.0, 2.8, loss=GAIN + 0.1))
    assert (cooled.verdict, cooled.reason) == (expected.verdict, expected.reason)
    off = judged(20.0, anneal_times=[0.0], anneal_field=[0.0])
    assert (off.verdict, off.reason) == (Verdict.VALID, "no spin is driven")
    equal = od.KineticMonteCarlo(trajectories=10, anneal_times=[0.0, 1.0], anneal_field=[0.0, 1.0])
    assert od.assess(pair(3.0, 3.0), DOWN, TIMES, equal).verdict is Verdict.INVALID


def test_cost_grows_with_spins_and_times() -> None:
    rng = np.random.default_rng(0)
    few, many = (assessed(pair(*rng.uniform(1, 3, n))) for n in (8, 18))
    assert many.memory == (18 * 2**17 + 10 * 2**18) * 8
    assert many.seconds > 10 * few.seconds
    chains = METHODS[1]
    short, long = (od.assess(pair(3.0, 2.5), DOWN, [0.0, t], chains) for t in (1e5, 1e8))
    assert long.seconds > 300 * short.seconds


def limit() -> od.DickeModel:
    return od.RandomDicke(od.Binary(1.0), 8, 2, frequencies=1.0, loss=1.0).thermodynamic()


REFUSED: list[tuple[Any, str]] = [
    (lambda: od.eliminate(pair(3.0, 2.5)), "lossy modes for {}: .* but was an IsingModel"),
    (limit, "finitely many spins for {}, but was a thermodynamic limit"),
    (lambda: pair(3.0, 2.5, loss=0.0, gain=0.0), "loss in every mode .* mode 0 has loss=0"),
    (lambda: pair(3.0, 0.0, 2.5), "couple every spin .* but spin 1 has field 0.1 and no coupling"),
]


@every_method
@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_models_without_flip_rates(method: Any, make: Any, words: str) -> None:
    model = make()
    state = od.ProductState.polarized("-z")
    for validity in ("refuse", "ignore"):
        with pytest.raises(od.InputError, match=words.format(type(method).__name__)) as caught:
            od.solve(model, state, TIMES, method, ["sz"], validity=validity)
        assert caught.value.argument == "model"
    if method is METHODS[0]:
        with pytest.raises(od.InputError, match=words.format("RateEquation")):
            od.stationary(model, observables=["sz"])


def test_what_does_not_couple_need_not_lose() -> None:
    """A still mode and a spin without field stand apart."""
    rows = np.array([[3.0, 0.0], [2.5, 0.0], [0.0, 0.0]])
    model = od.DickeModel(
        rows, [1.0, 2.0], loss=[LOSS, 0.0], gain=[GAIN, 0.0], field=[0.1, 0.1, 0.0]
    )
    names = ["sz_spin", "photons_mode", "quadrature_mode"]
    ds = od.solve(model, DOWN, TIMES, od.RateEquation(), names)
    alone = od.solve(pair(3.0, 2.5), DOWN, TIMES, od.RateEquation(), names)
    np.testing.assert_allclose(ds.sz_spin[:, :2], alone.sz_spin, atol=1e-8)
    np.testing.assert_allclose(ds.sz_spin[:, 2], -1.0, atol=1e-8)
    np.testing.assert_allclose(ds.photons_mode[:, 0], alone.photons_mode[:, 0], atol=1e-7)
    np.testing.assert_array_equal(ds.photons_mode[:, 1], 0.0)


def test_too_many_spins() -> None:
    model = pair(*np.linspace(1, 3, 27))
    words = "at most 26 spins for RateEquation, .*KineticMonteCarlo.*, but had 27"
    with pytest.raises(od.InputError, match=words):
        od.solve(model, DOWN, TIMES, od.RateEquation(), ["sz"])
    od.KineticMonteCarlo().admits(model, DOWN)


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is computed, with what would be needed."""
    from opendicke.model import checks

    monkeypatch.setattr(checks, "machine_memory", lambda: 2**20)
    with pytest.raises(od.InputError, match=re.escape("rates of 16 spins in all configurations")):
        od.solve(pair(*np.linspace(1, 3, 16)), DOWN, TIMES, od.RateEquation(), ["sz"])


@pytest.mark.parametrize("method", [od.MeanField(), METHODS[1], "rate-equation"], ids=str)
def test_only_two_methods_find_stationary_states(method: Any) -> None:
    sentence = "Argument `method` must be RateEquation or Lindblad, but was"
    with pytest.raises(od.InputError, match=sentence):
        od.stationary(pair(3.0, 2.5), method)


@pytest.mark.parametrize("wrong", [0.0, -1e-3, 1e-13, 0.2, np.nan, "1e-8", None])
def test_bad_tolerances(wrong: Any) -> None:
    with pytest.raises(od.InputError, match="Argument `tolerance` must "):
        od.RateEquation(tolerance=wrong)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
@pytest.mark.parametrize("name", ["sx", "sy_spin", "energy", "spin_squeezing"])
def test_wrong_observables(method: Any, name: str) -> None:
    with pytest.raises(od.InputError, match='coupling axis "z"') as caught:
        od.solve(pair(3.0, 2.5), DOWN, TIMES, method, [name])
    assert caught.value.argument == "observables"
    if method is METHODS[0]:
        with pytest.raises(od.InputError, match='coupling axis "z"'):
            od.stationary(pair(3.0, 2.5), observables=["sz", name])
