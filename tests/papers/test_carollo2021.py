"""carollo2021 at the smallest scale: every figure and claim through the command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import opendicke as od
from opendicke.cli import main
from opendicke.papers import find_paper, known_papers
from opendicke.papers.catalogue import Scale, Verdict

FIGURES = (
    *("fig2", "figS1", "figS2", "fig3a", "fig3b"),
    *("windows", "kick", "finite", "basin", "diagram", "theorem"),
)
# Fig. 3: field, loss, frequencies; thresholds √(½(Ω/Ω_ν)[Ω_ν² + (κ/2)²]) evaluated by hand.
FIELD, LOSS = 0.5, 1.0
FREQUENCIES = np.array([1.5, 2.0, 2.5, 3.0])
CRITICAL = np.array([0.6454972243679028, 0.7288689868556626, 0.806225774829855, 0.8779711460710615])
# g_ν^{3/2}/g_1^{1/2}: below it a kicked retrieval state ν ends in pattern 1.
STABLE_ABOVE = CRITICAL**1.5 / CRITICAL[0] ** 0.5

# Every figure and claim at the smallest scale: minutes of one core.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the command made everything at the smallest scale."""
    folder = tmp_path_factory.mktemp("papers") / "carollo2021"
    assert main(["paper", "carollo2021", "--scale", "smoke", "--store", str(folder)]) == 0
    return folder


@pytest.fixture
def data(made: Path) -> dict[str, xr.Dataset]:
    return {name: od.load(made / f"{name}.zarr") for name in (*FIGURES, "claims")}


def theory(ratio: np.ndarray) -> np.ndarray:
    """Eq. (12) in terms of g₀/g_crit."""
    return np.sqrt(np.maximum(1 - np.asarray(ratio, float) ** -4.0, 0))


def test_everything_is_made(made: Path) -> None:
    names = {path.name for path in made.iterdir()}
    pictures = {f"{name}.png" for name in FIGURES}
    data = {f"{name}.{kind}" for name in (*FIGURES, "claims") for kind in ("zarr", "nc", "csv")}
    assert names == pictures | data | {"claims.md"}
    for name in pictures:
        with Image.open(made / name) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=float)
        saturation = pixels.max(axis=2) - pixels.min(axis=2)
        assert min(pixels.shape[:2]) > 400
        assert (saturation > 60).sum() > 500, name


def test_provenance(data: dict[str, xr.Dataset]) -> None:
    """Every dataset says what it is, how it was made and with what."""
    for name, dataset in data.items():
        assert {"opendicke_version", "experiment", "created", "device"} <= set(dataset.attrs)
        identity = json.loads(dataset.attrs["paper"])
        assert (identity["paper"], identity["figure"]) == ("carollo2021", name)
        assert identity["scale"] == "smoke"
        assert identity["parameters"]


@pytest.mark.parametrize(("name", "groups"), [("fig2", 4), ("figS1", 8), ("figS2", 9)])
def test_mapping_to_large_spins(data: dict[str, xr.Dataset], name: str, groups: int) -> None:
    """Sorting the drawn couplings by hand gives the groups, in order, with their counts."""
    d = data[name]
    drawn = d["G"].values
    levels = [1.0, 0.4, -0.7] if name == "figS2" else [1.0, -1.0]
    assert set(np.unique(drawn)) <= set(levels)
    columns = [tuple(column) for column in drawn.T]
    if name == "fig2":
        columns = [tuple(value * column[0] for value in column) for column in columns]
    f = [tuple(column) for column in d["f"].values.T]
    assert len(f) == groups == len(set(f))
    assert f == sorted(f, key=lambda row: [levels.index(value) for value in row])
    assert [columns.count(row) for row in f] == d["count"].values.tolist()
    assert [f[k] for k in d["member"].values] == columns
    probability = {1.0: 0.5, 0.4: 0.3, -0.7: 0.2} if name == "figS2" else {1.0: 0.5, -1.0: 0.5}
    expected = [np.prod([probability[value] for value in row]) for row in f]
    expected = np.array(expected) / sum(expected)
    np.testing.assert_allclose(d["share"], expected, rtol=1e-12)
    counts, spins = d["large_count"].values, d["spins"].values
    assert (counts.sum(axis=2) == spins[:, None]).all()
    deviation = np.sqrt(spins[:, None, None] * expected * (1 - expected))
    assert (np.abs(counts - spins[:, None, None] * expected) < 5 * deviation).all()
    assert (counts.std(axis=1) > 0).any()


