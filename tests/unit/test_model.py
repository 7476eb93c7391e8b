"""DickeModel, ProductState and RandomDicke: axes, states, distributions, draws, limits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import opendicke as od

PAIRS = list(permutations("xyz", 2))
UNIT = dict(zip("xyz", np.eye(3), strict=True))


def test_scalars_broadcast_over_modes_and_spins() -> None:
    """A number stands for one entry per mode (ω, loss, gain) or per spin (h)."""
    model = od.DickeModel(np.ones((3, 2)), frequencies=2, loss=1, gain=0.25, field=0.5)
    assert (model.spins, model.modes) == (3, 2)
    for name, value, length in [
        ("frequencies", 2.0, 2),
        ("loss", 1.0, 2),
        ("gain", 0.25, 2),
        ("field", 0.5, 3),
    ]:
        np.testing.assert_array_equal(getattr(model, name), np.full(length, value))
    np.testing.assert_array_equal(model.damping, [0.75, 0.75])


def test_arrays_are_read_only_copies() -> None:
    """A model never changes: neither through its own arrays nor through the caller's."""
    mine = np.ones((2, 2))
    model = od.DickeModel(mine, 1.0, loss=1.0, field=1.0, patterns=[[1, -1]], weights=[0.5, 0.5])
    mine[0, 0] = 9.0
    assert model.couplings[0, 0] == 1.0
    for name in ("couplings", "frequencies", "loss", "gain", "field", "patterns", "weights"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(model, name)[...] = 0


@pytest.mark.parametrize(("coupling", "field"), PAIRS)
def test_frame_is_right_handed(coupling: str, field: str) -> None:
    """X × Y = Z with X the field and Z the coupling axis, rows in laboratory components."""
    model = od.DickeModel(np.ones((1, 1)), 1.0, coupling_axis=coupling, field_axis=field)
    x, y, z = model.frame()
    np.testing.assert_array_equal(x, UNIT[field])
    np.testing.assert_array_equal(z, UNIT[coupling])
    np.testing.assert_array_equal(np.cross(x, y), z)


def test_frame_sign_of_y() -> None:
    """Coupling z, field x: Y = σ_y (fiorelli2020); coupling x, field z: Y = −σ_y (kelly2021)."""
    usual = od.DickeModel(np.ones((1, 1)), 1.0, coupling_axis="z", field_axis="x")
    kelly = od.DickeModel(np.ones((1, 1)), 1.0, coupling_axis="x", field_axis="z")
    np.testing.assert_array_equal(usual.frame()[1], [0, 1, 0])
    np.testing.assert_array_equal(kelly.frame()[1], [0, -1, 0])


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"couplings": [1.0, 2.0]}, "couplings"),
        ({"couplings": [[np.nan, 1.0]]}, "couplings"),
        ({"frequencies": [1.0, 2.0, 3.0]}, "frequencies"),
        ({"loss": -1.0}, "loss"),
        ({"loss": 0.5, "gain": 0.5}, "loss"),
        ({"field": [1.0]}, "field"),
        ({"field_axis": "z"}, "field_axis"),
        ({"coupling_axis": "w"}, "coupling_axis"),
        ({"patterns": [[1, 0]]}, "patterns"),
        ({"weights": [0.5, 0.6]}, "weights"),
        ({"lattice": (2, 2)}, "lattice"),
        ({"pattern_names": ("only one",)}, "pattern_names"),
    ],
)
def test_bad_input_names_the_argument(arguments: dict[str, object], argument: str) -> None:
    """One sentence: which argument, what it must be, what it was."""
    good: dict[str, object] = {"couplings": np.ones((2, 2)), "frequencies": 1.0}
    with pytest.raises(od.InputError, match=r"must .* but ") as caught:
        od.DickeModel(**good | arguments)
    assert caught.value.argument == argument


