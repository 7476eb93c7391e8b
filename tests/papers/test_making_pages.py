"""Pages made from results: claims one by one, the gallery, pictures that are small enough."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import opendicke as od
from opendicke.papers import find_paper, gallery
from opendicke.papers.catalogue import Claim, Outcome, Scale, Verdict
from opendicke.papers.gallery import LARGEST, publish, shrink, write_gallery
from opendicke.papers.report import outcomes_dataset, write_claims_page
from opendicke.results.dataset import FORMAT, as_json


def table(paper: str, outcomes: Mapping[str, Outcome], scale: str = "smoke") -> xr.Dataset:
    """The table of claims of a paper, as making it would leave it."""

    def never(_: object) -> Outcome:
        raise AssertionError

    claims = [Claim(name, f"Sentence *of* {name}", "p. 1", never) for name in outcomes]
    made = outcomes_dataset(claims, list(outcomes.values()))
    identity = {"paper": paper, "figure": "claims", "scale": scale, "parameters": {}}
    return made.assign_attrs(
        paper=as_json(identity),
        opendicke_version="9.9",
        created="2000-01-01",
        format=FORMAT,
        experiment="{}",
    )


FIRST = table(
    "carollo2021",
    {
        "good": Outcome(Verdict.HOLDS, "Seen `as is_it` with a<b and $5", 1.0, 2.0, 0.5),
        "bad": Outcome(Verdict.FAILS, "Not seen."),
    },
)
SECOND = table("fiorelli2020", {"odd": Outcome(Verdict.CANNOT_TELL, "Who knows?")}, "paper")


def test_claims_page(tmp_path: Path) -> None:
    """Papers in the order given; verdicts, sentences, evidence and numbers; tallies; the scale."""
    text = write_claims_page([FIRST, SECOND], tmp_path / "deep" / "claims.md").read_text()
    lines = text.splitlines()
    assert lines[0] == "# What the papers claim and what we find"
    assert [line for line in lines if line.startswith("## ")] == [
        "## carollo2021",
        "## fiorelli2020",
    ]
    assert "3 statements" in text
    assert "1 holds, 1 fails, 1 cannot tell." in text
    assert "2 claims: 1 holds, 1 fails. Scale: smoke (coarse grids" in text
    assert "1 claim: 1 cannot tell. Scale: paper" in text
    assert r"- **holds**: Sentence \*of\* good (`good`; p. 1)" in lines
    assert r"  Seen `as is_it` with a\<b and \$5. *Value 1; expected 2; error 0.5.*" in lines
    assert "  Not seen." in lines
    assert "  Who knows?" in lines
    assert max(map(len, lines[:6])) <= 100


def test_no_table_on_the_page(tmp_path: Path) -> None:
    text = write_claims_page([FIRST], tmp_path / "claims.md").read_text()
    assert not [line for line in text.splitlines() if line.startswith("|")]


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A picture that does not compress: noise."""
    rng = np.random.default_rng(0)
    path = tmp_path / "noise.png"
    Image.fromarray(rng.integers(0, 256, (150, 300, 3), dtype=np.uint8)).save(path)
    return path


def test_pictures_fit(noisy: Path, tmp_path: Path) -> None:
    assert noisy.stat().st_size > 100_000
    small = shrink(noisy, tmp_path / "docs" / "small.png", 20_000)
    assert small.stat().st_size <= 20_000
    assert LARGEST == 256_000
    with Image.open(small) as image:
        assert image.mode == "P"
        assert image.width / image.height == pytest.approx(2, rel=0.02)
        assert image.width > 100


def test_plain_pictures_keep_their_colours(tmp_path: Path) -> None:
    """Few colours and few pixels: the same picture, smaller."""
    pixels = np.full((200, 300, 3), 255, np.uint8)
    pixels[50:100, 20:200] = (0, 114, 178)
    pixels[120:150, 20:200] = (213, 94, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with Image.open(shrink(tmp_path / "a.png", tmp_path / "b.png")) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), pixels)


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(od.StoreError, match=r"none\.png` cannot be used: No such file"):
        shrink(tmp_path / "none.png", tmp_path / "b.png")


def test_gallery_shows_every_figure(tmp_path: Path) -> None:
    """A line for each figure of the catalogue, and the pictures that there are."""
    paper = find_paper("carollo2021")
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "carollo2021_kick.png").write_bytes(b"")
    text = write_gallery([paper, find_paper("fiorelli2020")], tmp_path).read_text()
    for figure in paper.figures:
        assert text.count(f"**`{figure.name}`**: {figure.title}.") == 1
    assert text.count("](_static/") == 1
    assert text.count("The scale of `kick` is not known.") == 1
    kick = paper.figure("kick")
    assert f"**`kick`**: {kick.title}.\n\n![{kick.title}](_static/carollo2021_kick.png)" in text
    assert text.index("## carollo2021") < text.index("## fiorelli2020")
    assert "\n\n\n" not in text


def test_publish(noisy: Path, tmp_path: Path) -> None:
    """Of results that are there: pictures under the names of the pages, claims, the gallery."""
    results, pages = tmp_path / "results", tmp_path / "docs"
    folder = results / "carollo2021"
    folder.mkdir(parents=True)
    for target in (folder / "kick.png", folder / "stranger.png", results / "memory.png"):
        target.write_bytes(noisy.read_bytes())
    od.save(FIRST, folder / "claims.zarr")
    od.save(FIRST, folder / "kick.zarr")
    made = publish(results, pages, ["memory"])
    names = {str(path.relative_to(pages)) for path in made}
    pictures = {"_static/memory.png", "_static/carollo2021_kick.png"}
    assert names == pictures | {"gallery.md", "claims.md"}
    assert {path.name for path in pages.rglob("*.*")} == {Path(name).name for name in names}
    page = (pages / "gallery.md").read_text()
    assert "carollo2021_kick.png" in page
    paper = find_paper("carollo2021")
    assert f"{paper.reference}. Scale: smoke (coarse grids" in page
    assert page.count("Scale: ") == 1
    # Published pictures know their scale when those of other figures are added later.
    (folder / "kick.png").unlink()
    publish(results, pages)
    assert (pages / "gallery.md").read_text() == page
    assert "## carollo2021" in (pages / "claims.md").read_text()