def test_overlap_of_figure_3(data: dict[str, xr.Dataset]) -> None:
    """Aligned starts in the limit end at Eq. (12) for all patterns, windows included."""
    d = data["fig3a"]
    assert {0.95, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0} <= set(d["ratio"].values)
    np.testing.assert_allclose(d["strength"], np.outer(CRITICAL, d["ratio"]), rtol=1e-12)
    for start in range(4):
        found = d["overlap"].isel(start=start)
        np.testing.assert_allclose(found.isel(pattern=start), theory(d["ratio"]), atol=1e-3)
        assert float(found.drop_isel(pattern=start).max()) < 1e-9
    assert float(d["change"].max()) <= 1e-3
    assert (d["duration"] >= 1000).all()


def test_occupation_of_figure_3(data: dict[str, xr.Dataset]) -> None:
    """|α|² = g₀²ξ²/(Ω_ν² + κ²/4) in the own mode, nothing in the others."""
    d = data["fig3b"]
    for start, frequency in enumerate(FREQUENCIES):
        strength = CRITICAL[start] * d["ratio"].values
        expected = strength**2 * theory(d["ratio"]) ** 2 / (frequency**2 + LOSS**2 / 4)
        found = d["occupation"].isel(start=start)
        np.testing.assert_allclose(found.isel(pattern=start), expected, atol=1e-3)
        assert float(found.drop_isel(pattern=start).max()) < 1e-9


def test_windows(data: dict[str, xr.Dataset]) -> None:
    """The Jacobian turns stable where the closed form says; growth only inside the windows."""
    d = data["windows"]
    np.testing.assert_allclose(d["stable_above"], STABLE_ABOVE, atol=1e-3)
    np.testing.assert_allclose(d["window"].values[:, 1], STABLE_ABOVE, rtol=1e-12)
    rate, strength = d["growth_rate"].values, d["strength"].values
    for k in range(4):
        there = strength > CRITICAL[k]
        assert np.isnan(rate[k, ~there]).all()
        inside = there & (strength < STABLE_ABOVE[k])
        assert (rate[k, inside] > 0).all()
        assert (rate[k, there & ~inside] < 0).all()
    assert 0.5 < np.nanmax(rate) < 0.6


def test_kicked_states(data: dict[str, xr.Dataset]) -> None:
    """Inside its window a kicked state ends in pattern 1, beyond it returns."""
    d = data["kick"]
    for start in range(4):
        for ratio in (1.02, 1.1, 1.25):
            strength = ratio * CRITICAL[start]
            end = start if strength > STABLE_ABOVE[start] else 0
            expected = np.zeros(4)
            expected[end] = theory(strength / CRITICAL[end])
            found = d["overlap"].isel(start=start).sel(ratio=ratio)
            np.testing.assert_allclose(found, expected, atol=2e-3)
    assert float(d["overlap"].isel(start=3).sel(ratio=1.1)[0]) > 0.89


def test_finite_numbers_of_spins(data: dict[str, xr.Dataset]) -> None:
    """The stable state nears Eq. (12); inside the window the unequal groups push it out."""
    stable, window = (data["finite"].isel(case=k) for k in (0, 1))
    apart = np.abs(stable["final_overlap"].isel(pattern=0) - theory(1.2)).max("draw")
    assert float(apart[-1]) < 1e-3
    assert float(apart[-1]) < float(apart[0]) / 5
    assert float(window["expected_overlap"]) == pytest.approx(theory(1.1), abs=1e-12)
    np.testing.assert_allclose(window["overlap"].isel(time=0), theory(1.1), atol=1e-12)
    assert float(window["final_overlap"].isel(pattern=3).max()) < 0.3
    assert float(window["final_overlap"].isel(pattern=0).min()) > 0.8
    # At 10⁴ spins it stays for a while, at 10² it is gone by then.
    early = window["overlap"].sel(time=6.0, method="nearest").mean("draw")
    assert float(early[-1]) > float(early[0]) + 0.1