@pytest.mark.parametrize(("coupling", "field"), PAIRS)
@pytest.mark.parametrize("direction", [s + a for a in "xyz" for s in "+-"])
def test_directions_are_those_of_the_laboratory(coupling: str, field: str, direction: str) -> None:
    """A polarised state, read back through the frame, points where its name says."""
    model = od.DickeModel(np.ones((2, 1)), 1.0, coupling_axis=coupling, field_axis=field)
    bloch = od.ProductState.polarized(direction).resolve(model).bloch
    expected = UNIT[direction[1]] * (1 if direction[0] == "+" else -1)
    np.testing.assert_array_equal(bloch @ model.frame(), np.tile(expected, (2, 1)))


def test_bloch_and_configuration_states() -> None:
    """Laboratory components (kelly2021 axes): (x, y, z) becomes (X, Y, Z) = (z, −y, x)."""
    model = od.DickeModel(np.ones((3, 1)), 1.0, coupling_axis="x", field_axis="z")
    one = od.ProductState.bloch([0.1, 0.2, 0.3]).resolve(model)
    np.testing.assert_allclose(one.bloch, np.tile([0.3, -0.2, 0.1], (3, 1)))
    each = od.ProductState.bloch(np.diag([1.0, 0.5, -0.25])).resolve(model)
    np.testing.assert_allclose(each.bloch, [[0, 0, 1], [0, -0.5, 0], [-0.25, 0, 0]])
    flips = od.ProductState.configuration([1, -1, 1], axis="x").resolve(model)
    np.testing.assert_allclose(flips.bloch[:, 2], [1, -1, 1])
    with pytest.raises(od.InputError, match="at most 1 long"):
        od.ProductState.bloch([1.0, 1.0, 0.0])
    with pytest.raises(od.InputError, match="one entry per spin"):
        od.ProductState.configuration([1, -1]).resolve(model)


def test_pattern_state_flips_the_stated_number_of_spins() -> None:
    """round(f N) spins are reversed; more errors contain the fewer; the seed picks which."""
    model = od.RandomDicke(od.Binary(-1.3), spins=50, modes=3, frequencies=1.0).draw(4)
    pattern = model.pattern_matrix[2]
    # Signs of g₀ G with g₀ < 0: the patterns are G, not the signs of the couplings.
    np.testing.assert_array_equal(np.sign(model.couplings[:, 2]), -pattern)

    def agreement(flipped: float, seed: int = 0) -> np.ndarray:
        bloch = od.ProductState.pattern(2, flipped, seed).resolve(model).bloch
        assert not bloch[:, :2].any()
        return bloch[:, 2] * pattern

    few, many = agreement(0.1), agreement(0.3)
    assert ((few == -1).sum(), (many == -1).sum()) == (5, 15)
    assert (many[few == -1] == -1).all()
    assert (agreement(0.3, seed=1) != many).any()
    np.testing.assert_array_equal(agreement(0.0), np.ones(50))


def test_pattern_state_in_the_limit_has_shorter_groups() -> None:
    """In the limit each group keeps a fraction f of reversed spins: length 1 − 2f."""
    limit = od.RandomDicke(od.Binary(1.0), spins=2, modes=3, frequencies=1.0).thermodynamic()
    bloch = od.ProductState.pattern(1, flipped=0.2).resolve(limit).bloch
    np.testing.assert_allclose(bloch[:, 2], 0.6 * limit.pattern_matrix[1])


def test_stationary_bosons_balance_decay_and_force(
    make_model: Callable[..., od.DickeModel],
) -> None:
    """0 = −(iω + Γ/2)α − i Σ g z and 0 = gain − Γ n, for the spins as given."""
    model = make_model(seed=3)
    z = np.array([1, -1, -1, 1])
    bosons = od.ProductState.configuration(z, bosons="stationary").resolve(model)
    force = sum(z[j] * model.couplings[j] for j in range(4))
    rate = 1j * model.frequencies + (model.loss - model.gain) / 2
    np.testing.assert_allclose(-rate * bosons.displacement - 1j * force, 0, atol=1e-14)
    np.testing.assert_allclose(
        model.gain * (bosons.occupation + 1), model.loss * bosons.occupation, rtol=1e-14
    )
    still = od.DickeModel(np.ones((1, 1)), frequencies=0.0)
    with pytest.raises(od.InputError, match="stationary"):
        od.ProductState.polarized("+z", bosons="stationary").resolve(still)


