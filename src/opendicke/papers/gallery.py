"""Pages of the documentation made from results: the gallery of figures, the page of claims.

`python -m opendicke.papers.gallery results docs NAME …` reads `results/PAPER` for every known paper
and writes `gallery.md`, `claims.md` and their pictures in `_static`; pictures `results/NAME.png` of
experiments are copied as well. Nothing is written unless all can be.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from opendicke.errors import InputError, StoreError
from opendicke.papers import find_paper, known_papers
from opendicke.papers.catalogue import CLAIMS, Paper
from opendicke.papers.data import attributes_of, check_files, write_whole
from opendicke.papers.report import claims_page, write_text
from opendicke.results.store import load

LARGEST = 250 * 1024
"""Bytes of a picture in the documentation, at most."""
_WIDEST = 1600
"""Pixels of its longer side, at most."""
_COLOURS = (256, 64)
_SCALE = "Scale"
"""Word of a picture's file that says at which scale it was made."""


def shrink(source: Path, target: Path, most: int = LARGEST, scale: str = "") -> Path:
    """Write a PNG with a palette, with as many colours and pixels as fit into so many bytes.

    Raises
    ------
    StoreError
        If there is no such picture, or the target cannot be written.
    """
    return write_whole(shrunk(source, most, scale), target)


def shrunk(source: Path, most: int = LARGEST, scale: str = "") -> bytes:
    """What `shrink` writes; `scale` is kept in the file.

    Raises
    ------
    StoreError
        If there is no such picture.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    said = PngInfo()
    if scale:
        said.add_text(_SCALE, scale)
    try:
        with Image.open(source) as opened:
            picture = opened.convert("RGB")
    except OSError as error:
        raise StoreError(f"`{source}` cannot be used: {error.strerror or error}.") from None
    side = max(picture.size)
    size = min(1.0, _WIDEST / side)
    while True:
        sized = picture
        if size < 1:
            extent = [max(1, round(size * length)) for length in picture.size]
            sized = picture.resize((extent[0], extent[1]), Image.Resampling.LANCZOS)
        for colours in _COLOURS:
            buffer = io.BytesIO()
            reduced = sized.quantize(colours, dither=Image.Dither.NONE)
            reduced.save(buffer, "PNG", pnginfo=said)
            if buffer.tell() <= most or size * side < 100:
                return buffer.getvalue()
        size *= 0.7


def write_gallery(papers: Iterable[Paper], pages: Path) -> Path:
    """Write the page that shows every figure of the papers, those whose picture is in `_static`."""
    return write_text(gallery_page(papers, pages, {}), pages / "gallery.md")


def gallery_page(papers: Iterable[Paper], pages: Path, coming: Mapping[str, str]) -> list[str]:
    """The lines of the gallery: every figure, and the pictures there are or that are `coming`.

    Parameters
    ----------
    papers
        In their order.
    pages : path
        The folder of the documentation.
    coming : mapping
        Picture, by its place in `pages`, → the scale at which it was made.

    Raises
    ------
    StoreError
        If pictures of one paper were made at different scales.
    """
    lines = [
        "# Gallery",
        "",
        "Every figure that `opendicke paper NAME FIGURE` makes. Beside each picture it leaves the",
        "dataset (`.zarr`), the same for other programs (`.nc`) and as a table (`.csv`).",
    ]
    for paper in papers:
        places = {figure.name: _picture(paper.name, figure.name) for figure in paper.figures}
        scales = {
            name: coming[place] if place in coming else _scale_of(pages / place)
            for name, place in places.items()
            if place in coming or (pages / place).exists()
        }
        scale = _one_scale(paper, {name: said for name, said in scales.items() if said}, pages)
        said = f" Scale: {scale} ({paper.scale(scale).title})." if scale else ""
        silent = ", ".join(f"`{name}`" for name, own in scales.items() if not own)
        said += f" The scale of {silent} is not known." if silent else ""
        lines += ["", f"## {paper.name}", "", f"{paper.reference}.{said}", ""]
        for figure in paper.figures:
            lines += [f"**`{figure.name}`**: {figure.title}.", ""]
            if figure.name in scales:
                lines += [f"![{figure.title}]({places[figure.name]})", ""]
        lines.pop()
    return lines


def _picture(paper: str, figure: str) -> str:
    return f"_static/{paper}_{figure}.png"


def _scale_of(picture: Path) -> str:
    """The scale that a published picture keeps in its file; nothing where it has none."""
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            return str(opened.info.get(_SCALE, ""))
    except OSError:
        return ""


def _one_scale(paper: Paper, scales: Mapping[str, str], folder: Path) -> str:
    """The scale of all figures and claims of a paper."""
    names = {scale: name for name, scale in scales.items()}
    if len(names) > 1:
        words = " and ".join(f"{name} at the scale {scale}" for scale, name in names.items())
        raise StoreError(
            f"`{folder}` would show {paper.name} at more than one scale, {words}; make all of it "
            "at one scale first."
        )
    return next(iter(names), "")


def _made_at(store: Path) -> str:
    """The scale at which a dataset of a paper was made."""
    try:
        return str(json.loads(attributes_of(store)["paper"])["scale"])
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"`{store}` does not say at which scale it was made.") from None


def publish(results: Path, pages: Path, experiments: Sequence[str] = ()) -> list[Path]:
    """Write gallery, claims and pictures from what there is in a folder of results.

    Everything is read and checked before anything is written.

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

    Raises
    ------
    StoreError
        If a picture is missing, does not say its scale or cannot be read, if a paper is there at
        more than one scale, or if something cannot be written.
    """
    papers = [find_paper(name) for name in known_papers()]
    pictures = {f"_static/{name}.png": shrunk(results / f"{name}.png") for name in experiments}
    coming: dict[str, str] = {}
    tables = []
    for paper in papers:
        scales: dict[str, str] = {}
        for figure in paper.figures:
            source = results / paper.name / f"{figure.name}.png"
            if source.exists():
                scale = scales[figure.name] = _made_at(source.with_suffix(".zarr"))
                place = _picture(paper.name, figure.name)
                coming[place], pictures[place] = scale, shrunk(source, scale=scale)
        table = results / paper.name / f"{CLAIMS}.zarr"
        if table.exists():
            scales[CLAIMS] = _made_at(table)
            tables.append(load(table))
        _one_scale(paper, scales, results)
    contents = {
        **{pages / place: content for place, content in pictures.items()},
        pages / "gallery.md": _text(gallery_page(papers, pages, coming)),
    }
    if tables:
        contents[pages / "claims.md"] = _text(claims_page(tables))
    for path in contents:
        check_files(path.parent, path.stem, (path.suffix,))
    return [write_whole(content, path) for path, content in contents.items()]


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 2 after one sentence on what cannot be published."""
    if len(arguments) < 2:
        print("usage: python -m opendicke.papers.gallery RESULTS PAGES [NAME …]", file=sys.stderr)
        return 2
    try:
        for written in publish(Path(arguments[0]), Path(arguments[1]), arguments[2:]):
            print(written)
    except (StoreError, InputError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
