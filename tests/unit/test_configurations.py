"""Numbers and energies of configurations, and ground states, against sums over all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import opendicke as od
from opendicke.model.configurations import (
    check_enumerable,
    configuration_index,
    configuration_values,
    configurations,
    energy_blocks,
    energy_range,
    energy_scale,
    flip_costs,
    halves,
    ising_energies,
    model_energies,
    pair_terms,
    spin_flip_costs,
)
from opendicke.model.ground_states import ground_states

# Couplings, least and greatest E of fiorelli2020 Eq. (4), from an enumeration in another program.
COOLED = np.array(
    [
        0.8217701239287258,
        -1.3812797174167781,
        -2.7541588563828316,
        -2.9008341868288254,
        1.879621435201635,
        2.47653346366633,
        0.6398146546030792,
        1.3769793659039902,
        0.261749948792537,
        2.610434542726609,
    ]
)
LEAST, GREATEST = -63.770164593260255, 9.359082743280128


def by_pairs(matrix: np.ndarray) -> np.ndarray:
    """H_I of all configurations by its definition, one pair after the other."""
    spins = len(matrix)
    energies = []
    for sigma in itertools.product((1, -1), repeat=spins):
        energy = 0.0
        for i in range(spins):
            for j in range(spins):
                if i != j:
                    energy -= matrix[i, j] * sigma[i] * sigma[j]
        energies.append(energy)
    return np.array(energies)


def drawn(spins: int, modes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    couplings, strengths = random.normal(size=(spins, modes)), random.normal(size=modes)
    return couplings, strengths, (couplings * strengths) @ couplings.T


# Numbers


@pytest.mark.parametrize("spins", [0, 1, 2, 5])
def test_configurations_are_ordered_like_kronecker_products(spins: int) -> None:
    table = configurations(spins)
    assert table.dtype == np.int8
    expected = np.array(list(itertools.product((1, -1), repeat=spins))).reshape(2**spins, spins)
    np.testing.assert_array_equal(table, expected)
    for j in range(spins):
        left, right = np.ones(2**j), np.ones(2 ** (spins - 1 - j))
        np.testing.assert_array_equal(table[:, j], np.kron(np.kron(left, [1, -1]), right))


def test_numbers_and_values_are_each_others_reverse() -> None:
    numbers = np.arange(2**7).reshape(2, 64)
    values = configuration_values(numbers, 7)
    assert values.shape == (2, 64, 7)
    np.testing.assert_array_equal(values.reshape(-1, 7), configurations(7))
    np.testing.assert_array_equal(configuration_index(values), numbers)
    assert configuration_index([1, 1, -1, 1]) == 2
    assert configuration_index([-1] + [1] * 61) == 2**61


# Energies


@pytest.mark.parametrize("spins", range(1, 9))
@pytest.mark.parametrize("modes", [1, 2, 9])
def test_energies_by_definition(spins: int, modes: int) -> None:
    """Few modes stay factors; as many as spins in half become a matrix."""
    couplings, strengths, matrix = drawn(spins, modes, 10 * spins + modes)
    energies = ising_energies(couplings, strengths)
    np.testing.assert_allclose(energies, by_pairs(matrix), rtol=0, atol=1e-12)


def test_energies_of_a_dicke_model() -> None:
    """ω/(ω² + Γ²/4) of each mode, with a mode of frequency zero and one of negative frequency."""
    omega, loss, gain = np.array([1.0, 0.0, -2.0]), np.array([3.0, 2.0, 1.0]), np.array([1, 0, 0.5])
    couplings = drawn(5, 3)[0]
    strengths = omega / (omega**2 + (loss - gain) ** 2 / 4)
    model = od.DickeModel(couplings, omega, loss=loss, gain=gain, field=0.3)
    expected = by_pairs((couplings * strengths) @ couplings.T)
    np.testing.assert_allclose(model_energies(model), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ising_energies(couplings, strengths), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("self_interaction", ["drop", "keep"])
def test_energies_of_a_matrix_leave_the_diagonal_out(self_interaction: str) -> None:
    matrix = drawn(6, 6)[2]
    ising = od.IsingModel(matrix, field=1.0, self_interaction=self_interaction)
    np.testing.assert_allclose(model_energies(ising), by_pairs(matrix), rtol=0, atol=1e-12)


def test_energies_of_twenty_spins_against_single_sums() -> None:
    couplings, strengths, matrix = drawn(20, 3)
    energies = ising_energies(couplings, strengths)
    assert energies.shape == (2**20,)
    for number in np.random.default_rng(1).integers(0, 2**20, 50):
        sigma = configuration_values(int(number), 20).astype(float)
        expected = np.trace(matrix) - sigma @ matrix @ sigma
        assert energies[number] == pytest.approx(expected, abs=1e-10)


def test_costs_are_differences_of_energies() -> None:
    couplings, strengths, matrix = drawn(6, 2)
    energies, table = by_pairs(matrix), configurations(6)
    costs = flip_costs(couplings, strengths, table)
    assert costs.shape == (64, 6)
    for spin in range(6):
        flipped = energies[np.arange(64) ^ (1 << (5 - spin))]
        np.testing.assert_allclose(costs[:, spin], flipped - energies, rtol=0, atol=1e-12)
        single = spin_flip_costs(couplings, strengths, spin)
        np.testing.assert_allclose(single, flipped - energies, rtol=0, atol=1e-12)
    one = flip_costs(couplings, strengths, table[5])
    np.testing.assert_allclose(one, costs[5], rtol=0, atol=1e-13)
    assert spin_flip_costs([[2.0]], 1.0, 0).tolist() == [0.0, 0.0]


def test_energy_and_costs_of_the_paper() -> None:
    """fiorelli2020 Eqs. (3)–(4): E = −¼ Σ g g σ σ, ΔE_i = g_i σ_i Σ g_l σ_l, one mode."""
    omega, loss, gain = 0.7, 1.9, 0.4
    g, sigma = np.array([0.6, -1.1, 0.3, 2.0]), np.array([1, -1, -1, 1])
    eta = (loss - gain) / omega
    scale = energy_scale(omega, loss, gain)
    assert scale == pytest.approx(omega * (eta**2 + 4) / 16, rel=1e-14)
    strength = omega / (omega**2 + (loss - gain) ** 2 / 4)
    paper = by_pairs(np.outer(g, g)) / 4
    np.testing.assert_allclose(scale * ising_energies(g[:, None], strength), paper, rtol=1e-13)
    jumps = g * sigma * (np.sum(g * sigma) - g * sigma)
    costs = flip_costs(g[:, None], strength, sigma)
    np.testing.assert_allclose(scale * costs, jumps, rtol=1e-13)
    # What stands in the cosine of Eq. (3), per unit of time.
    printed = 16 * jumps / (omega**2 * (eta**2 + 4)) * omega
    np.testing.assert_allclose(costs, printed, rtol=1e-13)


# Ground states and ranges


@pytest.mark.parametrize("eta", [0.1, 10.0])
def test_ground_states_of_the_cooled_spins(eta: float) -> None:
    model = od.DickeModel(COOLED[:, None], 1.0, loss=1.0 + eta, gain=1.0)
    scale = energy_scale(model.frequencies, model.loss, model.gain)
    states = ground_states(model)
    assert scale * states.energy == pytest.approx(LEAST, rel=1e-14)
    np.testing.assert_array_equal(states.configurations, np.sign([COOLED, -COOLED]))
    lowest, highest = energy_range(model)
    assert scale * lowest == pytest.approx(LEAST, rel=1e-13)
    assert scale * highest == pytest.approx(GREATEST, rel=1e-13)


@pytest.mark.parametrize("spins", range(1, 9))
@pytest.mark.parametrize("modes", [1, 2, 6])
def test_ground_states_by_definition(spins: int, modes: int) -> None:
    couplings, strengths, matrix = drawn(spins, modes, spins + 100 * modes)
    energies = by_pairs(matrix)
    expected = configurations(spins)[energies <= energies.min() + 1e-12]
    for model in (
        od.IsingModel(factors=couplings, strengths=strengths),
        od.IsingModel(matrix),
    ):
        states = ground_states(model)
        assert states.energy == pytest.approx(energies.min(), abs=1e-12)
        np.testing.assert_array_equal(states.configurations, expected)
        assert energy_range(model) == pytest.approx((energies.min(), energies.max()), abs=1e-12)


def test_a_frustrated_triangle_has_six_ground_states() -> None:
    """Three antiferromagnetic bonds: all but the two aligned configurations, at H = −2."""
    states = ground_states(od.IsingModel(-np.ones((3, 3))))
    assert states.energy == pytest.approx(-2.0, rel=1e-15)
    np.testing.assert_array_equal(states.configurations, configurations(3)[1:-1])


def test_number_partitioning() -> None:
    """4 + 5 + 6 = 7 + 8 is the only even split; a split leaves H = (difference)² − Σ g²."""
    numbers = np.array([4.0, 5.0, 6.0, 7.0, 8.0])
    model = od.DickeModel(numbers[:, None], -2.0)  # s = 1/ω = −1/2
    states = ground_states(model)
    assert states.energy == pytest.approx(-0.5 * 190, rel=1e-14)
    np.testing.assert_array_equal(states.configurations, [[1, 1, 1, -1, -1], [-1, -1, -1, 1, 1]])


def test_ground_states_in_several_blocks() -> None:
    """20 spins make two blocks; ground states are found in either, and in both."""
    found = set()
    for seed in range(4):
        couplings, strengths, _ = drawn(20, 4, seed)
        if seed == 3:  # equal numbers: many splits are even
            couplings, strengths = np.full((20, 1), 0.1), np.array([-1 / 3])
        energies = ising_energies(couplings, strengths)
        model = od.IsingModel(factors=couplings, strengths=strengths)
        assert len(energy_blocks(halves(*pair_terms(model)), reverse=False)) == 2
        states = ground_states(model)
        found |= set((configuration_index(states.configurations) // 2**18).tolist())
        expected = np.flatnonzero(energies < energies.min() + 1e-10)
        np.testing.assert_array_equal(configuration_index(states.configurations), expected)
        assert states.energy == pytest.approx(energies.min(), rel=1e-13)
    assert found == {0, 1, 2, 3}


def test_one_mode_of_many_spins_has_the_signs_of_its_couplings() -> None:
    g = np.random.default_rng(5).normal(size=20_000)
    states = ground_states(od.DickeModel(g[:, None], 3.0, loss=2.0))
    np.testing.assert_array_equal(states.configurations, np.sign([g, -g])[:: int(np.sign(g[0]))])
    assert states.energy == pytest.approx(-0.3 * (np.abs(g).sum() ** 2 - (g**2).sum()), rel=1e-12)


def test_spins_without_coupling_are_free() -> None:
    """The closed form lists what looking at all configurations lists."""
    g = np.array([0.0, 0.4, -1.0, 0.0, 2.0])
    closed = ground_states(od.DickeModel(g[:, None], 1.0))
    looked = ground_states(od.IsingModel(np.outer(g, g)))
    assert len(closed.configurations) == 8
    np.testing.assert_array_equal(closed.configurations, looked.configurations)
    assert closed.energy == pytest.approx(looked.energy, rel=1e-14)
    # A mode of frequency zero, or without couplings, leaves the other mode its closed form.
    table = np.stack([g, np.ones(5), np.zeros(5)], axis=1)
    more = ground_states(od.DickeModel(table, [1.0, 0.0, 1.0], loss=[0.0, 1.0, 0.0]))
    np.testing.assert_array_equal(more.configurations, closed.configurations)
    many = np.stack([np.linspace(-1, 1, 40), np.ones(40), np.zeros(40)], axis=1)
    large = ground_states(od.DickeModel(many, [1.0, 0.0, 1.0], loss=[0.0, 1.0, 0.0]))
    np.testing.assert_array_equal(large.configurations, np.sign([-many[:, 0], many[:, 0]]))
    none = ground_states(od.IsingModel(factors=np.ones((3, 1)), strengths=0.0))
    np.testing.assert_array_equal(none.configurations, configurations(3))


def test_bounds_of_many_spins() -> None:
    """Above 24 spins the range is not looked up, but holds every energy."""
    couplings, strengths, matrix = drawn(40, 3)
    spins = 1 - 2 * np.random.default_rng(2).integers(0, 2, (200, 40))
    energies = np.trace(matrix) - np.einsum("ci,ij,cj->c", spins, matrix, spins)
    for model in (
        od.IsingModel(factors=couplings, strengths=strengths),
        od.IsingModel(matrix),
    ):
        lowest, highest = energy_range(model)
        assert lowest < energies.min() < energies.max() < highest
    one = od.IsingModel(factors=couplings[:, :1])
    assert energy_range(one)[0] == pytest.approx(ground_states(one).energy, rel=1e-13)
    # Reached where the couplings cancel: N equal ones leave N s g².
    half = np.full((40, 1), 0.5)
    assert energy_range(od.IsingModel(factors=half)) == pytest.approx((-390.0, 10.0))
    assert energy_range(od.IsingModel(factors=half, strengths=-1)) == pytest.approx((-10.0, 390.0))


# What is refused


def test_too_many_spins_are_refused_with_their_number() -> None:
    with pytest.raises(od.InputError, match=r"`model` must have at most 30 spins.* has 31"):
        ground_states(od.IsingModel(np.ones((31, 31))))
    with pytest.raises(od.InputError, match="one mode of positive frequency"):
        ground_states(od.DickeModel(np.ones((31, 1)), -1.0))
    with pytest.raises(od.InputError, match=r"2\^31 configurations, 1.72e\+10 bytes"):
        check_enumerable(31, "it is a test")
    check_enumerable(30, "it is a test")
    with pytest.raises(od.InputError, match="`couplings` must have at most 30 spins"):
        ising_energies(np.ones((2000, 1)), 1.0)
    with pytest.raises(od.InputError, match="`spins` must have at most 30 spins"):
        configurations(31)
    with pytest.raises(od.InputError, match="`couplings` must have at most 30"):
        spin_flip_costs(np.ones((31, 1)), 1.0, 0)


def test_too_many_ground_states_are_refused() -> None:
    with pytest.raises(od.InputError, match="at most 1048576 ground states"):
        ground_states(od.IsingModel(np.zeros((22, 22))))
    with pytest.raises(od.InputError, match="at most 1048576 ground states"):
        ground_states(od.DickeModel(np.eye(2000)[:, :1], 1.0))


def test_memory_is_checked_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opendicke.model.checks.machine_memory", lambda: 10**6)
    with pytest.raises(od.InputError, match=r"would need 0.00839 GB"):
        ising_energies(np.ones((20, 1)), 1.0)
    with pytest.raises(od.InputError, match="a table of all configurations"):
        configurations(18)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: configuration_index([1, 0, 1]), "`values` must be +1 or -1, but had an entry 0."),
        (lambda: configuration_index(np.ones(63)), "`values` must have at most 62 spins"),
        (lambda: configuration_index(1), "`values` must have the shape (…, N spins)"),
        (lambda: configuration_values(8, 3), "`index` must be integers from 0 to 2^3 - 1"),
        (lambda: configuration_values(0.5, 3), "`index` must be integers"),
        (lambda: configuration_values(0, 63), "`spins` must be at most 62"),
        (lambda: flip_costs(np.ones((3, 1)), 1.0, [1, 1]), "(…, 3 spins), but had shape (2,)"),
        (lambda: flip_costs(np.ones((3, 1)), 1.0, [1, 1, 2]), "must be +1 or -1"),
        (lambda: flip_costs(np.ones((3, 1)), [1.0, 2.0], [1, 1, 1]), "`strengths` must"),
        (lambda: spin_flip_costs(np.ones((3, 1)), 1.0, 3), "`spin` must be one of the 3 spins"),
        (lambda: energy_scale(0.0), "`frequency` must not be zero"),
        (lambda: energy_scale([1.0, 2.0]), "`frequency` must be a number"),
        (lambda: energy_scale(1.0, 1.0, 2.0), "`loss` must exceed `gain`"),
        (lambda: model_energies(3), "`model` must be a DickeModel or an IsingModel, but was 3."),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(od.InputError) as caught:
        call()
    assert sentence in str(caught.value)
