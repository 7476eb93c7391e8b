"""Sphinx settings. Formulas become MathML while building, so that pages need no network."""

from __future__ import annotations

import inspect
import re
from contextlib import suppress
from importlib.metadata import version as _version
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import opendicke

project = "opendicke"
author = "The opendicke developers"
project_copyright = "The opendicke developers"
release = version = _version("opendicke")

smartquotes = False  # names in quotation marks are to be copied
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
default_role = "code"
nitpicky = True
nitpick_ignore_regex = [("py:class", r"array|[A-Z]")]  # words of shapes, such as array (K,)

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False  # parameters of one description stay in one line

html_theme = "furo"
pygments_dark_style = "github-dark"
html_copy_source = False
html_title = f"opendicke {version}"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_math_renderer = "mathml"

# What docutils makes of accents and bars depends on a mathematical font for its looks. Accented
# letters become one letter with a combining mark; bars, slashes and angles lose their wide spaces.
_ACCENT = re.compile(r"\\(dot|hat|bar|tilde)(?![A-Za-z])\s*(\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z])")
_FRACTION = re.compile(r"\\([td]?frac)(\d)(\d)")
_ACCENTED = re.compile(
    r'<mover accent="true">\s*<mi[^>]*>(.)</mi>\s*<mo stretchy="false">(.)</mo>\s*</mover>'
)
_COMBINING = {"˙": "\u0307", "ˆ": "\u0302", "ˉ": "\u0304", "˜": "\u0303"}
_TIGHT = re.compile(r'<mo(?: stretchy="false"| class="mathopen")?>([|/⟨⟩])</mo>')


def _mathml(text: str, *, block: bool) -> str:
    """MathML of a formula; braces around accents keep docutils from centring indices under them."""
    source = _FRACTION.sub(r"\\\1{\2}{\3}", _ACCENT.sub(r"{\\\1 \2{}}", text))
    try:
        made = str(latex2mathml.tex2mathml(source, as_block=block))
    except (MathError, IndexError) as error:  # an index without a letter before it
        raise ExtensionError(f"The formula {text!r} cannot be shown: {error}") from None
    made = _ACCENTED.sub(
        lambda m: f'<mi style="font-style: italic">{m[1]}{_COMBINING.get(m[2], m[2])}</mi>', made
    )
    if r"\left|" in text:  # bars that grow with what they hold
        return made
    return _TIGHT.sub(r'<mo stretchy="false" lspace="0.05em" rspace="0.05em">\1</mo>', made)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _displayed(translator: Any, node: nodes.math_block) -> None:
    formula = _mathml(node.astext(), block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


# Public names in docstrings lead to their entries: in types of parameters, and in prose between
# backticks, where they are not arguments or members of what is described.
_TYPED = re.compile(r"^(.*?\*\*[^*]+\*\*) \(\*(.*)\*\)")
_NAMED = re.compile(r"(?<![`:\w])`(\w+)`(?![`_])")
_PUBLIC = re.compile(rf"\b({'|'.join(sorted(set(opendicke.__all__), key=len, reverse=True))})\b")


_plain: dict[str, list[str]] = {}


def _kept(app: Sphinx, what: str, name: str, member: Any, options: Any, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon for a type: attributes are left as they are."""
    if what in ("attribute", "data", "property"):
        _plain[name] = list(lines)


def _linked(app: Sphinx, what: str, name: str, member: Any, options: Any, lines: list[str]) -> None:
    lines[:] = _plain.pop(name, lines)
    taken = set(dir(member)) if isinstance(member, type) else set()
    with suppress(TypeError, ValueError):
        taken |= set(inspect.signature(member).parameters)

    def named(match: re.Match[str]) -> str:
        word = match[1]
        known = word in opendicke.__all__ and word not in {*taken, "trajectories"}  # a setting
        known = known and not name.endswith(f".{word}")
        return f":py:obj:`~opendicke.{word}`" if known else match[0]

    for number, line in enumerate(lines):
        line = _NAMED.sub(named, line)
        found = _TYPED.match(line)
        if found and _PUBLIC.search(found[2]):
            kind = _PUBLIC.sub(r":py:obj:`~opendicke.\1`", found[2])
            line = f"{found[1]} ({kind}){line[found.end() :]}"
        lines[number] = line


def setup(app: Sphinx) -> None:
    """Register the renderer of formulas, and the links between docstrings."""
    app.add_html_math_renderer("mathml", (_inline, None), (_displayed, None))
    app.connect("autodoc-process-docstring", _kept, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", _linked, priority=900)  # after it