def test_gaussian_variance() -> None:
    """kelly2021: Var g = σ²ω/(2(N+M)); the control, 2N in place of 2(N+M), is rejected."""
    sigma, omega, spins, modes = 1.7, np.array([0.5, 1.0, 4.0, 9.0] * 10), 300, 40
    couplings = (
        od.RandomDicke(od.Gaussian(sigma), spins, modes, frequencies=omega).draw(11).couplings
    )
    standard = couplings / np.sqrt(sigma**2 * omega / (2 * (spins + modes)))
    assert stats.kstest(standard.ravel(), "norm").pvalue > 1e-3
    spread = np.sqrt(2 / spins)
    assert (np.abs(standard.var(axis=0) - 1) / spread < 4.5).all()
    pooled = np.sqrt(2 / standard.size)
    assert abs((standard**2).mean() - 1) / pooled < 4
    assert abs((standard**2).mean() * spins / (spins + modes) - 1) / pooled > 6
    correlation = np.corrcoef(standard.T)[np.triu_indices(modes, 1)] * np.sqrt(spins)
    assert abs((correlation**2).mean() - 1) < 0.25


def test_uniform_binary_and_discrete_frequencies() -> None:
    """fiorelli2020: uniform in [−g₀, g₀]; carollo2021: g₀ x/√N, x with its probabilities."""
    spins, modes = 500, 20
    total = spins * modes

    def couplings(distribution: object) -> np.ndarray:
        drawn = od.RandomDicke(distribution, spins, modes, frequencies=1.0).draw(5).couplings
        return np.asarray(drawn)

    def z_score(hits: int, probability: float) -> float:
        return (hits - total * probability) / np.sqrt(total * probability * (1 - probability))

    uniform = couplings(od.Uniform(3.0))
    assert stats.kstest(uniform.ravel(), "uniform", args=(-3, 6)).pvalue > 1e-3
    binary = couplings(od.Binary(2.0))
    np.testing.assert_allclose(np.abs(binary), 2.0 / np.sqrt(spins), rtol=1e-15)
    assert abs(z_score((binary > 0).sum(), 0.5)) < 4
    values, probabilities = (-1.0, 0.5, 2.0), (0.2, 0.7, 0.1)
    discrete = couplings(od.Discrete(values, probabilities, strength=0.8)) * np.sqrt(spins) / 0.8
    hits = [int(np.isclose(discrete, value).sum()) for value in values]
    assert sum(hits) == total
    for count, probability in zip(hits, probabilities, strict=True):
        assert abs(z_score(count, probability)) < 4
    assert abs(z_score(hits[0], 0.25)) > 6


def test_draws_are_addressed_by_seed_and_realization() -> None:
    """Same (seed, realization), same numbers; any other, other numbers."""
    random = od.RandomDicke(od.Uniform(1.0), 6, 4, frequencies=1.0)
    first = random.draw(3, 2).couplings
    np.testing.assert_array_equal(first, random.draw(3, 2).couplings)
    others = [random.draw(3, 3), random.draw(4, 2), random.draw(2, 3), random.draw(3)]
    for other in others:
        assert not np.intersect1d(first, other.couplings).size


@pytest.mark.parametrize("distribution", [od.Uniform(2.0), od.Gaussian(1.5)])
def test_larger_system_contains_the_smaller(distribution: object) -> None:
    """Variates belong to (spin, mode): after rescaling the small matrix is a corner."""

    def standard(spins: int, modes: int) -> np.ndarray:
        drawn = od.RandomDicke(distribution, spins, modes, frequencies=1.0).draw(8, 1).couplings
        gaussian = isinstance(distribution, od.Gaussian)
        return np.asarray(drawn * np.sqrt(spins + modes) if gaussian else drawn)

    small = standard(5, 3)
    np.testing.assert_allclose(standard(17, 3)[:5], small, rtol=1e-14)
    np.testing.assert_allclose(standard(5, 11)[:, :3], small, rtol=1e-14)
    np.testing.assert_allclose(standard(9, 7)[:5, :3], small, rtol=1e-14)


