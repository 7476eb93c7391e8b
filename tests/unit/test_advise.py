"""Advice against closed forms and exact small systems."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.advising import judging
from opendicke.advising.flips import _coherence, _rates, slips
from opendicke.advising.fluctuations import Cluster, _Motion, fluctuations
from opendicke.advising.free import Modes, free_factors, gaussian_factors, kicks
from opendicke.advising.large import short_times
from opendicke.experiment.reading import build_method
from opendicke.methods.base import Verdict
from opendicke.model.reduce import reduce

TWO = od.DickeModel([[2.0], [-1.5]], frequencies=1.0, loss=11.0, gain=1.0, field=0.02)
DOWN = od.ProductState.polarized("-z", bosons="stationary")
DOWN_VACUUM = od.ProductState.polarized("-z")
TIMES = [0.0, 10.0, 50.0]


def cluster_of(model: od.DickeModel, state: od.ProductState, times: Any) -> Cluster:
    return Cluster.of(reduce(model, state), np.asarray(times, float))


def modes_of(cluster: Cluster) -> Modes:
    return Modes(
        cluster.frequencies, cluster.loss, cluster.gain, cluster.displacement, cluster.occupation
    )


def test_free_factors_are_the_known_numbers() -> None:
    """Two spins along X, one mode with loss and gain (agreement page, 12 digits)."""
    modes = Modes(np.ones(1), np.full(1, 1.3), np.full(1, 0.3), np.zeros(1, complex), np.zeros(1))
    g = np.array([[0.4], [0.7]])
    found = kicks(modes, np.ones(1))
    made = free_factors(g, np.zeros(2), np.arange(2), np.ones(2), found)
    assert made.exact[:, 0].real == pytest.approx([0.736443944302, 0.399841092530], abs=1e-11)
    assert np.abs(made.exact.imag).max() < 1e-12


@pytest.mark.parametrize("loss", [0.0, 0.8])
def test_free_deviations_are_those_of_methods_without_field(loss: float) -> None:
    model = od.DickeModel([[0.3], [-0.5]], 1.3, loss=loss, gain=loss / 4)
    state = od.ProductState.bloch(
        [[0.6, 0.0, 0.8], [0.0, 0.9, 0.1]], displacement=0.4, occupation=0.2
    )
    times = np.linspace(0, 3, 7)
    cluster = cluster_of(model, state, times)
    field, wigner = cluster.free(times)
    asked = ["sx_spin", "sy_spin", "sz_spin", "photons"]
    true, mean = (
        od.solve(model, state, times, method, asked, validity="ignore")
        for method in (od.Lindblad(1e-8), od.MeanField())
    )
    spins = max(float(np.abs(true[name] - mean[name]).max()) for name in asked[:3])
    photons = float((np.abs(true.photons - mean.photons) / np.maximum(1, true.photons)).max())
    assert field.spins == pytest.approx(spins, abs=1e-5)
    assert field.photons == pytest.approx(photons, abs=1e-5)
    # Truncated Wigner multiplies by the cosine of the turn in a spin's own field.
    chi = 2 * cluster.couplings**2 @ kicks(modes_of(cluster), times).pushed
    made = free_factors(
        cluster.couplings,
        cluster.bloch[:, 2],
        np.arange(2),
        cluster.count,
        kicks(modes_of(cluster), times),
    )
    assert made.wigner == pytest.approx(made.exact * np.cos(chi))
    assert 0 < wigner.spins < field.spins


def test_many_small_angles_are_gaussian() -> None:
    rng = np.random.default_rng(3)
    g = 0.02 * rng.normal(size=(400, 3))
    modes = Modes(
        np.array([0.7, 1.0, 1.9]), np.full(3, 0.5), np.zeros(3), np.zeros(3, complex), np.zeros(3)
    )
    z, rows, count = rng.uniform(-1, 1, 400), np.arange(5), np.ones(400)
    found = kicks(modes, np.linspace(0, 4, 5))
    exact = free_factors(g, z, rows, count, found).exact
    assert gaussian_factors(g, z, rows, count, found) == pytest.approx(exact, abs=2e-4)


def test_covariances_begin_as_the_closed_forms() -> None:
    """Without field, at small deviations, the error of mean field is that of the closed form."""
    model = od.DickeModel([[0.15], [-0.1], [0.12]], 1.0, loss=0.3)
    state = od.ProductState.bloch([0.8, 0.0, 0.6])
    times = np.linspace(0, 1.5, 6)
    cluster = cluster_of(model, state, times)
    field, wigner = cluster.free(times)
    found = fluctuations(cluster, times)
    assert found.followed
    assert found.mean_field.spins == pytest.approx(field.spins, rel=0.05)
    assert found.mean_field.photons == pytest.approx(field.photons, rel=0.01)
    assert found.wigner.spins < wigner.spins < 0.1 * field.spins


def test_the_self_term_counts_until_the_field_turns_the_spin() -> None:
    """A spin along X stays there but for the field that a classical one makes itself."""
    model = od.DickeModel([[0.5]], 3.0, field=0.02)
    state, times = od.ProductState.polarized("+x"), np.linspace(0, 8, 5)
    opinion = od.advise(model, state, times)["TruncatedWigner"]
    true, made = (
        od.solve(model, state, times, method, ["sx"], validity="ignore").sx
        for method in (od.Lindblad(1e-6), od.TruncatedWigner(4000, step=0.05))
    )
    assert float(np.abs(true - made).max()) > 0.1
    assert opinion.verdict is not Verdict.VALID


def test_the_error_of_mean_field_is_foretold() -> None:
    """Equal spins near their critical coupling: the estimate is the error, which falls as 1/N."""
    seen = []
    for spins in (8, 16):
        g = 0.6 * float(od.critical_coupling(0.5, 1.0, 2.0)) / np.sqrt(spins)
        model = od.DickeModel(np.full((spins, 1), g), 1.0, loss=2.0, field=0.5)
        state = od.ProductState.bloch([0.6, 0.0, 0.8])
        true, mean = (
            od.solve(model, state, [0, 1.0], method, ["sx", "sy", "sz"], validity="ignore")
            for method in (od.Lindblad(1e-5), od.MeanField())
        )
        error = max(float(np.abs(true[name] - mean[name]).max()) for name in ("sx", "sy", "sz"))
        found = fluctuations(cluster_of(model, state, [0, 1.0]), np.array([0, 1.0]))
        assert found.mean_field.spins == pytest.approx(error, rel=0.05)
        seen.append(found.mean_field.spins)
    assert seen[0] / seen[1] == pytest.approx(2, rel=0.05)


def test_reduced_and_bare_models_give_one_estimate() -> None:
    """Degenerate modes, equal spins: what is left of them is the same question."""
    state = od.ProductState.bloch([0.6, 0.0, 0.8])
    rows = np.array([[0.3, 0.1], [0.3, 0.1], [-0.3, -0.1], [0.1, 0.2]])
    times = np.linspace(0, 2, 5)
    same, nearly = (
        fluctuations(
            cluster_of(od.DickeModel(rows * scale, omega, loss=0.4, field=0.3), state, times), times
        )
        for scale, omega in (
            (1.0, [1.0, 1.0]),
            (1 + 1e-7 * np.arange(4)[:, None], [1.0, 1.0 + 1e-7]),
        )
    )
    for one, other in zip(same[:2], nearly[:2], strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_rates_and_coherence_are_those_of_the_library() -> None:
    g = TWO.couplings
    t = np.array([0.0, 0.3, 1.0, 2.0])
    mine = _coherence(g, TWO.frequencies, TWO.loss, TWO.gain, t)
    theirs = od.coherence(t, g[0], TWO.frequencies, TWO.loss, TWO.gain)
    assert mine[0] == pytest.approx(np.ravel(theirs), abs=1e-12)
    weight = 16 / (4 + 100)
    energies = np.array([[weight * g[0, 0] * g[1, 0]] * 2]) * np.array([[1, 1]])
    rate = _rates(TWO, np.arange(2), energies)[0, 0]
    assert rate == pytest.approx(od.flip_rate(TWO, 0, [1, 1]), rel=1e-5)


def test_the_slip_of_a_spin_that_dephases_at_one_rate() -> None:
    """A fast mode is white noise: z = e^{−Wt…} starts late by 4 (h t_L)²."""
    model = od.DickeModel([[10.0]], frequencies=0.0, loss=2000.0, field=0.01)
    (drive,) = np.abs(model.field) * od.coherence_times(model.couplings, 0.0, 2000.0, 0.0)
    found = slips(
        reduce(model, od.ProductState.polarized("+z", bosons="stationary")), np.array([0, 1e3])
    )
    assert found.drive == pytest.approx(drive)
    assert found.slip == pytest.approx(4 * drive**2, rel=0.05)
    assert found.pairs == found.lag == found.start == 0


def test_the_slip_is_the_deviation_of_the_rate_equation() -> None:
    model = od.DickeModel([[1.8]], 1.0, loss=3.0, field=0.12)
    times = np.linspace(0, 8, 17)
    for bosons in ("stationary", "vacuum"):
        state = od.ProductState.polarized("+z", bosons=bosons)
        true, rates = (
            od.solve(model, state, times, method, ["sz"], validity="ignore").sz
            for method in (od.Lindblad(1e-5), od.RateEquation())
        )
        found = slips(reduce(model, state), times)
        assert found.slip == pytest.approx(float(np.abs(true - rates).max()), rel=0.35)


def test_photons_at_the_start_count() -> None:
    """Vacuum beside 2² / |z|² photons of the displaced mode."""
    model = od.DickeModel([[2.0]], 1.0, loss=1.0, field=1e-4)
    photons = 4 / 1.25
    found = slips(reduce(model, od.ProductState.polarized("+z")), np.array([0, 1.0]))
    assert found.photons == pytest.approx(photons, rel=0.01)
    advice = od.advise(model, od.ProductState.polarized("+z"), [0, 1.0])
    assert advice["RateEquation"].verdict is Verdict.DOUBTFUL
    alone = od.advise(model, od.ProductState.polarized("+z"), [0, 1.0], ["sz"])
    assert alone["RateEquation"].valid


def test_twins_are_invalid_for_rates() -> None:
    model = od.DickeModel([[3.0], [-3.0]], 1.0, loss=11.0, gain=1.0, field=0.1)
    opinion = od.advise(model, DOWN, TIMES)["KineticMonteCarlo"]
    assert opinion.verdict is Verdict.INVALID
    assert opinion.number == 0
    assert "2 of 2 spins" in opinion.reason


def test_large_models_are_judged_by_the_loss_of_coherence() -> None:
    """Short times against the covariances, where both can be had."""
    rng = np.random.default_rng(5)
    model = od.DickeModel(0.05 * rng.normal(size=(30, 2)), [1.0, 1.7], loss=0.5, field=0.1)
    state = od.ProductState.polarized("+y")
    times = np.linspace(0, 1.0, 5)
    cluster = cluster_of(model, state, times)
    small, large = fluctuations(cluster, times), short_times(cluster, 1.0)
    assert large.short
    assert large.mean_field.spins == pytest.approx(small.mean_field.spins, rel=0.2)
    assert not short_times(cluster, 20.0).short


def test_every_method_has_an_opinion_and_the_cheapest_is_suggested() -> None:
    advice = od.advise(TWO, DOWN, TIMES)
    assert [each.name for each in advice.opinions] == [
        "MeanField",
        "TruncatedWigner",
        "RateEquation",
        "KineticMonteCarlo",
        "Lindblad",
        "QuantumJumps",
    ]
    assert advice["rate-equation"].valid
    assert advice["MeanField"].verdict is Verdict.INVALID
    assert advice["MeanField"].error is None
    # All spins are asked, which rates do not give.
    assert advice.suggestion == advice["Lindblad"].method
    along = od.advise(TWO, DOWN, TIMES, ["sz", "photons"])
    assert along.suggestion == od.RateEquation()
    valid = [each for each in along.opinions if each.valid]
    assert along["RateEquation"].seconds == min(each.seconds or np.inf for each in valid)
    for each in valid:
        assert each.error is not None
        assert 0 < each.error <= 0.05


@pytest.mark.parametrize("kind", ["RateEquation", "TruncatedWigner", "KineticMonteCarlo"])
def test_what_is_promised_is_kept(kind: str) -> None:
    model = TWO if kind != "TruncatedWigner" else od.DickeModel([[0.2], [0.1]], 1.0, field=0.3)
    state, times = (
        (DOWN, [0.0, 10.0])
        if kind != "TruncatedWigner"
        else (od.ProductState.polarized("+z"), [0.0, 2.0])
    )
    opinion = od.advise(model, state, times, ["sz_spin", "photons"])[kind]
    assert opinion.valid
    true, made = (
        od.solve(model, state, times, method, ["sz_spin", "photons"], validity="ignore")
        for method in (od.Lindblad(1e-4), opinion.method)
    )
    assert opinion.error is not None
    assert float(np.abs(true.sz_spin - made.sz_spin).max()) < opinion.error
    assert float(np.abs(true.photons - made.photons).max()) < opinion.error


def test_limits_and_uncoupled_models_are_exact() -> None:
    patterns = od.RandomDicke(od.Binary(0.8), 100, 2, frequencies=1.0, loss=1.0, field=0.5)
    limit = patterns.thermodynamic()
    advice = od.advise(limit, od.ProductState.pattern(0), [0, 5.0])
    assert isinstance(advice.suggestion, od.MeanField)
    assert advice["Lindblad"].verdict is Verdict.INVALID
    free = od.DickeModel([[0.0]], 1.0, loss=0.5, field=1.0)
    assert od.advise(free, od.ProductState.polarized("+z"), [0, 5.0])["MeanField"].valid


def test_the_traps_are_told() -> None:
    model = od.DickeModel(
        0.9 / np.sqrt(8) * np.tile([[1, 1], [1, -1]], (4, 1)), [1.0, 1.5], loss=1.0, field=0.5
    )
    advice = od.advise(model, od.ProductState.pattern(0, flipped=0.25), [0, 1.0])
    assert any("corrects no error" in each for each in advice["MeanField"].remarks)
    assert "the field that it made itself" in advice["TruncatedWigner"].reason
    sidebands = od.DickeModel([[0.3]], 1.0, loss=0.2, field=0.01)
    made = od.advise(sidebands, od.ProductState.polarized("-z"), [0, 1.0])
    assert any("sidebands are resolved" in each for each in made["RateEquation"].remarks)


def test_advice_is_plain_data_and_a_narrow_table() -> None:
    advice = od.advise(TWO, DOWN, TIMES)
    plain = advice.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert max(map(len, str(advice).splitlines())) < 80
    assert not any(line != line.rstrip() for line in str(advice).splitlines())
    assert plain["suggestion"]["settings"] == {"tolerance": 0.001}
    read = build_method(tomllib.loads(advice.toml)["method"])
    assert read == advice.suggestion
    assert od.advise(TWO, DOWN, TIMES).to_dict() == plain


def test_of_ensembles_the_worst_draw_counts() -> None:
    random = od.RandomDicke(
        od.Uniform(strength=3.0), 2, 1, frequencies=1.0, loss=11.0, gain=1.0, field=0.05
    )
    advice = od.advise(random, DOWN, TIMES, ["sz", "photons"], seed=3, draws=4)
    assert "realizations 0 to 3 of seed 3" in advice.notes[0]
    each = [
        od.advise(random.draw(3, k), DOWN, TIMES, ["sz", "photons"])["RateEquation"]
        for k in range(4)
    ]
    assert advice["RateEquation"].verdict == max(one.verdict for one in each)


def test_nothing_valid_is_said() -> None:
    rng = np.random.default_rng(0)
    model = od.DickeModel(rng.normal(size=(40, 30)), np.linspace(1, 2, 30), field=1.0)
    advice = od.advise(model, od.ProductState.polarized("+x"), [0, 20.0])
    assert advice.suggestion is None
    assert advice.toml == ""
    assert "No method is valid within 0.05" in advice.sentence
    assert "least doubtful" in str(advice).replace("\n", " ")


def test_the_search_for_an_estimate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few variables that turn fast for a long time: so many evaluations, and no estimate."""
    monkeypatch.setattr("opendicke.advising.fluctuations._WORK", 2e8)
    calls = []
    flow = _Motion.rhs

    def counted(self: _Motion, y: Any) -> Any:
        calls.append(1)
        return flow(self, y)

    monkeypatch.setattr(_Motion, "rhs", counted)
    slow = od.DickeModel([[1.0]], 1.0, loss=8.0, gain=4.0, field=0.005)
    found = fluctuations(cluster_of(slow, DOWN, [0, 1e6]), np.array([0, 1e6]))
    assert not found.followed
    assert found.mean_field.spins == np.inf
    assert 500 < len(calls) < 1200
    # Where neither method answers what is asked, no equations are solved at all.
    calls.clear()
    advice = od.advise(slow, DOWN, [0, 1e6], ["sz", "entropy"])
    assert not calls
    assert "not entropy" in advice["MeanField"].reason
    assert "not entropy" in advice["TruncatedWigner"].reason