def test_flipped_spins(data: dict[str, xr.Dataset]) -> None:
    """ξ² = (1 − 2f)² − (g_crit/g₀)⁴: kept, never above the start."""
    d = data["basin"]
    length = 1 - 2 * d["flipped"].values
    for k, ratio in enumerate(d["ratio"].values):
        expected = np.sqrt(np.maximum(length**2 - ratio**-4.0, 0))
        np.testing.assert_allclose(d["overlap"].isel(ratio=k), expected, atol=2e-3)
    assert (d["overlap"].values <= length + 1e-9).all()


def test_phase_diagrams(data: dict[str, xr.Dataset]) -> None:
    """Far below threshold nothing is kept for good, far above the pattern of the start."""
    d = data["diagram"]
    for strength, end in ((1.1, 0), (2.0, 3)):  # field 0.6: thresholds 0.746 and 1.043
        found = d["field_overlap"].sel(strength=strength, field=0.6)
        critical = np.sqrt(0.5 / (end + 3) * ((0.6 * (end + 3)) ** 2 + LOSS**2 / 4))
        assert int(found.argmax("pattern")) == end
        assert float(found[end]) == pytest.approx(theory(strength / critical), abs=0.03)
    single = d["modes_overlap"].sel(modes=1).isel(pattern=0)
    for strength in (0.2, 0.5, 0.8, 1.1):
        expected = theory(strength / CRITICAL[0])
        assert float(single.sel(strength=strength)) == pytest.approx(expected, abs=1e-3)
    assert np.isnan(d["modes_overlap"].sel(modes=2).isel(pattern=3)).all()


def test_claims(data: dict[str, xr.Dataset], made: Path) -> None:
    """Each claim gets the verdict that independent knowledge demands; errors where it must."""
    d = data["claims"]
    verdicts = dict(zip(map(str, d["claim"].values), map(str, d["verdict"].values), strict=True))
    fails = {"lemma2", "s28", "stability", "basins", "recognition"}
    untold = {"extensions"}
    method = {"overlap_windows", "order_of_limits"}
    for name, verdict in verdicts.items():
        expected = (
            Verdict.FAILS
            if name in fails
            else Verdict.CANNOT_TELL
            if name in untold
            else Verdict.METHOD_ONLY
            if name in method
            else Verdict.HOLDS
        )
        assert verdict == expected, name
    assert fails | untold | method < set(verdicts)
    assert {"several_modes", "unequal_groups", "theorem", "intermediate"} < set(verdicts)
    assert len(verdicts) == 42
    numbers = d.set_index(claim="claim") if "claim" not in d.indexes else d
    at = {str(name): numbers.isel(claim=k) for k, name in enumerate(d["claim"].values)}
    assert float(at["threshold"]["value"]) == pytest.approx(CRITICAL[3], abs=1e-9)
    assert float(at["threshold"]["error"]) < 1e-9
    assert float(at["transition"]["value"]) == pytest.approx(CRITICAL[0], abs=1e-3)
    assert float(at["overlap_stable"]["error"]) < 1e-3
    assert float(at["overlap_windows"]["error"]) < 1e-3
    assert float(at["lost_below"]["error"]) < 1e-3
    assert float(at["stability"]["value"]) == pytest.approx(STABLE_ABOVE[3], abs=1e-3)
    assert float(at["stability"]["error"]) < 1e-3
    assert float(at["basins"]["value"]) < 1e-3
    assert float(at["basins"]["expected"]) == pytest.approx(theory(1.1), abs=1e-9)
    page = (made / "claims.md").read_text()
    for name, verdict in verdicts.items():
        assert re.search(rf"^\| {name} \|.*\*\*{verdict}\*\*", page, re.MULTILINE), name


