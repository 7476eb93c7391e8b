"""Comparisons of methods: against closed forms, and what is kept when a method fails.

Without field one mode and any number of spins have a closed form, in which truncated Wigner errs by
a known factor and mean field sees nothing of what happens: their differences are known numbers.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import opendicke as od
from opendicke.comparing import compare
from opendicke.measure.raw import Raw
from opendicke.results.comparison import Answer, comparison_dataset, comparison_table

G, LOSS, GAIN = np.array([0.4, 0.7]), 1.3, 0.3
FREE = od.DickeModel(G[:, None], 1.0, loss=LOSS, gain=GAIN)
PLUS = od.ProductState.polarized("+x")
TIMES = np.array([0.0, 0.5, 1.5])
# Without field the splitting is exact at any step.
WIGNER = od.TruncatedWigner(step=100.0, order=2, trajectories=500, block=500)
NAMES = ["sx_spin", "photons"]
MEAN = od.MeanField(step=100.0)

STRONG = od.DickeModel(np.array([[3.0], [2.5]]), 1.0, loss=11.0, gain=1.0, field=0.1)
DOWN = od.ProductState.polarized("-z", bosons="stationary")
CHAINS = od.KineticMonteCarlo(trajectories=500)
RATES = od.RateEquation()


def closed_form(t: Any) -> tuple[Any, Any]:
    """⟨X_i(t)⟩ of `FREE` from all spins along X and no photons, and φ(t); (T, 2) and (T, 1)."""
    t, z, damping = np.asarray(t)[:, None], (LOSS - GAIN) / 2 + 1j, LOSS - GAIN
    thermal = GAIN / damping
    phi = 2 * np.real(-1j * (t / z - (1 - np.exp(-z * t)) / z**2))
    rising = (t - (1 - np.exp(-z * t)) / z) / z
    fading = (1 - np.exp(-damping * t)) / damping - (1 - np.exp(-z * t)) / z
    lost = np.real((2 * thermal + 1) * rising - 2 * thermal * fading / (z - damping))
    return np.exp(-4 * G**2 * lost) * np.cos(2 * G[0] * G[1] * phi), phi


def quiet(*args: Any, **settings: Any) -> xr.Dataset:
    """Without verdicts, which have tests of their own."""
    return compare(*args, **{"validity": "ignore"} | settings)


def zeros(self: Any, problems: Any, times: Any, asked: Any, *_: Any) -> list[Raw]:
    """Instead of a run."""
    shapes = {item.name: item.shape(problems[0].model) for item in asked}
    return [Raw({name: np.zeros((len(times), *shape)) for name, shape in shapes.items()})]


def test_the_closed_form_is_the_known_one() -> None:
    np.testing.assert_allclose(
        closed_form([1.0])[0], [[0.736443944302, 0.399841092530]], atol=1e-12
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_differences_are_those_of_closed_forms(seed: int) -> None:
    """Mean field stays at 1; truncated Wigner has the exact value times cos(2g²φ)."""
    method = replace(WIGNER, trajectories=40_000)
    ds = quiet(FREE, PLUS, TIMES, [MEAN, method], NAMES, seed)
    exact, phi = closed_form(TIMES)
    expected = exact * np.cos(2 * G**2 * phi) - 1
    difference, error = ds.sx_spin_difference[1, 1:], ds.sx_spin_difference_stderr[1, 1:]
    assert (np.abs(difference - expected[1:]) < 4.5 * error).all()
    assert (np.abs(difference - (exact[1:] - 1)) > 4 * error)[-1, 1], "the factor shows"
    np.testing.assert_allclose(ds.sx_spin_z[1, 1:], difference / error, rtol=1e-14)
    # Every trajectory starts at 1: nothing is known of the error there.
    np.testing.assert_array_equal(ds.sx_spin_difference[1, 0], 0)
    assert ds.sx_spin_z[1, 0].isnull().all()
    # The reference, its own errors and its z.
    assert ds.attrs["reference"] == "MeanField"
    assert not ds.sx_spin_difference[0].any()
    assert not ds.sx_spin_difference_stderr[0].any()
    assert ds.sx_spin_z[0].isnull().all()
    assert not ds.sx_spin_stderr[0].any()
    assert ds.estimated_error.isnull().all(), "steps are given"


def test_the_exact_method_is_the_reference() -> None:
    """The same closed form as what mean field lacks, within the error that both state."""
    ds = compare(FREE, PLUS, TIMES, [od.MeanField(), od.Lindblad()], NAMES, validity="ignore")
    assert ds.attrs["reference"] == "Lindblad"
    lacking = 1 - closed_form(TIMES)[0]
    off = np.abs(ds.sx_spin_difference[0] - lacking)
    assert (off <= ds.sx_spin_difference_stderr[0]).all()
    assert float(ds.sx_spin_difference_stderr.max()) < 1e-5
    assert (ds.sx_spin_z[0, 1:] > 1e4).all()


def test_answers_are_those_of_solve() -> None:
    """The first method of each class draws what `solve` draws."""
    ds = quiet(FREE, PLUS, TIMES, [MEAN, WIGNER], NAMES, seed=3)
    for k, method in enumerate((MEAN, WIGNER)):
        alone = od.solve(FREE, PLUS, TIMES, method, NAMES, seed=3, validity="ignore")
        np.testing.assert_array_equal(ds.sx_spin[k], alone.sx_spin)
        np.testing.assert_array_equal(ds.photons[k], alone.photons)
    np.testing.assert_array_equal(ds.photons_stderr[1], alone.photons_stderr)
    assert ds.photons.attrs == alone.photons.attrs
    assert ds.time.attrs == alone.time.attrs


def test_methods_of_one_class_are_independent() -> None:
    """z of two runs of the same method scatters as a standard normal number, not less."""
    found = [
        quiet(FREE, PLUS, TIMES, [WIGNER, WIGNER], NAMES, seed).sx_spin_z[1, 2]
        for seed in range(40)
    ]
    # 80 numbers, of which the two of a seed may be correlated: within three standard deviations.
    mean_square = float(np.mean(np.square(found)))
    assert abs(mean_square - 1) < 3 * math.sqrt(2 / 40)


def test_numerical_errors_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    """σ² = s² + e² of both, e in units of the largest value where that exceeds 1."""
    run = od.MeanField.run_many

    def with_error(self: od.MeanField, *args: Any) -> Any:
        raws = run(self, *args)
        return [replace(raw, numerics={"estimated_error": 0.01 * self.order}) for raw in raws]

    monkeypatch.setattr(od.MeanField, "run_many", with_error)
    state = replace(PLUS, displacement=3.0)
    methods = [MEAN, replace(MEAN, order=2), WIGNER]
    ds = quiet(FREE, state, TIMES, methods, NAMES, reference=1)
    np.testing.assert_allclose(ds.estimated_error, [0.04, 0.02, np.nan])
    largest = 9.0  # photons at the start, those of all later times being fewer
    assert float(ds.photons[0].max()) == pytest.approx(largest)
    both = largest * math.hypot(0.04, 0.02)
    np.testing.assert_allclose(ds.photons_difference_stderr[0], both)
    sampled = np.hypot(ds.photons_stderr[2], largest * 0.02)
    np.testing.assert_allclose(ds.photons_difference_stderr[2], sampled)
    np.testing.assert_allclose(ds.sx_spin_difference_stderr[0], math.hypot(0.04, 0.02))
    assert not ds.photons_difference_stderr[1].any(), "the reference differs from itself by nothing"
    assert ds.attrs["reference"] == "MeanField (2)"


def test_own_errors_of_mean_field() -> None:
    """Two tolerances: the difference is not larger than the errors that both report."""
    model, state = replace(FREE, field=0.3), od.ProductState.polarized("+z")
    ds = quiet(model, state, TIMES, [od.MeanField(), od.MeanField(tolerance=1e-3)])
    assert 0 < float(ds.estimated_error[1]) < 1e-3
    for name in ("sx", "sy", "sz", "photons"):
        assert float(np.abs(ds[f"{name}_z"]).max()) < 2
        assert f"{name}_stderr" not in ds, "nothing is sampled"


@pytest.mark.parametrize("seed", [0, 1])
def test_rate_equation_and_kinetic_monte_carlo(seed: int) -> None:
    """The same process: differences are within their errors, and not far within."""
    times = np.linspace(0.0, 400.0, 21)
    names = ["sz_spin", "ising_energy", "photons"]
    methods = {"exact": RATES, "drawn": CHAINS}
    ds = compare(STRONG, DOWN, times, methods, names, seed)
    assert list(ds.solver.values) == ["exact", "drawn"]
    assert ds.sel(solver="drawn").equals(ds.isel(solver=1))
    assert ds.attrs["reference"] == "exact"
    z = np.concatenate([ds[f"{name}_z"][1].values.ravel() for name in names])
    assert np.isfinite(z).sum() == 20 * 4
    assert np.nanmax(np.abs(z)) < 5
    assert 0.2 < np.nanmean(z**2) < 3.5
    assert list(ds.verdict.values) == ["valid", "valid"]
    assert list(ds.status.values) == [1, 1]
    assert (ds.seconds > 0).all()


def test_reference_of_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label, a number, or the first exact method; −z with the other one as reference."""
    ask = (STRONG, DOWN, [0.0, 50.0, 100.0], [RATES, CHAINS], ["sz"])
    first, second = compare(*ask), compare(*ask, reference="KineticMonteCarlo")
    assert second.attrs["reference"] == "KineticMonteCarlo"
    np.testing.assert_array_equal(second.sz_z[0], -first.sz_z[1])
    np.testing.assert_array_equal(second.sz_difference_stderr[0], first.sz_difference_stderr[1])
    assert compare(*ask, reference=1).drop_vars("seconds").equals(second.drop_vars("seconds"))
    monkeypatch.setattr(od.MeanField, "run_many", zeros)
    exact = {name: type(name, (od.MeanField,), {})() for name in ("QuantumJumps", "Lindblad")}
    for count, expected in ((1, "MeanField"), (2, "QuantumJumps"), (3, "Lindblad")):
        methods = [MEAN, *exact.values()][:count]
        ds = quiet(FREE, PLUS, TIMES, [*methods, od.MeanField()], ["sx"])
        assert ds.attrs["reference"] == expected