def test_every_sweep_point_sees_the_same_disorder() -> None:
    """g ∝ σ√ω: parameters scale couplings, never redraw them."""
    base = od.RandomDicke(od.Gaussian(1.0), 8, 3, frequencies=1.0).draw(1).couplings
    for sigma, omega in [(1.0, 9.0), (2.5, 1.0), (0.3, [1.0, 2.0, 3.0])]:
        swept = od.RandomDicke(od.Gaussian(sigma), 8, 3, frequencies=omega, loss=0.7).draw(1)
        np.testing.assert_allclose(swept.couplings, base * sigma * np.sqrt(omega), rtol=1e-14)


def test_fixed_from_array_and_files(tmp_path: Path) -> None:
    """An array, .npy and .csv give the same couplings; with a strength, g₀ values/√N."""
    values = np.array([[1.0, -2.5], [0.25, 3.0], [0.0, 1e-3]])
    np.save(tmp_path / "g.npy", values)
    np.savetxt(tmp_path / "g.csv", values, delimiter=",", header="mode 0, mode 1")
    for source in (values, tmp_path / "g.npy", str(tmp_path / "g.csv")):
        plain = od.RandomDicke(od.Fixed(source), frequencies=1.0)
        assert (plain.spins, plain.modes) == (3, 2)
        np.testing.assert_array_equal(plain.draw(0, 5).couplings, values)
        scaled = od.RandomDicke(od.Fixed(source, strength=1.5), frequencies=1.0).draw()
        np.testing.assert_allclose(scaled.couplings, 1.5 * values / np.sqrt(3), rtol=1e-15)
    (tmp_path / "ragged.csv").write_text("1,2\n3\n")
    for bad in ("ragged.csv", "missing.npy", "g.txt"):
        with pytest.raises(od.InputError, match="path"):
            od.Fixed(tmp_path / bad)