def test_what_is_not_promised_is_told() -> None:
    assert od.advise(TWO, DOWN, TIMES, ["sz_spin", "photons"]).notes == ()
    advice = od.advise(TWO, DOWN, TIMES, ["sz", "energy", "entropy"])
    assert advice.notes == (
        "energy, entropy are not part of the promise: they were judged by spins and photons",
    )
    assert "energy, entropy are not" in str(advice).replace("\n", " ").lower()


@pytest.mark.parametrize("coupling", [1e-12, 1e-300, 1e80, 1e150])
def test_rates_that_cannot_be_had_are_an_opinion(coupling: float) -> None:
    model = od.DickeModel([[coupling]], 1.0, loss=0.5, field=0.4)
    opinion = od.advise(model, DOWN, [0, 1.0])["RateEquation"]
    assert opinion.verdict is not Verdict.VALID


def test_no_spin_is_off_by_more_than_two() -> None:
    model = od.DickeModel([[0.5], [0.2]], 0.0, field=0.1)
    numbers = od.advise(model, DOWN_VACUUM, [0, 10.0])["MeanField"].numbers
    assert numbers is not None
    assert 0.6 < numbers["spins_off"] <= 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"model": "model"}, "Argument `model` must be a DickeModel or a RandomDicke"),
        ({"state": "+z"}, "Argument `state` must be a ProductState"),
        ({"times": [1.0, 0.0]}, "Argument `times` must be strictly increasing"),
        ({"target_error": 0.5}, "Argument `target_error` must be"),
        ({"observables": ["sq"]}, "Argument `observables` must"),
        ({"draws": 0}, "Argument `draws` must be"),
    ],
)
def test_bad_questions_get_one_sentence(changed: dict[str, Any], sentence: str) -> None:
    question = {"model": TWO, "state": DOWN, "times": TIMES} | changed
    with pytest.raises(od.InputError, match="^" + sentence):
        od.advise(**question)  # type: ignore[arg-type]


