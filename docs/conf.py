"""Sphinx settings. Formulas become MathML while building, so that pages need no network."""

from __future__ import annotations

import re
from importlib.metadata import version as _version
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

project = "opendicke"
author = "The opendicke developers"
project_copyright = "The opendicke developers"
release = version = _version("opendicke")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
default_role = "code"
nitpicky = False

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_copy_source = False
html_title = f"opendicke {version}"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_math_renderer = "mathml"

# What docutils makes of accents and bars depends on a mathematical font for its looks. Accented
# letters become one letter with a combining mark, and bars and slashes lose their wide spaces.
_ACCENT = re.compile(r"\\(dot|hat|bar|tilde)(?![A-Za-z])\s*(\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z])")
_FRACTION = re.compile(r"\\([td]?frac)(\d)(\d)")
_ACCENTED = re.compile(
    r'<mover accent="true">\s*<mi[^>]*>(.)</mi>\s*<mo stretchy="false">(.)</mo>\s*</mover>'
)
_COMBINING = {"˙": "\u0307", "ˆ": "\u0302", "ˉ": "\u0304", "˜": "\u0303"}
_TIGHT = re.compile(r'<mo(?: stretchy="false")?>([|/])</mo>')


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
    return _TIGHT.sub(r'<mo stretchy="false" lspace="0.05em" rspace="0.05em">\1</mo>', made)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _displayed(translator: Any, node: nodes.math_block) -> None:
    formula = _mathml(node.astext(), block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the renderer of formulas."""
    app.add_html_math_renderer("mathml", (_inline, None), (_displayed, None))