def test_fixed_from_images(tmp_path: Path) -> None:
    """One image one pattern: dark +1, light −1, row after row, in the order of file names."""
    patterns = {"b_cross": [[1, -1, 1], [-1, 1, 1]], "a_bar": [[1, 1, -1], [-1, -1, -1]]}
    for name, pattern in patterns.items():
        pixels = np.where(np.array(pattern) > 0, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    model = od.RandomDicke(od.Fixed(tmp_path, strength=2.0), frequencies=1.0).draw()
    assert model.lattice == (2, 3)
    assert model.pattern_names == ("a_bar", "b_cross")
    expected = np.array([np.ravel(patterns["a_bar"]), np.ravel(patterns["b_cross"])])
    np.testing.assert_array_equal(model.pattern_matrix, expected)
    np.testing.assert_allclose(model.couplings, 2.0 * expected.T / np.sqrt(6), rtol=1e-15)
    Image.fromarray(np.full((2, 3), 128, np.uint8)).save(tmp_path / "c_grey.png")
    with pytest.raises(od.InputError, match="black-and-white"):
        od.Fixed(tmp_path)
    Image.fromarray(np.zeros((3, 2), np.uint8)).save(tmp_path / "c_grey.png")
    with pytest.raises(od.InputError, match="one size"):
        od.Fixed(tmp_path)


def test_thermodynamic_binary() -> None:
    """carollo2021, Fig. 2: 2^M distinct rows ±g₀ of equal weight; sizes drop out."""
    limit = od.RandomDicke(od.Binary(0.7), 5, 4, frequencies=1.0, field=0.5).thermodynamic()
    assert limit.couplings.shape == (16, 4)
    assert len(np.unique(limit.couplings, axis=0)) == 16
    np.testing.assert_array_equal(np.abs(limit.couplings), 0.7)
    np.testing.assert_allclose(limit.weights, 1 / 16, rtol=1e-15)
    np.testing.assert_array_equal(limit.pattern_matrix, np.sign(limit.couplings).T)
    overlaps = (limit.pattern_matrix * limit.fractions) @ limit.pattern_matrix.T
    np.testing.assert_allclose(overlaps, np.eye(4), atol=1e-15)


def test_thermodynamic_discrete_and_fixed() -> None:
    """carollo2021, Fig. S2: d^M rows, weights products of probabilities; Fixed keeps its own."""
    values, probabilities = np.array([-1.0, 0.0, 2.0]), np.array([0.5, 0.2, 0.3])
    discrete = od.Discrete(values, probabilities, strength=0.4)
    limit = od.RandomDicke(discrete, 9, 2, frequencies=1.0).thermodynamic()
    expected = {
        (0.4 * u, 0.4 * v): p * q
        for u, p in zip(values, probabilities, strict=True)
        for v, q in zip(values, probabilities, strict=True)
    }
    found = dict(zip(map(tuple, limit.couplings), limit.weights, strict=True))
    assert found == pytest.approx(expected, rel=1e-14)
    rows = [[1, 1], [1, -1], [1, 1], [1, 1]]
    fixed = od.RandomDicke(od.Fixed(rows, strength=2.0), frequencies=1.0).thermodynamic()
    np.testing.assert_array_equal(fixed.couplings, [[2, -2], [2, 2]])
    np.testing.assert_allclose(fixed.weights, [0.25, 0.75])
    for endless in (od.Gaussian(1.0), od.Uniform(1.0)):
        with pytest.raises(od.InputError, match="thermodynamic limit"):
            od.RandomDicke(endless, 4, 2, frequencies=1.0).thermodynamic()


@pytest.mark.parametrize("couplings", [od.Binary(0.0), od.Discrete([1, -1], [0.5, 0.5], 0.0)])
def test_patterns_do_not_depend_on_the_strength(couplings: od.Binary | od.Discrete) -> None:
    """At zero coupling the patterns are those of any other strength: a sweep may start there."""
    sizes = {"spins": 50, "modes": 3, "frequencies": 1.0}
    silent = od.RandomDicke(couplings=couplings, **sizes).draw(seed=3)
    loud = od.RandomDicke(couplings=od.Binary(-0.7), **sizes).draw(seed=3)
    np.testing.assert_array_equal(silent.pattern_matrix, loud.pattern_matrix)
    np.testing.assert_allclose(loud.couplings.T, -0.7 / 50**0.5 * loud.pattern_matrix)
    limit = od.RandomDicke(couplings=couplings, **sizes).thermodynamic()
    assert {tuple(row) for row in limit.pattern_matrix.T} == set(product((1, -1), repeat=3))


def test_what_a_user_changes_later_does_not_reach_in() -> None:
    """Ensembles and states keep copies of the arrays they were given."""
    frequencies, amplitudes = np.array([1.0, 1.0]), np.array([0.5, 0.5j])
    ensemble = od.RandomDicke(couplings=od.Binary(1.0), spins=4, modes=2, frequencies=frequencies)
    state = od.ProductState.polarized("+z", displacement=amplitudes)
    frequencies[:] = 5.0
    amplitudes[:] = 5.0
    model = ensemble.draw()
    np.testing.assert_array_equal(model.frequencies, [1.0, 1.0])
    np.testing.assert_array_equal(state.resolve(model).displacement, [0.5, 0.5j])


def test_errors_travel_between_processes() -> None:
    """Exceptions of a worker arrive whole."""
    error = od.InputError("loss", "exceed `gain`", "was 1")
    copied = copy.copy(error)
    assert (type(copied), str(copied), copied.argument) == (od.InputError, str(error), "loss")