def test_unknown_methods_are_told() -> None:
    with pytest.raises(od.InputError, match="MeanField"):
        od.advise(TWO, DOWN, TIMES)["MeanFeild"]


def test_modes_that_settle_spoil_photons_of_rates() -> None:
    """As many photons as settled modes have, but another phase: between there are fewer."""
    model = od.DickeModel([[5.0]], frequencies=1.0, loss=10.0, field=0.05)
    state = od.ProductState.polarized("+z", displacement=5j / (5 + 1j))
    times = [0, 0.05, 0.1, 0.15, 0.2, 0.5, 1]
    free = od.solve(replace(model, field=0.0), state, times, od.Lindblad(1e-6), ["photons"])
    assert float(free.photons[0]) == pytest.approx(25 / 26)
    away = float(abs(free.photons - 25 / 26).max())
    opinion = od.advise(model, state, times)["RateEquation"]
    assert not opinion.valid
    assert opinion.numbers["photons_off"] == pytest.approx(away, rel=0.01)
    assert od.advise(model, state, times, ["sz"])["RateEquation"].valid


def test_spins_nearly_alike_spoil_photons_of_rates() -> None:
    """Coherence two flips apart leaves single spins right, and not the product of two."""
    model = od.DickeModel([[-8.2485], [-8.2154]], frequencies=2.886, loss=14.1, field=0.4116)
    state = od.ProductState.configuration([-1, 1], bosons="stationary")
    times = np.linspace(0, 21.5301, 7)
    exact = od.solve(model, state, times, od.Lindblad(1e-4), ["sz", "photons"])
    rates = od.solve(model, state, times, od.RateEquation(), ["sz", "photons"], validity="ignore")
    away = abs(rates.photons - exact.photons) / np.maximum(1, exact.photons)
    assert float(abs(rates.sz - exact.sz).max()) < 0.01
    assert float(away.max()) > 0.4
    advice = od.advise(model, state, times, target_error=0.1)
    assert not advice["RateEquation"].valid
    assert not advice["KineticMonteCarlo"].valid
    assert od.advise(model, state, times, ["sz"], target_error=0.1)["RateEquation"].valid