def test_what_is_asked_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all methods answer by default; no photons without modes."""
    names = list(compare(STRONG, DOWN, [0.0, 1.0], [CHAINS, RATES]).data_vars)
    assert [n for n in names if f"{n}_z" in names] == ["sz", "ising_energy", "photons"]
    monkeypatch.setattr(od.MeanField, "run_many", zeros)
    ds = quiet(STRONG, DOWN, [0.0, 1.0], [RATES, MEAN])
    assert [str(n) for n in ds.data_vars if f"{n}_z" in ds] == ["sz", "photons"]
    ising = od.eliminate(FREE)
    ds = quiet(ising, PLUS, [0.0, 1.0], [MEAN, replace(MEAN, order=2)])
    assert [str(n) for n in ds.data_vars if f"{n}_z" in ds] == ["sx", "sy", "sz"]


def test_from_an_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Truncated Wigner goes on from trajectories, in comparisons as well; others do not."""
    last = od.Ensemble(np.ones((500, 2, 3)), np.zeros((500, 1)))
    monkeypatch.setattr(od.TruncatedWigner, "run_many", zeros)
    ds = quiet(FREE, last, TIMES, [WIGNER, WIGNER], ["sz"])
    assert list(ds.solver.values) == ["TruncatedWigner", "TruncatedWigner (2)"]
    with pytest.raises(
        od.InputError, match="`state` must be a ProductState for MeanField, but was Ensemble"
    ):
        compare(FREE, last, TIMES, [WIGNER, MEAN], ["sz"])


