"""Pages of the documentation made from results: the gallery of figures, the page of claims.

`python -m opendicke.papers.gallery results docs NAME …` reads `results/PAPER` for every known paper
and writes `gallery.md`, `claims.md` and their pictures in `_static`; pictures `results/NAME.png` of
experiments are copied as well.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from opendicke.errors import StoreError
from opendicke.papers import find_paper, known_papers
from opendicke.papers.catalogue import CLAIMS, Paper
from opendicke.papers.report import write_claims_page, write_text
from opendicke.results.store import load

LARGEST = 250 * 1024
"""Bytes of a picture in the documentation, at most."""
_WIDEST = 1600
"""Pixels of its longer side, at most."""
_COLOURS = (256, 64)


def shrink(source: Path, target: Path, most: int = LARGEST) -> Path:
    """Write a PNG with a palette, with as many colours and pixels as fit into so many bytes.

    Raises
    ------
    StoreError
        If there is no such picture, or the target cannot be written.
    """
    from PIL import Image

    try:
        with Image.open(source) as opened:
            picture = opened.convert("RGB")
        side = max(picture.size)
        scale = min(1.0, _WIDEST / side)
        while True:
            sized = picture
            if scale < 1:
                extent = [max(1, round(scale * length)) for length in picture.size]
                sized = picture.resize((extent[0], extent[1]), Image.Resampling.LANCZOS)
            for colours in _COLOURS:
                buffer = io.BytesIO()
                reduced = sized.quantize(colours, dither=Image.Dither.NONE)
                reduced.save(buffer, "PNG")
                if buffer.tell() <= most or scale * side < 100:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(buffer.getvalue())
                    return target
            scale *= 0.7
    except OSError as error:
        what = target if source.exists() else source
        raise StoreError(f"`{what}` cannot be used: {error.strerror or error}.") from None


def write_gallery(papers: Iterable[Paper], pages: Path) -> Path:
    """Write the page that shows every figure of the papers, those whose picture is in `_static`."""
    lines = [
        "# Gallery",
        "",
        "Every figure that `opendicke paper NAME FIGURE` makes. Beside each picture it leaves the",
        "dataset (`.zarr`), the same for other programs (`.nc`) and as a table (`.csv`).",
    ]
    for paper in papers:
        lines += ["", f"## {paper.name}", "", f"{paper.reference}.", ""]
        for figure in paper.figures:
            lines += [f"**`{figure.name}`**: {figure.title}.", ""]
            picture = _picture(paper.name, figure.name)
            if (pages / picture).exists():
                lines += [f"![{figure.title}]({picture})", ""]
        lines.pop()
    return write_text(lines, pages / "gallery.md")


def _picture(paper: str, figure: str) -> str:
    return f"_static/{paper}_{figure}.png"


def publish(results: Path, pages: Path, experiments: Sequence[str] = ()) -> list[Path]:
    """Write gallery, claims and pictures from what there is in a folder of results.

    Parameters
    ----------
    results : path
        With a folder for each paper, as `opendicke paper` writes it.
    pages : path
        The folder of the documentation.
    experiments : sequence of str
        Names of further pictures in `results`.

    Returns
    -------
    list of paths
        What was written.
    """
    papers = [find_paper(name) for name in known_papers()]
    made = [shrink(results / f"{n}.png", pages / "_static" / f"{n}.png") for n in experiments]
    for paper in papers:
        for figure in paper.figures:
            picture = results / paper.name / f"{figure.name}.png"
            if picture.exists():
                made.append(shrink(picture, pages / _picture(paper.name, figure.name)))
    tables = [results / paper.name / f"{CLAIMS}.zarr" for paper in papers]
    datasets = [load(table) for table in tables if table.exists()]
    made.append(write_gallery(papers, pages))
    if datasets:
        made.append(write_claims_page(datasets, pages / "claims.md"))
    return made


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m opendicke.papers.gallery RESULTS PAGES [NAME …]")
    for written in publish(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]):
        print(written)
