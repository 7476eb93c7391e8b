"""kelly2021: ensembles, laws and claims; curves against an independent simulation."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import opendicke as od
from opendicke.cli import main
from opendicke.papers import find_paper, known_papers
from opendicke.papers.catalogue import Verdict
from opendicke.papers.kelly2021 import looking
from opendicke.papers.kelly2021.drawing import fitted, mean_curve, members_of
from opendicke.papers.kelly2021.ensembles import (
    displacement,
    experiment,
    gathered,
    over_draws,
    random_model,
    sizes,
    start,
    step_of,
    trajectories_of,
)
from opendicke.papers.kelly2021.relaxations import with_laws
from opendicke.papers.kelly2021.scales import SCALES

# Truncated Wigner of another program: its own sampling and integrator, other draws of the
# couplings. α = 10, N_t = 1000, σ = 2, ω = 10, h = 1; standard errors over draws.
REFERENCE = json.loads((Path(__file__).parents[1] / "systems" / "kelly2021.json").read_text())

FIGURES = (
    "fig1",
    "fig2_left",
    "fig2_center",
    "fig2_right",
    "fig3_left",
    "fig3_center",
    "fig3_right",
    "displaced",
    "loss",
    "elimination",
    "paramagnet",
    "self_term",
    "locked",
    "steps",
)
# What follows from formulas alone, at any scale.
FROM_FORMULAS = {
    "alpha_formula": Verdict.FAILS,
    "linear_temperature": Verdict.FAILS,
    "photon_time": Verdict.HOLDS,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the command made everything at the smallest scale."""
    folder = tmp_path_factory.mktemp("papers") / "kelly2021"
    assert main(["paper", "kelly2021", "--scale", "smoke", "--store", str(folder)]) == 0
    return folder


@pytest.fixture
def data(made: Path) -> Callable[[str], xr.Dataset]:
    return lambda name: od.load(made / f"{name}.zarr")


def test_sizes_of_the_paper() -> None:
    """α = N_b/N_s, N_t = N_s + N_b."""
    assert sizes(1000, 10.0) == (91, 909)
    assert sizes(640, 0.37) == (467, 173)
    paper = SCALES["paper"].parameters
    assert [paper[name]["total"] for name in ("fig2_left", "fig2_center", "fig2_right")] == [
        1000
    ] * 3
    assert [paper[name]["total"] for name in ("fig3_center", "fig3_right")] == [640] * 2
    for name, fixed, swept, ends in (
        ("fig2_left", {"alpha": 10.0, "sigma": 2.0}, "frequency", (3.6, 10.0)),
        ("fig2_center", {"alpha": 10.0, "frequency": 1.0}, "sigma", (2.1, 5.0)),
        ("fig2_right", {"alpha": 10.0, "sigma": 0.7}, "frequency", (0.5, 10.0)),
        ("fig3_center", {"sigma": 5.0, "frequency": 1.0}, "alpha", (0.1, 2.0)),
        ("fig3_right", {"sigma": 2.0, "frequency": 10.0}, "alpha", (0.3, 10.0)),
    ):
        points = paper[name]["points"]
        assert all(fixed.items() <= point.items() for point in points)
        values = [point[swept] for point in points]
        assert (min(values), max(values)) == ends


def test_couplings_and_start() -> None:
    """Variance σ²ω/(2N_t), Eq. (2); all modes displaced by 2N_s/√(N_tω/h)."""
    point = {"alpha": 10.0, "sigma": 2.0, "frequency": 10.0, "part": 0.5}
    model = random_model(point, 1000).draw(seed=1)
    assert model.couplings.shape == (91, 909)
    assert np.var(model.couplings) == pytest.approx(4 * 10 / 2000, rel=0.03)
    assert (model.coupling_axis, model.field_axis) == ("x", "z")
    assert displacement(point, 1000) == pytest.approx(0.5 * 2 * 91 / np.sqrt(1000 * 10))
    ds = od.solve(
        model, start(point, 1000), [0.0], od.TruncatedWigner(400, step=0.1), ["sx", "photons"],
        validity="ignore",
    )  # fmt: skip
    assert float(ds.sx[0]) == pytest.approx(1.0, abs=1e-12)
    photons = 909 * 0.91**2
    assert abs(float(ds.photons[0]) - photons) < 4 * float(ds.photons_stderr[0])


def test_samples_follow_the_number_of_spins() -> None:
    parameters = SCALES["paper"].parameters["fig3_center"]
    few, many = ({"alpha": alpha, "sigma": 5.0, "frequency": 1.0} for alpha in (10.0, 0.1))
    assert trajectories_of(parameters, few) == 50
    assert trajectories_of(parameters, many) == round(50 * 58 / 582)
    assert [step_of(sigma) for sigma in (0.5, 2.5, 2.6, 5.0, 5.6)] == [0.1, 0.1, 0.05, 0.05, 0.025]


