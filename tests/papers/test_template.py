"""The paper to begin with: copied under another name, it is a paper like the others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import opendicke as od
from opendicke import papers
from opendicke.cli import main
from opendicke.papers import find_paper, known_papers
from opendicke.papers._template.theory import decay, decay_of_wigner
from opendicke.papers.catalogue import Verdict

TEMPLATE = Path(papers.__file__).parent / "_template"
NAME = "author2000"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As CONTRIBUTING says: the folder copied, its name replaced, the paper listed."""
    room = tmp_path / "papers" / NAME
    room.mkdir(parents=True)
    for source in TEMPLATE.glob("*.py"):
        text = source.read_text(encoding="utf-8").replace("_template", NAME)
        (room / source.name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(papers, "__path__", [*papers.__path__, str(room.parent)])
    monkeypatch.setitem(papers._HOME, NAME, f"opendicke.papers.{NAME}")
    monkeypatch.chdir(tmp_path)
    yield room
    for module in [name for name in sys.modules if name.startswith(f"opendicke.papers.{NAME}")]:
        del sys.modules[module]


def test_a_copy_is_a_paper(copied: Path) -> None:
    """It is found, makes its figure, and judges its claims, one of which fails as it must."""
    assert find_paper(NAME).name == NAME
    assert main(["paper", NAME, "--scale", "smoke"]) == 0
    folder = Path("results") / NAME
    kinds = {"zarr", "nc", "csv"}
    data = {f"{name}.{kind}" for name in ("decay", "claims") for kind in kinds}
    assert {path.name for path in folder.iterdir()} == data | {
        "decay.png",
        "claims.md",
        "ensembles",
    }
    table = od.load(folder / "claims.zarr").set_index(claim="claim")
    verdicts = dict(zip(table["claim"].values, table["verdict"].values, strict=True))
    assert verdicts == {"closed_form": Verdict.HOLDS, "wigner": Verdict.FAILS}
    # cos(4g² Im I) of the stronger spin, where it matters most: by quadrature, below.
    made = od.load(folder / "decay.zarr")
    scores = (made["coherence"] - made["with_own_field"]) / made["coherence_stderr"]
    assert float(np.abs(scores.where(made["time"] > 0)).max()) < 5
    assert float(np.abs(made["coherence"] - made["exact"]).max()) > 0.2
    assert not any(name.startswith("opendicke.papers._template.exp") for name in sys.modules)


def test_it_is_not_listed_itself() -> None:
    assert "_template" not in known_papers()
    with pytest.raises(od.InputError, match="must be a known paper"):
        find_paper("_template")


def test_closed_forms() -> None:
    """D and φ as double integrals over the correlation of the mode, e^{−Γs/2} cos ωs and sin ωs."""
    g, frequency, loss = np.array([0.4, 0.7, -0.55]), 1.2, 0.9
    for t in (0.3, 1.0, 4.0):

        def weighted(part: object, t: float = t) -> float:
            assert callable(part)
            value, _ = quad(
                lambda s: (t - s) * np.exp(-loss * s / 2) * part(frequency * s), 0, t, epsabs=1e-12
            )
            return float(value)

        damping, phase = weighted(np.cos), weighted(np.sin)
        for i in range(3):
            others = [g[k] for k in range(3) if k != i]
            exact = np.exp(-4 * g[i] ** 2 * damping)
            exact *= np.prod([np.cos(4 * g[i] * other * phase) for other in others])
            found = decay(np.array([t]), g, frequency, loss)[0, i]
            assert found == pytest.approx(exact, abs=1e-10)
            own = decay_of_wigner(np.array([t]), g, frequency, loss)[0, i]
            assert own == pytest.approx(exact * np.cos(4 * g[i] ** 2 * phase), abs=1e-10)