# The same start for all.


def test_rate_dynamics_start_from_stationary_bosons() -> None:
    """Beside another method the state must say so; the sentence says how."""
    vacuum = replace(DOWN, bosons="vacuum")
    for method in (RATES, CHAINS):
        expected = (
            r'`state` must have bosons="stationary" beside '
            + type(method).__name__
            + r", which starts from these, but mode 0 starts otherwise\."
        )
        with pytest.raises(od.InputError, match=expected):
            compare(STRONG, vacuum, [0.0, 1.0], [MEAN, method])
    ds = quiet(STRONG, DOWN, [0.0, 1.0], [MEAN, RATES], ["photons"])
    # n̄ + |Σg|²/(ω² + Γ²/4) at the start, for both.
    np.testing.assert_allclose(ds.photons[:, 0], 0.1 + 5.5**2 / 26)


def test_the_same_bosons_in_other_words_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts are amplitudes and occupations, not how the user wrote them."""
    amplitude = 1j * 5.5 / (5 + 1j)
    spelled = od.ProductState.polarized("-z", displacement=amplitude, occupation=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "MeanField is doubtful")
        ds = compare(STRONG, spelled, [0.0, 1.0], [MEAN, RATES], ["photons", "sz"])
    assert float(ds.photons_difference[1, 0]) == pytest.approx(0, abs=1e-12)
    for wrong in ({"displacement": amplitude * 1.001}, {"occupation": 0.101}):
        with pytest.raises(od.InputError, match="`state`"):
            compare(STRONG, replace(spelled, **wrong), [0.0, 1.0], [MEAN, RATES])
    # Forces that cancel leave empty modes empty: the vacuum is stationary.
    model = od.DickeModel([[1.0], [2.0], [3.0]], 1.0, loss=9.0, field=0.01)
    balanced = od.ProductState.configuration([1, 1, -1])
    monkeypatch.setattr(od.MeanField, "run_many", zeros)
    ds = quiet(model, balanced, [0.0, 1.0], [MEAN, RATES], ["photons"])
    assert not ds.photons[1, 0].any()


def test_spins_across_have_no_common_start() -> None:
    """A spin across the coupling axis is several configurations, each with bosons of its own."""
    across = od.ProductState.bloch([[0, 0, -1], [0.6, 0, -0.8]], bosons="stationary")
    expected = (
        r'`state` must have every spin along ±z and bosons="stationary" beside RateEquation, which '
        r"starts from bosons that are stationary for one configuration, but spin 1 has the mean "
        r"-0\.8 along this axis\."
    )
    with pytest.raises(od.InputError, match=expected):
        compare(STRONG, across, [0.0, 1.0], [RATES, MEAN], ["sz"])


def test_rate_dynamics_among_themselves_start_alike() -> None:
    """They agree on the bosons, whatever the state says; each says so itself."""
    with pytest.warns(od.ValidityWarning) as noted:
        ds = compare(STRONG, replace(DOWN, bosons="vacuum"), [0.0, 9.0], [RATES, CHAINS], ["sz"])
    assert [str(w.message).split(" as stationary")[0] for w in noted] == [
        "RateEquation: it takes the bosons",
        "KineticMonteCarlo: it takes the bosons",
    ]
    stationary = compare(STRONG, DOWN, [0.0, 9.0], [RATES, CHAINS], ["sz"])
    np.testing.assert_array_equal(ds.sz, stationary.sz)


def test_annealing_is_another_question() -> None:
    cooled = replace(CHAINS, anneal_times=[0.0, 5.0], anneal_field=[1.0, 0.5])
    with pytest.raises(od.InputError, match=r"`methods` must be asked .*KineticMonteCarlo anneals"):
        compare(STRONG, DOWN, [0.0, 9.0], [RATES, cooled])
    both = [replace(cooled, sampler=sampler) for sampler in ("plain", "rejection-free")]
    assert "sz_z" in compare(STRONG, DOWN, [0.0, 9.0], both)


# Verdicts, refusals and failures.

ALIKE = od.DickeModel(np.array([[3.0], [3.0]]), 1.0, loss=11.0, gain=1.0, field=0.1)
SENTENCE = "RateEquation is invalid here: 2 of 2 spins have the couplings of another"


def test_a_refusal_keeps_the_others() -> None:
    methods = [RATES, MEAN, od.MeanField()]
    with pytest.warns(od.ValidityWarning) as noted:
        ds = compare(ALIKE, DOWN, [0.0, 9.0], methods, ["sz"], validity="refuse")
    assert [str(w.message).startswith(SENTENCE) for w in noted] == [True, False, False]
    assert str(noted[0].message).endswith("It gives no answer.")
    assert noted[0].filename == __file__
    assert list(ds.verdict.values) == ["invalid", "doubtful", "doubtful"]
    assert str(ds.verdict_reason[0].values).startswith("2 of 2 spins have the couplings of another")
    assert list(ds.status.values) == [0, 1, 1]
    assert SENTENCE in json.loads(ds.status.attrs["messages"])["RateEquation"]
    assert ds.attrs["reference"] == "MeanField"
    assert ds.sz[0].isnull().all()
    assert ds.sz_difference[0].isnull().all()
    alone = od.solve(ALIKE, DOWN, [0.0, 9.0], od.MeanField(), ["sz"], validity="ignore")
    np.testing.assert_array_equal(ds.sz[2], alone.sz)
    np.testing.assert_array_equal(ds.sz_difference[2], ds.sz[2] - ds.sz[1])


def test_verdicts_are_kept_however_they_are_taken() -> None:
    """By default a method is asked in spite of its verdict, with a warning; or without a word."""
    ask = (ALIKE, DOWN, [0.0, 9.0], [RATES, MEAN], ["sz"])
    with pytest.warns(od.ValidityWarning) as noted:
        warned = compare(*ask)
    assert str(noted[0].message).startswith(SENTENCE)
    assert str(noted[1].message).startswith("MeanField is doubtful here: it is exact when many")
    silent = compare(*ask, validity="ignore")
    for ds in (warned, silent):
        assert list(ds.verdict.values) == ["invalid", "doubtful"]
        np.testing.assert_array_equal(ds.sz[0], silent.sz[0])
        assert ds.sz.notnull().all()


def test_a_reference_that_refuses() -> None:
    """Values stay, differences cannot be had; if no method answers, that is an error."""
    with pytest.warns(od.ValidityWarning) as noted:
        ds = compare(ALIKE, DOWN, [0.0, 9.0], [MEAN, RATES], ["sz"], reference=1, validity="refuse")
    assert "RateEquation, the reference, gave no answer" in str(noted[-1].message)
    assert ds.sz[0].notnull().all()
    assert ds.sz_difference.isnull().all()
    with (
        pytest.raises(od.ValidityError, match=r"RateEquation is invalid.*KineticMonteCarlo is inv"),
        pytest.warns(od.ValidityWarning),
    ):
        compare(ALIKE, DOWN, [0.0, 9.0], [RATES, CHAINS], validity="refuse")


def fails(*_: Any) -> Any:
    raise RuntimeError("out of luck.")


def test_a_failure_keeps_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(od.RateEquation, "run_many", fails)
    with pytest.warns(od.ValidityWarning, match=r"^b: failed \(RuntimeError\): out of luck\.$"):
        ds = compare(STRONG, DOWN, [0.0, 9.0], {"b": RATES, "a": CHAINS, "c": CHAINS}, ["sz"])
    assert ds.attrs["reference"] == "a"
    assert list(ds.status.values) == [0, 1, 1]
    assert list(ds.verdict.values) == ["valid"] * 3
    assert ds.sz[0].isnull().all()
    assert ds.sz[1:].notnull().all()
    with pytest.warns(od.ValidityWarning) as noted:
        compare(STRONG, DOWN, [0.0, 9.0], [RATES, CHAINS], ["sz"], reference="RateEquation")
    assert [str(w.message)[:40] for w in noted] == [
        "RateEquation: failed (RuntimeError): out",
        "RateEquation, the reference, gave no ans",
    ]
    assert noted[0].filename == noted[1].filename == __file__
    with pytest.raises(RuntimeError, match="out of luck"):
        compare(STRONG, DOWN, [0.0, 9.0], [RATES, RATES])


def test_interruptions_go_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(od.RateEquation, "run_many", stops)
    with pytest.raises(KeyboardInterrupt):
        compare(STRONG, DOWN, [0.0, 9.0], [CHAINS, RATES])


def test_an_answer_that_did_not_converge() -> None:
    """It is compared, with its status and its message."""
    short = od.KineticMonteCarlo(trajectories=10, target_stderr=1e-6)
    with pytest.warns(od.ValidityWarning, match="KineticMonteCarlo: after 10 trajectories"):
        ds = compare(STRONG, DOWN, [0.0, 90.0], [RATES, short], ["sz"])
    assert list(ds.status.values) == [1, 2]
    assert ds.sz_z[1, 1].notnull()


# Bad questions: one sentence, before anything is computed.


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"methods": [RATES]}, "`methods` must be at least two, but were 1."),
        ({"methods": RATES}, "`methods` must be a list of methods or a dict, but was RateEq"),
        (
            {"methods": [RATES, od.MeanField]},
            "`methods` must hold methods such as MeanField(), but",
        ),
        ({"methods": {"a": RATES, "": RATES}}, "`methods` must have words as labels, but had ''."),
        ({"methods": {"a": RATES, 2: RATES}}, "`methods` must have words as labels, but had 2."),
        ({"reference": "Lindblad"}, "`reference` must be one of the methods, but was `Lindblad`"),
        ({"reference": 2}, "`reference` must be below 2, but was 2."),
        ({"reference": -1}, "`reference` must be at least 0, but was -1."),
        ({"reference": 0.5}, "`reference` must be an integer, but was 0.5."),
        ({"validity": "ask"}, "`validity` must be a known word, but was `ask`"),
        ({"seed": -1}, "`seed` must be at least 0, but was -1."),
        ({"times": [1.0, 0.0]}, "`times` must be strictly increasing"),
        ({"model": "Dicke"}, "`model` must be a DickeModel or an IsingModel, but was 'Dicke'."),
        ({"state": None}, "`state` must be a ProductState or an Ensemble, but was None."),
        ({"observables": ["sq"]}, "`observables` must be names of registered observables, but was"),
        (
            {"observables": ["sz", "sx"], "methods": {"a": MEAN, "b": RATES}},
            'but `sx` asks for "x" (asked of b).',
        ),
        ({"model": od.DickeModel([[1.0]], 1.0)}, "for RateEquation, but mode 0 has loss=0."),
    ],
)
def test_bad_questions(
    changed: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(od.MeanField, "run_many", fails)
    question: dict[str, Any] = {
        "model": STRONG,
        "state": DOWN,
        "times": [0.0, 1.0],
        "methods": [MEAN, RATES],
    }
    with pytest.raises(od.InputError) as caught:
        compare(**question | changed)
    assert sentence in str(caught.value)


def test_answers_that_no_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(od.MeanField, "run_many", fails)
    monkeypatch.setattr("opendicke.model.checks.machine_memory", lambda: 400)
    assert "sz_spin" in quiet(STRONG, DOWN, [0.0, 1.0], [RATES, RATES], ["sz_spin"])
    expected = r"`observables` must ask for no more .* but 3 methods at 2 times of 2 numbers would"
    with pytest.raises(od.InputError, match=expected):
        compare(STRONG, DOWN, [0.0, 1.0], [RATES, RATES, MEAN], ["sz_spin"])


def test_input_errors_of_a_verdict_name_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: Any) -> Any:
        raise od.InputError("model", "fit", "was large")

    monkeypatch.setattr(od.MeanField, "run_many", fails)
    monkeypatch.setattr(od.RateEquation, "assess", too_large)
    with pytest.raises(od.InputError, match=r"^Argument `model` must fit, .* \(asked of b\)\.$"):
        compare(STRONG, DOWN, [0.0, 1.0], {"a": MEAN, "b": RATES})


def test_nothing_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(od.MeanField, "asks", lambda self, axis: ("sx", "sy"))
    expected = r"MeanField sx, sy; RateEquation sz, ising_energy, photons"
    with pytest.raises(od.InputError, match=expected):
        compare(STRONG, DOWN, [0.0, 1.0], [MEAN, RATES])


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("name", ["sz_difference", "sz_z", "seconds", "verdict"])
def test_names_of_the_comparison_are_kept_free(name: str) -> None:
    od.observable(name)(lambda model: od.SpinTerm("z", model.fractions))
    with pytest.raises(od.InputError, match=f"leave names of the comparison free, but `{name}`"):
        compare(STRONG, DOWN, [0.0, 1.0], [MEAN, RATES], ["sz", name])


# What becomes of it.


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_comparisons_can_be_kept(suffix: str, tmp_path: Path) -> None:
    ds = compare(STRONG, DOWN, [0.0, 9.0], [RATES, CHAINS], ["sz", "ising_energy_distribution"])
    assert ds.bin_energy.dims == ("energy_bin",)
    path = od.save(ds, tmp_path / f"both{suffix}")
    assert od.load(path).identical(ds)
    described = json.loads(ds.attrs["experiment"])
    assert described["methods"]["KineticMonteCarlo"]["trajectories"] == 500
    numerics = json.loads(ds.attrs["numerics"])
    assert numerics["KineticMonteCarlo"]["trajectories"] == 500
    assert numerics["RateEquation"]["estimated_error"] == float(ds.estimated_error[0])


def test_labels_that_differ_lie_along_methods() -> None:
    """Where two methods label one dimension differently, each label stays with its method."""
    asked = od.find_observables(["ising_energy_distribution"])
    middles = {"a": np.arange(100.0), "b": np.arange(100.0) + 1, "c": None}
    answers = {
        label: Answer(
            None
            if values is None
            else Raw(
                {"ising_energy_distribution": np.zeros((1, 100))},
                labels={"bin_energy": (("energy_bin",), values)},
            ),
            *("", 0.0, "valid", ""),
        )
        for label, values in middles.items()
    }
    ds = comparison_dataset(answers, asked, np.zeros(1), STRONG, "a", {})
    assert ds.bin_energy.dims == ("solver", "energy_bin")
    np.testing.assert_array_equal(ds.bin_energy[:2], [middles["a"], middles["b"]])
    assert ds.bin_energy[2].isnull().all()


def test_progress_names_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[float, str]] = []
    monkeypatch.setattr(
        "opendicke.comparing.Bar.__call__", lambda self, share, text: seen.append((share, text))
    )
    compare(STRONG, DOWN, [0.0, 9.0], {"one": CHAINS, "two": CHAINS}, ["sz"])
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= 0.5
    assert shares[-1] == 1
    assert {text.split(":")[0] for share, text in seen if share <= 0.5} == {"one"}
    assert {text.split(":")[0] for share, text in seen if share > 0.5} == {"two"}


@pytest.fixture
def table() -> Callable[..., list[list[str]]]:
    def cells(dataset: xr.Dataset) -> list[list[str]]:
        lines = comparison_table(dataset).splitlines()
        assert all(line == line.rstrip() for line in lines)
        starts = [lines[0].index(word) for word in lines[0].split()]
        return [
            [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
            for line in lines
        ]

    return cells


def test_table(table: Callable[..., list[list[str]]]) -> None:
    """Largest differences with their errors and places, by hand."""
    values = np.array([[[0.0, 1.0], [0.5, 0.5]], [[0.25, 1.0], [0.5, -0.75]]])
    dims, errors = ("solver", "time", "spin"), np.arange(8.0).reshape(2, 2, 2)
    ds = xr.Dataset(
        {
            "sz": (dims[:2], values[..., 0]),
            "sz_difference": (dims[:2], values[..., 0] - values[0, :, 0]),
            "sz_difference_stderr": (dims[:2], [[0.0, 0.0], [0.01, 0.02]]),
            "sz_z": (dims[:2], [[np.nan, np.nan], [25.0, 0.0]]),
            "sz_spin": (dims, values),
            "sz_spin_difference": (dims, values - values[0]),
            "sz_spin_difference_stderr": (dims, errors),
            "sz_spin_z": (dims, np.full(values.shape, np.nan)),
            "seconds": ("solver", [1.234, 56.7]),
            "verdict": ("solver", ["valid", "doubtful"]),
        },
        {"solver": ["A", "B of C"], "time": [0.0, 2.5], "spin": [0, 1]},
        {"reference": "A"},
    )
    assert table(ds) == [
        ["method", "observable", "|difference|", "error", "|z|", "at", "seconds", "verdict"],
        ["A", "(reference)", "", "", "", "", "1.2", "valid"],
        ["B of C", "sz", "0.25", "0.01", "25", "time 0", "57", "doubtful"],
        ["", "sz_spin", "1.25", "7", "", "time 2.5, spin 1", "", ""],
    ]
    ds["sz_difference"][1] = np.nan
    assert table(ds)[2] == ["B of C", "sz", "none", "", "", "", "57", "doubtful"]
    for other in (ds.isel(solver=0), ds.drop_attrs()):
        with pytest.raises(od.InputError, match="`dataset` must come from `compare`"):
            comparison_table(other)