def test_empty_modes_fluctuate_in_the_wigner_function() -> None:
    """Each by half a photon: 100 of them together by 5, which trajectories have to make up for."""
    rng = np.random.default_rng(100)
    model = od.DickeModel(
        0.004 * rng.normal(size=(2, 100)),
        rng.uniform(1, 4, 100),
        loss=rng.uniform(0.2, 1, 100),
    )
    state = od.ProductState.polarized("+z")
    opinion = od.advise(model, state, TIMES, target_error=0.1)["TruncatedWigner"]
    assert opinion.valid
    assert 4 * 5 / np.sqrt(opinion.method.trajectories) <= 0.051  # type: ignore[attr-defined]
    spins = od.advise(model, state, TIMES, ["sz"], target_error=0.1)["TruncatedWigner"]
    assert spins.method.trajectories == 6400  # type: ignore[attr-defined]


def test_what_may_not_fit_the_memory_is_not_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    assert od.advise(TWO, DOWN, TIMES)["Lindblad"].valid
    monkeypatch.setattr(judging, "machine_memory", lambda: 1000)
    advice = od.advise(TWO, DOWN, TIMES)
    for name in ("Lindblad", "QuantumJumps"):
        assert advice[name].verdict.name == "DOUBTFUL"
        assert "the memory of this machine is 1 kB" in advice[name].reason
    assert type(advice.suggestion).__name__ not in ("Lindblad", "QuantumJumps")
    assert advice.sentence.endswith(
        "Lindblad and QuantumJumps may not fit the memory of this machine"
    )