def scaled(folder: Path, name: str, picture: Path, scale: str) -> None:
    """A picture of a figure, and a dataset that was made at this scale."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(picture.read_bytes())
    od.save(table("carollo2021", {}, scale), folder / f"{name}.zarr", overwrite=True)


def test_scales_are_not_mixed(noisy: Path, tmp_path: Path) -> None:
    """Neither figures with figures, nor with claims, nor with what is published already."""
    results, pages = tmp_path / "results", tmp_path / "docs"
    folder = results / "carollo2021"
    scaled(folder, "kick", noisy, "smoke")
    scaled(folder, "fig2", noisy, "paper")
    with pytest.raises(od.StoreError, match=r"carollo2021 at more than one scale, .*kick at the"):
        publish(results, pages)
    assert not pages.exists()
    scaled(folder, "fig2", noisy, "smoke")
    publish(results, pages)
    for name in ("kick.png", "fig2.png"):
        (folder / name).unlink()
    scaled(folder, "basin", noisy, "paper")
    with pytest.raises(od.StoreError, match=r"more than one scale, .*basin at the scale paper"):
        publish(results, pages)
    od.save(table("carollo2021", {}, "smoke"), folder / "claims.zarr")
    with pytest.raises(od.StoreError, match=r"results` would show .* claims at the scale smoke"):
        publish(results, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_published_unless_all_can_be(
    noisy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, the exit code, and no file of the others."""
    results, pages = tmp_path / "results", tmp_path / "docs"
    scaled(results / "carollo2021", "kick", noisy, "smoke")
    command = [str(results), str(pages)]
    assert gallery.main([*command, "none"]) == 2
    told = f"Error: `{results / 'none.png'}` cannot be used: No such file or directory.\n"
    assert capsys.readouterr().err == told
    assert not pages.exists()
    (pages / "gallery.md").mkdir(parents=True)
    assert gallery.main(command) == 2
    assert "gallery.md` cannot be written: it is a folder." in capsys.readouterr().err
    assert not (pages / "_static").exists()
    (pages / "gallery.md").rmdir()
    shutil.rmtree(results / "carollo2021" / "kick.zarr")
    assert gallery.main(command) == 2
    assert "kick.zarr` cannot be read as a dataset: it does not exist." in capsys.readouterr().err
    assert gallery.main([]) == 2


def test_pictures_are_whole_or_not_there(noisy: Path, tmp_path: Path) -> None:
    """Somebody who reads while it is written sees the old picture, and no rest is left."""
    target = tmp_path / "docs" / "a.png"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        shrink(noisy, target)
        assert reader.read() == b"old"
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]


def test_publish_without_claims_leaves_the_page(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "claims.md").write_text("as it was")
    assert gallery.publish(tmp_path / "results", tmp_path / "docs") == [
        tmp_path / "docs" / "gallery.md"
    ]
    assert (tmp_path / "docs" / "claims.md").read_text() == "as it was"


class Found:
    """What a claim looks at, made up."""

    def __init__(self, overlap: np.ndarray, strength: np.ndarray, ratio: np.ndarray) -> None:
        paper = find_paper("carollo2021")
        self.scale: Scale = paper.scale("smoke")
        patterns = len(strength)
        own = np.zeros((patterns, len(ratio), patterns))
        own[np.arange(patterns), :, np.arange(patterns)] = overlap
        self._data = xr.Dataset(
            {
                "overlap": (("start", "ratio", "pattern"), own),
                "strength": (("start", "ratio"), strength),
            },
            {"ratio": ratio},
        )

    def __call__(self, figure: str) -> xr.Dataset:
        assert figure == "fig3a"
        return self._data


# carollo2021, below Eq. (12), with the numbers of Fig. 3 by hand.
CRITICAL = np.array([0.6454972243679028, 0.7288689868556626, 0.806225774829855, 0.8779711460710615])
RATIOS = np.array([0.6, 0.8, 0.95, 1.0, 1.02, 1.05, 1.1, 1.5])


@pytest.mark.parametrize(
    ("law", "verdict"),
    [
        (lambda r: np.sqrt(np.maximum(1 - r**-4.0, 0)), Verdict.HOLDS),
        (lambda r: np.where(r > 1, 0.9, 0.0), Verdict.FAILS),  # a jump
        (lambda r: np.sqrt(np.maximum(1 - (r / 1.01) ** -4.0, 0)), Verdict.FAILS),  # elsewhere
        (lambda r: np.sqrt(np.maximum(1 - r**-4.0, 0.01)), Verdict.FAILS),  # no phase below
    ],
)
def test_what_is_called_a_transition(law: object, verdict: Verdict) -> None:
    assert callable(law)
    overlap = np.tile(law(RATIOS), (4, 1))
    checks = {claim.name: claim.check for claim in find_paper("carollo2021").claims()}
    outcome = checks["transition"](Found(overlap, np.outer(CRITICAL, RATIOS), RATIOS))
    assert outcome.verdict == verdict
    if verdict == Verdict.HOLDS:
        assert outcome.value == pytest.approx(CRITICAL[0], abs=5e-4)