def test_second_run_reuses_everything(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is computed again; the figures are drawn again, and the claims told again."""
    before = {name: od.load(made / f"{name}.zarr").attrs["created"] for name in FIGURES}
    (made / "kick.png").unlink()
    command = ["paper", "carollo2021", "--scale", "smoke", "--store", str(made)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.count("was already complete in") == len(FIGURES) + 1
    assert "saved in" not in out
    assert (made / "kick.png").exists()
    assert re.search(r"^  fails +basins: ", out, re.MULTILINE)
    after = {name: od.load(made / f"{name}.zarr").attrs["created"] for name in FIGURES}
    assert after == before


def test_overwrite_computes_again(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "fig2.zarr", tmp_path / "fig2.zarr")
    path = tmp_path / "fig2.zarr"
    spoilt = od.load(path)
    od.save(spoilt.assign(count=0 * spoilt["count"]), path, overwrite=True)
    command = ["paper", "carollo2021", "fig2", "--scale", "smoke", "--store", str(tmp_path)]
    assert main(command) == 0
    assert int(od.load(path)["count"].sum()) == 0
    assert main([*command, "--overwrite"]) == 0
    assert int(od.load(path)["count"].sum()) == 8


def test_another_scale_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder keeps what it holds unless it is told otherwise."""
    assert main(["paper", "carollo2021", "fig2", "--store", str(made)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: `")
    assert error.count("\n") == 1
    assert "holds fig2 at `smoke`" in error
    assert json.loads(od.load(made / "fig2.zarr").attrs["paper"])["scale"] == "smoke"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["carolo2021"], "Argument `name` must be a known paper, but was `carolo2021`"),
        (["carollo2021", "fig3"], "Argument `figure` must be a figure of carollo2021"),
        (["carollo2021", "--scale", "paperr"], "Argument `scale` must be a known scale"),
    ],
)
def test_misspelt_names(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One sentence that names what is nearest, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    assert main(["paper", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {sentence}")
    assert error.count("\n") == 1
    assert "did you mean" in error
    assert not list(tmp_path.iterdir())


def test_papers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paper"]) == 0
    out = capsys.readouterr().out
    assert {"carollo2021", "fiorelli2020"} <= set(known_papers())
    for name in ("carollo2021", *FIGURES, "claims"):
        assert re.search(rf"^ *{name} ", out, re.MULTILINE), name


def test_every_scale_covers_every_figure() -> None:
    paper = find_paper("carollo2021")
    assert tuple(figure.name for figure in paper.figures) == FIGURES
    assert set(paper.scales) == {"smoke", "paper", "beyond"}
    for scale in paper.scales.values():
        assert isinstance(scale, Scale)
        assert set(scale.parameters) == set(FIGURES)
        assert {0.95, 1.02, 1.05, 1.1, 1.2, 1.5, 2.0} <= set(scale.parameters["fig3a"]["ratios"])


def test_figures_are_drawn_without_a_solver(made: Path, tmp_path: Path) -> None:
    """In a process that cannot import JAX, every stored dataset becomes a picture."""
    program = f"""
import sys
sys.modules["jax"] = sys.modules["jaxlib"] = None
from pathlib import Path
from opendicke.papers import find_paper
from opendicke.plots.style import save_figure
from opendicke.results.store import load
for figure in find_paper("carollo2021").figures:
    dataset = load(Path({str(made)!r}) / f"{{figure.name}}.zarr")
    save_figure(figure.draw(dataset), Path({str(tmp_path)!r}) / f"{{figure.name}}.png")
banned = ("opendicke.methods", "opendicke.solving", "opendicke.experiment")
assert not [name for name in sys.modules if name.startswith(banned)]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.stem for path in tmp_path.glob("*.png")} == set(FIGURES)


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from opendicke.cli import main\n"
        "assert main(['paper', '--help']) == 0\n"
        "assert main(['paper']) == 0\n"
        "heavy = {'numpy', 'jax', 'xarray', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