def test_reasons_say_what_there_is() -> None:
    """No pairs of one spin, no rates without field, one row of couplings."""
    one = od.DickeModel([[2.0]], 1.0, loss=11.0, field=0.05)
    assert "two flips apart" not in od.advise(one, DOWN, TIMES)["RateEquation"].reason
    still = od.advise(replace(one, field=0.0), DOWN, TIMES)["RateEquation"]
    assert still.reason.startswith("no spin flips")
    assert still.valid
    alike = od.advise(replace(TWO, couplings=[[1.0]] * 2), DOWN, TIMES)["MeanField"]
    assert "2 spins have 1 different row of couplings" in alike.reason


def entangled() -> tuple[od.DickeModel, od.ProductState, list[float]]:
    """Three spins, of which truncated Wigner is right although its estimate is large."""
    couplings = np.random.default_rng(1).uniform(-3, 3, (3, 1))
    model = od.DickeModel(couplings, 1.0, loss=11.0, gain=1.0, field=0.3)
    return model, od.ProductState.polarized("-z", bosons="stationary"), [0.0, 10.0, 50.0]


def test_entangled_modes_make_truncated_wigner_doubtful_at_worst() -> None:
    opinion = od.advise(*entangled(), ["sz"])["TruncatedWigner"]
    assert opinion.numbers["strength"] > 1
    assert opinion.number > 4 * 0.05
    assert opinion.verdict.name == "DOUBTFUL"
    assert "it may be far less" in opinion.reason


@pytest.mark.slow
def test_the_estimate_is_too_large_where_modes_are_entangled() -> None:
    """It is .6 and more, the spins deviate by less than .1."""
    exact = od.solve(*entangled(), od.Lindblad(1e-4), ["sz"])
    wigner = od.solve(
        *entangled(), od.TruncatedWigner(500, step=0.1), ["sz"], validity="ignore"
    )  # fmt: skip
    assert float(abs(wigner.sz - exact.sz).max()) < 0.1