class MemoryDesk:
    """Runs ensembles without a folder."""

    def __call__(self, share: float, text: str) -> None:
        """Progress goes nowhere."""

    def run(
        self, name: str, experiment: od.Experiment, share: tuple[float, float] = (0.0, 1.0)
    ) -> xr.Dataset:
        return od.run(experiment, validity="ignore", progress=False)


def test_every_curve_has_the_draws_that_it_needs() -> None:
    """No standard error of the papers' curves above .002; what is not there is left out."""
    figures = ("fig2_left", "fig2_center", "fig2_right", "fig3_center", "fig3_right")
    for name in (*figures, "displaced", "loss"):
        assert SCALES["paper"].parameters[name]["target_stderr"] == 0.002
    parameters = {
        **SCALES["smoke"].parameters["fig2_right"],
        "total": 22,
        "stop": 4.0,
        "target_stderr": 0.03,
    }
    points = [{"alpha": 10.0, "sigma": sigma, "frequency": 3.0} for sigma in (0.1, 1.4)]
    found = gathered(MemoryDesk(), "none", parameters, points)
    counts = (found["status"] == 1).sum("realization").values
    assert counts[0] < counts[1] == found.sizes["realization"]
    for name in ("sx", "sz"):
        mean, error = over_draws(found[name])
        assert float(error.max()) <= 0.03
        for curve, count in enumerate(counts):
            members = members_of(found, curve, name)
            assert members.shape[0] == count
            np.testing.assert_allclose(mean[curve], members.mean(axis=0), atol=1e-14)
            expected = members.std(axis=0, ddof=1) / np.sqrt(count)
            np.testing.assert_allclose(error[curve], expected, atol=1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("error", od.ValidityWarning)
        laws = with_laws(found, parameters)
    np.testing.assert_array_equal(laws["law_realizations_used"], counts)


def test_the_curve_of_another_program() -> None:
    """Fig. 2, left, at ω = 10: pooled z over times a locked period apart, and a wrong σ fails."""
    times = np.asarray(REFERENCE["t"])
    chosen = np.flatnonzero(times <= 10.0)
    changed = {"stop": 10.0, "draws": 16, "trajectories": 100, "seed": 3, "target_stderr": None}
    parameters = {**SCALES["paper"].parameters["fig2_left"], **changed}
    pooled = []
    for sigma in (2.0, 1.8):
        point = {"alpha": 10.0, "sigma": sigma, "frequency": 10.0}
        with pytest.warns(od.ValidityWarning, match="a field that it made|made itself"):
            run = od.run(experiment(parameters, point), validity="warn", progress=False)
        assert (run.status == 1).all()
        found = od.ensemble_statistics(run).sel(time=times[chosen], method="nearest")
        apart = found.sx.values - np.asarray(REFERENCE["sx"])[chosen]
        width = np.hypot(found.sx_stderr.values, np.asarray(REFERENCE["sx_sem"])[chosen])
        pooled.append(float(np.mean(apart / width)))
    # The mean z of five correlated times has at most the variance 1.
    assert abs(pooled[0]) < 3.0
    assert abs(pooled[1]) > 4.0


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure(made: Path, data: Callable[[str], xr.Dataset], name: str) -> None:
    """The dataset with its data, a picture that is not empty, and files of numbers beside it."""
    dataset = data(name)
    assert json.loads(dataset.attrs["paper"])["figure"] == name
    with Image.open(made / f"{name}.png") as image:
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    assert min(pixels.shape[:2]) > 250
    assert (pixels.max(axis=2) < 200).sum() > 1000
    assert {path.suffix for path in made.glob(f"{name}.*")} == {".zarr", ".png", ".nc", ".csv"}
    if "sx_stderr" in dataset and "curve" in dataset.dims:
        np.testing.assert_allclose(dataset["sx"].sel(time=0.0), 1.0, atol=1e-6)
        assert (dataset["status"] == 1).all()


def test_claims(data: Callable[[str], xr.Dataset]) -> None:
    table = data("claims")
    found = dict(zip(table["claim"].values, table["verdict"].values, strict=True))
    assert len(found) >= 28
    assert {str(name): str(found[name]) for name in FROM_FORMULAS} == FROM_FORMULAS
    value = {str(name): float(v) for name, v in zip(found, table["value"].values, strict=True)}
    assert value["alpha_formula"] == pytest.approx((2 - np.sqrt(3)) / 2)
    # T/h = .414508 and 1.876737 solve α ω n_B(ω/T) = h tanh(h/T) at α = 10, ω = 1 and 10; T is
    # concave, so that the best line is off at an end by less than the chord is off in between.
    assert 0.05 < value["linear_temperature"] < 0.5


def test_photons_follow_on_average_only(data: Callable[[str], xr.Dataset]) -> None:
    """The free motion of the modes is as large as the field itself at any ω; its average is not."""
    found = data("elimination").sortby("frequency")
    raw, averaged = found["left"] / found["leading"], found["left_averaged"] / found["leading"]
    assert (raw > 0.7).all()
    assert (averaged < 0.1).all()
    assert averaged[-1] < 0.5 * averaged[0]
    # The second term of Eq. (5) is what the other quadrature has on average, with its sign.
    assert (found["other_left_averaged"] < 0.6 * found["next_averaged"]).all()


def test_steps_agree_while_trajectories_do(data: Callable[[str], xr.Dataset]) -> None:
    found = data("steps")
    assert float(abs(found["apart"].sel(time=slice(0, 1.0))).max()) < 1e-3
    np.testing.assert_array_equal(found["apart"].sel(time=0.0), 0.0)


def test_drawn_without_a_solver(made: Path, tmp_path: Path) -> None:
    """In a process that can import neither JAX nor QuTiP, stored datasets become pictures."""
    program = f"""
import sys
sys.modules["jax"] = sys.modules["jaxlib"] = sys.modules["qutip"] = None
from pathlib import Path
from opendicke.papers import find_paper
from opendicke.plots.style import save_figure
from opendicke.results.store import load
for figure in find_paper("kelly2021").figures:
    dataset = load(Path({str(made)!r}) / f"{{figure.name}}.zarr")
    figure.draw(dataset)
save_figure(figure.draw(dataset), Path({str(tmp_path)!r}) / f"{{figure.name}}.png")
banned = ("opendicke.methods", "opendicke.solving", "opendicke.experiment")
assert not [name for name in sys.modules if name.startswith(banned)]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.stem for path in tmp_path.glob("*.png")} == {FIGURES[-1]}


def test_what_a_drawing_shows(data: Callable[[str], xr.Dataset]) -> None:
    """Fig. 2, left: averaged curves over ln t."""
    found = data("fig2_left")
    axes = find_paper("kelly2021").figure("fig2_left").draw(found).axes[0]
    assert axes.get_xscale() == "log"
    for number in range(found.sizes["curve"]):
        curve = mean_curve(found, number)
        shown = [line for line in axes.get_lines() if line.get_label().startswith("ω = ")][number]
        np.testing.assert_array_equal(shown.get_ydata(), curve.mean[curve.times > 0])
        period = 2 * np.pi / float(found["frequency"][number])
        middle = found["sx"].isel(curve=number).mean("realization")
        at = 3.0
        fine = np.linspace(at - period / 2, at + period / 2, 2001)
        expected = np.trapezoid(np.interp(fine, middle["time"], middle), fine) / period
        assert np.interp(at, curve.times, curve.mean) == pytest.approx(expected, abs=5e-3)


def synthetic(law: Callable[[np.ndarray], np.ndarray], realizations: int = 30) -> xr.Dataset:
    """An ensemble that follows a law exactly, but for noise that its realizations share in time."""
    times = np.linspace(0.0, 60.0, 301)
    rng = np.random.default_rng(5)
    curve = np.where(times > 0, law(np.maximum(times, 0.1)), 1.0)
    members = curve * (1 + 0.02 * rng.normal(size=(realizations, 1)))
    members += 0.004 * rng.normal(size=(realizations, len(times)))
    return xr.Dataset(
        {
            "sx": (("curve", "realization", "time"), members[None]),
            "sx_stderr": (("curve", "realization", "time"), np.full_like(members, 0.004)[None]),
            "status": (("curve", "realization"), np.ones((1, realizations), dtype=np.int8)),
        },
        {
            "time": times,
            "realization": np.arange(realizations),
            **{
                name: ("curve", [value])
                for name, value in (
                    ("alpha", 10.0),
                    ("sigma", 2.0),
                    ("frequency", 5.0),
                    ("period", 2 * np.pi / 5),
                )
            },
        },
    )


@pytest.mark.parametrize(
    ("law", "name", "other"),
    [
        (lambda t: 0.7 * t**-0.75, "power law", "logarithmic"),
        (lambda t: 0.8 * np.exp(-t / 9.0), "exponential", "power law"),
    ],
)
def test_laws_from_the_time_t_h_on(
    law: Callable[[np.ndarray], np.ndarray], name: str, other: str
) -> None:
    found = with_laws(synthetic(law), {"seed": 0})
    # t_h of σ = 2, α = 10: (σ²/2)√110/11.
    assert float(found["perturbative_time"][0]) == pytest.approx(2 * np.sqrt(110) / 11)
    assert looking.verdicts(found) == [name]
    assert float(found["law_window_start"][0]) >= float(found["perturbative_time"][0]) - 0.2
    times = np.geomspace(3.0, 20.0, 9)
    np.testing.assert_allclose(fitted(found, 0, name, times), law(times), rtol=0.03, atol=2e-3)
    assert np.abs(fitted(found, 0, other, times) - law(times)).max() > 0.01


def test_papers_and_scales() -> None:
    assert "kelly2021" in known_papers()
    paper = find_paper("kelly2021")
    assert tuple(figure.name for figure in paper.figures) == FIGURES
    for scale in paper.scales.values():
        assert set(scale.parameters) == set(FIGURES)
