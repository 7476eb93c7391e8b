"""Tables of flip rates against quadrature of the coherence, in both forms, and their bounds."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import opendicke.model.checks as checks
from opendicke.errors import InputError
from opendicke.physics.flip_rates import Spectrum
from opendicke.physics.rate_pieces import distinguished, fitted
from opendicke.physics.rate_table import FlipRates, find_piece, tabulate


def quadrature(
    row: Any, frequencies: Any, loss: Any, gain: Any, energies: np.ndarray
) -> np.ndarray:
    """2 Re ∫C(t)e^{iεt}dt by Gauss-Legendre panels, and the exponential tail in closed form."""
    g, omega, loss, gain = (np.atleast_1d(v).astype(float) for v in (row, frequencies, loss, gain))
    damping, z = loss - gain, (loss - gain) / 2 + 1j * omega
    up, down = 4 * g**2 * gain / damping / z**2, 4 * g**2 * loss / damping / z.conj() ** 2
    decay = np.sum(4 * g**2 * (loss + gain) / damping * (1 / z).real)

    def exponent(t: np.ndarray) -> np.ndarray:
        t = t[:, None]
        return (
            -(up * np.expm1(-z * t) + down * np.expm1(-z.conj() * t)).sum(axis=1) - decay * t[:, 0]
        )

    end = 80 / damping.min()
    trial = np.linspace(0, end, 4000)
    gone = np.flatnonzero(exponent(trial).real > -40)
    end = trial[min(gone[-1] + 2, 3999)]
    fastest = np.abs(energies).max() + np.sum(4 * g**2 / np.abs(z)) + np.abs(z).max()
    parts = int(end * fastest / 4) + 60
    x, w = np.polynomial.legendre.leggauss(16)
    half = end / parts / 2
    t = (np.arange(parts)[:, None] * 2 * half + half * (1 + x)).ravel()
    weighted = np.exp(exponent(t)) * np.tile(w * half, parts)
    rates = np.array([2 * (np.exp(1j * e * t) @ weighted).real for e in energies])
    last = np.exp(exponent(np.array([end]))[0])
    return rates + 2 * (last * np.exp(1j * energies * end) / (decay - 1j * energies)).real


def costs(couplings: np.ndarray, omega: Any, loss: Any, gain: Any, spin: int) -> np.ndarray:
    """ε of a spin in all configurations, from the definition."""
    c = 16 * np.asarray(omega) / (4 * np.asarray(omega) ** 2 + (np.asarray(loss) - gain) ** 2)
    found = []
    for sigma in product([1, -1], repeat=len(couplings)):
        others = np.array(sigma) @ couplings - sigma[spin] * couplings[spin]
        found.append(sigma[spin] * np.sum(c * couplings[spin] * others))
    return np.array(found)


def assert_close(found: np.ndarray, exact: np.ndarray, relative: float, peak: float) -> None:
    error = (np.abs(found - exact) / np.maximum(relative * exact, 2e-14 * peak)).ravel()
    worst = int(np.argmax(error))
    assert error[worst] <= 1, (error[worst], worst, found.ravel()[worst], exact.ravel()[worst])


MODELS = {
    "sidebands": ([[0.05], [-0.03], [0.04], [0.05]], [1.0], [0.01], [0.0]),
    "cold": ([[3.0], [-2.0], [1.0], [0.7]], [1.0], [1.1], [1.0]),
    "hot": ([[3.0], [-2.0], [1.0], [0.7]], [1.0], [11.0], [1.0]),
    "two modes": ([[0.6, -0.4], [0.3, 0.2], [0.0, 0.5]], [1.0, 1.7], [1.2, 0.9], [0.15, 0.05]),
    "detuned": ([[0.6, 0.1], [0.3, 0.2], [0.4, 0.5]], [-0.7, 0.0], [0.5, 0.8], [0.0, 0.1]),
}


@pytest.mark.parametrize("name", MODELS)
def test_rows_are_the_integral_of_the_coherence(name: str) -> None:
    """At all configurations, over the range to its very ends, and where lines are."""
    couplings, omega, loss, gain = (np.array(part) for part in MODELS[name])
    field = 0.1 * np.arange(1, len(couplings) + 1)
    table = tabulate(couplings, omega, loss, gain, field, workers=1)
    generator = np.random.default_rng(3)
    for spin in range(len(couplings)):
        epsilon = costs(couplings, omega, loss, gain, spin)
        row = table.arrays.first[spin]
        lowest, highest = table.arrays.lowest[row], table.arrays.highest[row]
        assert lowest <= epsilon.min()
        assert epsilon.max() <= highest
        near = np.concatenate([[0.0], omega, -omega]) + np.array([[-0.004], [0.0], [0.001]])
        energies = np.concatenate(
            [epsilon, [lowest, highest], generator.uniform(lowest, highest, 20), near.ravel()]
        )
        energies = energies[(energies >= lowest) & (energies <= highest)]
        exact = quadrature(couplings[spin], omega, loss, gain, energies)
        peak = Spectrum(couplings[spin], omega, loss, gain).peak
        assert_close(table.evaluate(spin, energies) / field[spin] ** 2, exact, 2e-9, peak)


def test_no_faint_line_is_missed() -> None:
    """Lines of 1e-9 to 1e-13 of the highest, too narrow to be met by chance."""
    couplings = np.concatenate([[[0.28]], np.full((60, 1), 0.3)])
    table = tabulate(couplings, 1.0, 0.002, 0.001, np.eye(61)[0], workers=1)
    spectrum = Spectrum([0.28], [1.0], [0.002], [0.001])
    lines = np.arange(-18, 19) + np.array([[-0.02], [-0.003], [0.0], [0.001], [0.01]])
    exact = spectrum.at(lines)
    assert exact[2].min() < 1e-11 * spectrum.peak
    assert_close(table.evaluate(0, lines), exact, 2e-9, spectrum.peak)


def test_a_smooth_band_of_lines_takes_few_pieces() -> None:
    """Hundreds of sidebands, each wider than twice their spacing, are nearly one Gaussian."""
    table = tabulate([[0.8], [190.0]], 1.0, 1.001, 1.0, [1.0, 0.0], workers=1)
    assert table.report["pieces"] < 150
    energies = np.linspace(-600.0, 600.0, 1777)
    spectrum = Spectrum([0.8], [1.0], [1.001], [1.0])
    assert_close(table.evaluate(0, energies), spectrum.at(energies), 2e-9, spectrum.peak)


def test_lines_apart_and_lines_above_their_neighbours_stand_out() -> None:
    """Pairs and strong lines do; those within a band of like ones do not."""
    centres = np.array([0.0, 1.0, 50.0, 100.0, 101.0, 102.0, 103.0])
    for weights, expected in (
        (np.ones(7), [0, 1, 2, 3, 6]),
        (np.array([1, 1, 1, 1, 1e6, 1, 1.0]), [0, 1, 2, 3, 4, 6]),
        (np.array([1, 1, 1, 1, 1e6, 1e6, 1]), [0, 1, 2, 3, 4, 5, 6]),
    ):
        found, widths = distinguished(centres, np.full(7, 2.0), weights)
        assert found.tolist() == centres[expected].tolist()
        assert widths.tolist() == [2.0] * len(found)


def test_fits_end_at_round_off_and_at_noise() -> None:
    """A jump is followed to neighbouring numbers, noise is not followed at all."""
    jump = np.float64(1 / 3)
    pieces = fitted(
        [lambda e: np.where(e < jump, 1.0, 2.0)], np.array([0.0, 1.0]), 1e-9, np.zeros(1)
    )
    assert len(pieces.left) < 200
    assert pieces.error > 0.1
    exact = np.flatnonzero(np.abs(pieces.left - jump) > 1e-13)
    np.testing.assert_allclose(pieces.coefficients[0, exact, 1:], 0, atol=1e-12)
    noisy = fitted(
        [lambda e: np.exp(e) * (1 + 1e-8 * np.sin(1e15 * e))],
        np.linspace(0.0, 3.0, 4),
        1e-9,
        np.zeros(1),
    )
    assert len(noisy.left) < 100
    assert 1e-9 < noisy.error < 1e-7


def test_tolerance_sets_pieces_and_error() -> None:
    couplings, omega, loss, gain = (np.array(part) for part in MODELS["sidebands"])
    coarse, fine = (
        tabulate(couplings, omega, loss, gain, 1.0, tolerance=tolerance, workers=1)
        for tolerance in (1e-4, 1e-9)
    )
    energies = np.linspace(coarse.arrays.lowest[0], coarse.arrays.highest[0], 999)
    spectrum = Spectrum(couplings[0], omega, loss, gain)
    exact = spectrum.at(energies)
    error = np.abs(coarse.evaluate(0, energies) - exact) / np.maximum(exact, 1e-10 * spectrum.peak)
    assert 1e-7 < error.max() <= 2e-4
    assert coarse.report["pieces"] < fine.report["pieces"] / 2
    assert coarse.report["row_error"] <= 1e-4
    assert error.max() <= 1.5 * coarse.report["row_error"]


def crowd(loss: float = 1.1, gain: float = 1.0, spins: int = 150) -> tuple[np.ndarray, FlipRates]:
    generator = np.random.default_rng(11)
    couplings = np.concatenate([generator.uniform(0.6, 1.2, spins - 3), [1e-3, -1e-6, 0.02]])
    couplings *= generator.choice([-1.0, 1.0], spins)
    field = generator.uniform(0.5, 2.0, spins)
    table = tabulate(couplings[:, None], 1.0, loss, gain, field, form="nodes", workers=1)
    return couplings, table


@pytest.mark.parametrize(("loss", "gain"), [(1.1, 1.0), (11.0, 1.0), (0.05, 0.01)])
def test_nodes_agree_with_a_row_for_each_spin(loss: float, gain: float) -> None:
    couplings, table = crowd(loss, gain)
    field = np.sqrt(table.arrays.weights.sum(axis=1))
    rows = tabulate(couplings[:, None], 1.0, loss, gain, field, form="rows", workers=1)
    assert table.report["form"] == "nodes"
    assert 8 <= table.report["nodes"] < 120
    assert rows.report["rows"] == len(couplings)
    assert rows.report["form"] == "rows"
    generator = np.random.default_rng(5)
    spins = generator.integers(0, len(couplings), 4000)
    spins[:6] = [147, 148, 149] * 2
    reach = rows.arrays.highest[rows.arrays.first[spins]]
    energies = reach * np.concatenate(
        [[0, 0, 0, -1, -1, 1], generator.uniform(-1, 1, 2000), generator.normal(0, 0.02, 1994)]
    ).clip(-1, 1)
    one, two = table.evaluate(spins, energies), rows.evaluate(spins, energies)
    peak = (
        np.array([Spectrum([g], [1.0], [loss], [gain]).peak for g in couplings])[spins]
        * field[spins] ** 2
    )
    assert (np.abs(one - two) <= np.maximum(1.2e-8 * two, 5e-14 * peak)).all()
    # The nodes are those of Spectrum too, not only of one another.
    for spin in (0, 100, 147, 148, 149):
        chosen = np.linspace(-1, 1, 41) * rows.arrays.highest[rows.arrays.first[spin]]
        exact = Spectrum([couplings[spin]], [1.0], [loss], [gain]).at(chosen)
        assert_close(table.evaluate(spin, chosen) / field[spin] ** 2, exact, 1.2e-8, exact.max())


@pytest.mark.parametrize("g", [1e-7, 1e-20, 1e-60])
def test_a_tiny_coupling_is_a_narrow_lorentzian(g: float) -> None:
    """For G → 0 the rate is 2γ/(γ² + ε²), of the width γ = 4G²(2n̄ + 1)Re(1/z) of the line at 0."""
    loss, gain = 0.9, 0.3
    table = tabulate([[g], [1.0]], 0.8, loss, gain, [1.0, 0.0])
    damping = loss - gain
    width = 4 * g**2 * (loss + gain) / damping * (damping / 2) / (damping**2 / 4 + 0.64)
    energies = width * np.array([-40.0, -1.0, 0.0, 0.3, 2.0, 700.0])
    exact = 2 * width / (width**2 + energies**2)
    np.testing.assert_allclose(table.evaluate(0, energies), exact, rtol=1e-8)


def test_equal_rows_are_shared() -> None:
    """Up to signs, to round-off, and to rotations among equal modes, but no further."""
    same = [[0.3, 0.4], [-0.3, 0.4], [0.1 + 0.2, -0.4], [0.4, 0.3], [0.3, 0.4000001]]
    differ = tabulate(same, [1.0, 1.3], 1.0, 0.1, 1.0)
    assert differ.report["rows"] == 3
    assert len(set(differ.arrays.first[:3])) == 1
    equal = tabulate([*same, [0.0, 0.5]], [1.0, 1.0], 1.0, 0.1, 1.0)
    assert equal.report["rows"] == 2
    assert len(set(equal.arrays.first[[0, 1, 2, 3, 5]])) == 1
    energies = np.linspace(-0.3, 0.3, 7)
    exact = Spectrum([0.3, 0.4], [1.0, 1.0], [1.0, 1.0], [0.1, 0.1]).at(energies)
    np.testing.assert_allclose(equal.evaluate(5, energies), exact, rtol=3e-9)


def test_rates_scale_with_the_squared_field() -> None:
    table = tabulate([[0.5], [0.5], [0.5], [0.0]], 1.0, 1.0, 0.1, [1.0, -3.0, 0.0, 0.0])
    energies = np.linspace(-0.4, 0.4, 9)
    one = table.evaluate(0, energies)
    assert one.min() > 0
    np.testing.assert_allclose(table.evaluate(1, energies), 9 * one, rtol=1e-15)
    np.testing.assert_array_equal(table.evaluate([[2], [3]], energies), np.zeros((2, 9)))
    assert table.report["rows"] == 1
    nothing = tabulate([[0.5], [0.0]], 1.0, 1.0, 0.1, 0.0)
    assert nothing.evaluate([0, 1], 0.1).tolist() == [0.0, 0.0]
    assert nothing.bounds(0, [-1.0, 1.0]).tolist() == [0.0]


def test_a_spin_alone_has_its_rate_at_zero() -> None:
    table = tabulate([[0.5]], 1.0, 1.0, 0.1, 2.0)
    exact = quadrature([0.5], 1.0, 1.0, 0.1, np.zeros(1))
    np.testing.assert_allclose(table.evaluate(0, 0.0), 4 * exact[0], rtol=3e-9)


@pytest.mark.parametrize("form", ["rows", "nodes"])
def test_bounds_enclose_the_rate_closely(form: str) -> None:
    """Never below the densely sampled rate, at most 2 % above where an interval is resolved."""
    if form == "rows":
        couplings = np.array(MODELS["sidebands"][0])
        table = tabulate(couplings, 1.0, 0.01, 0.0, 0.3, workers=1)
        spins = [0, 1]
    else:
        table, spins = crowd()[1], [0, 17, 147]
    generator = np.random.default_rng(8)
    for spin in spins:
        row = table.arrays.first[spin]
        lowest, highest = table.arrays.lowest[row], table.arrays.highest[row]
        left = table.arrays.left[table.arrays.offsets[row] : table.arrays.offsets[row + 1]]
        for edges in (
            np.sort(generator.uniform(1.1 * lowest, 1.1 * highest, 120)),
            np.linspace(lowest, highest, 4),
            np.sort(np.concatenate([left, (left[1:] + left[:-1]) / 2])),
        ):
            bounds = table.bounds(spin, edges)
            inside = np.concatenate([left, np.linspace(lowest, highest, 20001)])
            energies = np.sort(
                np.concatenate(
                    [
                        inside,
                        edges,
                        (edges[:-1] + np.diff(edges) * np.linspace(0, 1, 30)[:, None]).ravel(),
                        (left[:-1] + np.diff(left) * np.linspace(0, 1, 12)[:, None]).ravel(),
                    ]
                )
            )
            rates = table.evaluate(spin, energies)
            starts = np.searchsorted(energies, edges[:-1], side="left")
            ends = np.searchsorted(energies, edges[1:], side="right")
            largest = np.array([rates[a:b].max() for a, b in zip(starts, ends, strict=True)])
            assert (bounds >= largest).all()
            assert (bounds <= 1.02 * largest + 1e-13 * rates.max()).all()
            assert (bounds >= rates.max()).any() == (largest.max() == rates.max())


def test_each_energy_is_looked_up_in_its_piece() -> None:
    """At every breakpoint and the numbers next to it, in rows of very unequal pieces."""
    table = tabulate([[0.05], [0.02], [9.0]], 1.0, 0.01, 0.0, [1.0, 1.0, 0.0], workers=1)
    arrays = table.arrays
    for row in range(2):
        start, end = arrays.offsets[row : row + 2]
        for k in range(start, end):
            for energy in (
                arrays.left[k],
                np.nextafter(arrays.left[k], np.inf),
                np.nextafter(arrays.left[k], -np.inf),
            ):
                piece = find_piece(arrays, row, max(energy, arrays.lowest[row]))
                assert start <= piece < end
                assert piece == start or arrays.left[piece] <= energy
                assert piece == end - 1 or energy < arrays.left[piece + 1]
    beyond = table.evaluate(0, [-1e9, 1e9])
    ends = table.evaluate(0, [arrays.lowest[arrays.first[0]], arrays.highest[arrays.first[0]]])
    np.testing.assert_array_equal(beyond, ends)


def test_results_do_not_depend_on_the_workers() -> None:
    couplings = np.linspace(0.2, 1.0, 12)[:, None] * [1.0, 0.3]
    one, four = (
        tabulate(couplings, [1.0, 1.2], 1.0, 0.2, 1.0, workers=workers) for workers in (1, 4)
    )
    for first, second in zip(one.arrays, four.arrays, strict=True):
        np.testing.assert_array_equal(first, second)


def test_many_rows_are_made_nodes_by_themselves() -> None:
    couplings = np.linspace(0.8, 1.0, 2100)
    table = tabulate(couplings[:, None], 1.0, 11.0, 1.0, 0.1, workers=1)
    assert table.report["form"] == "nodes"
    assert table.report["rows"] < 50
    exact = Spectrum([couplings[777]], [1.0], [11.0], [1.0]).at([-3.0, 40.0])
    np.testing.assert_allclose(table.evaluate(777, [-3.0, 40.0]), 0.01 * exact, rtol=1e-8)


GOOD: dict[str, Any] = {
    "couplings": [[0.5, 0.1], [0.2, 0.3]],
    "frequencies": [1.0, 1.2],
    "loss": [1.0, 1.0],
    "gain": 0.1,
    "field": 0.1,
}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"couplings": [0.5]}, "`couplings` must have two dimensions"),
        ({"frequencies": [1.0]}, "`frequencies` must be a number or have one entry per mode"),
        (
            {"couplings": [[0.0, 0.5, 0.1]] * 2, "frequencies": 1.0, "loss": 1.0}
            | {"gain": [0.1, 0.1, 1.0]},
            "`loss` must exceed `gain` in every mode that couples.* mode 2 has loss=1, gain=1",
        ),
        ({"couplings": [[0.5, 0.1], [0.0, 0.0]]}, "those of spin 1 are at most 0"),
        ({"form": "nodes"}, "`form` must be `rows` where modes that couple differ"),
        ({"form": "cubes"}, "`form` must be a known word"),
        ({"tolerance": 0.0}, "`tolerance` must be at least 1e-13"),
        ({"workers": 0}, "`workers` must be at least 1"),
    ],
)
def test_refusals(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        tabulate(**(GOOD | changed))


def test_refused_questions() -> None:
    table = tabulate(**GOOD)
    for spins in (2, -1, 0.5):
        with pytest.raises(InputError, match="`spins` must be integers from 0 to 1"):
            table.evaluate(spins, 0.1)
    with pytest.raises(InputError, match="`energies` must be finite"):
        table.evaluate(0, np.nan)
    with pytest.raises(InputError, match="`spin` must be below"):
        table.bounds(2, [0.0, 1.0])
    with pytest.raises(InputError, match="ascending"):
        table.bounds(0, [0.0, -1.0])


def test_tables_beyond_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "machine_memory", lambda: 200_000)
    couplings = np.linspace(0.1, 0.5, 60)[:, None]
    with pytest.raises(InputError, match=r"`couplings` .* tables of all rates would need 0\.0"):
        tabulate(couplings, 1.0, 1.0, 0.1, 1.0)


def test_what_falls_below_zero_counts_as_zero() -> None:
    table = tabulate(**GOOD)
    arrays = table.arrays
    below = FlipRates(arrays._replace(coefficients=-arrays.coefficients), table.report)
    assert table.evaluate([0, 1], 0.01).min() > 0
    assert below.evaluate([0, 1], 0.01).tolist() == [0.0, 0.0]
    assert below.bounds(0, [-0.01, 0.0, 0.01]).tolist() == [0.0, 0.0]


def test_modes_that_do_not_couple_need_no_damping() -> None:
    with_idle = tabulate([[0.5, 0.0], [0.2, 0.0]], [1.0, 2.0], [1.0, 0.0], 0.0, 1.0)
    without = tabulate([[0.5], [0.2]], 1.0, 1.0, 0.0, 1.0)
    energies = np.linspace(-0.1, 0.1, 5)
    np.testing.assert_array_equal(with_idle.evaluate(1, energies), without.evaluate(1, energies))
