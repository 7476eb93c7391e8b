"""How objects show themselves: arrays in a few words, and a small table in notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

_AROUND = "overflow-x: auto"
_TABLE = "border-collapse: collapse; text-align: left"
_CELL = "text-align: left; vertical-align: top; padding: 0.1em 1em 0.1em 0"
_SHORT = 20
"""Letters up to which the words of a cell stay on one line."""


def card(title: str, rows: Iterable[tuple[str, str]], note: str = "") -> str:
    """A small table as HTML, without colours of its own, so that it suits every theme.

    Parameters
    ----------
    title : str
        What it is.
    rows : iterable of (str, str)
        Names and values, as plain text; rows without a value are left out.
    note : str
        A line below, as plain text.
    """
    body = "".join(
        f'<tr><th scope="row" style="{_CELL}">{escape(name)}</th>'
        f'<td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in rows
        if value
    )
    below = f"<div><small>{escape(note)}</small></div>" if note else ""
    return (
        f'<div style="{_AROUND}"><strong>{escape(title)}</strong><table style="{_TABLE}">'
        f"<tbody>{body}</tbody>"
        f"</table>{below}</div>"
    )


def grid(
    title: str, head: Sequence[str], rows: Iterable[Sequence[str]], notes: Sequence[str] = ()
) -> str:
    """A table with named columns as HTML, in the same manner as `card`.

    Parameters
    ----------
    title : str
        What it is.
    head : sequence of str
        Names of the columns.
    rows : iterable of sequences of str
        Plain text, a word for each column.
    notes : sequence of str
        Lines below, as plain text.
    """

    def line(words: Sequence[str], tag: str) -> str:
        cells = (f'<{tag} style="{_style(word)}">{escape(word)}</{tag}>' for word in words)
        return f"<tr>{''.join(cells)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    below = "".join(f"<div><small>{escape(note)}</small></div>" for note in notes if note)
    return (
        f'<div style="{_AROUND}"><strong>{escape(title)}</strong><table style="{_TABLE}">'
        f"<thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>{below}</div>"
    )


def _style(word: str) -> str:
    """Short words stay on one line, long ones get the width that is left."""
    return f"{_CELL}; white-space: nowrap" if len(word) <= _SHORT else f"{_CELL}; min-width: 16em"


def numbers(value: Any, unit: str = "", what: str = "values") -> str:
    """A number, or the range of an array and how many entries it has.

    >>> numbers([1.0, 2.5, 2.0], "energy", "modes")
    '1 … 2.5 energy (3 modes)'
    """
    array = np.asarray(value)
    after = f" {unit}" if unit else ""
    if not array.size:
        return "none"
    if array.dtype.kind == "c":
        if array.imag.any():
            listed = ", ".join(_number(v) for v in array.ravel()[:4])
            more = ", …" if array.size > 4 else ""
            return f"{listed}{more}{after}"
        array = array.real
    if array.ndim == 0:
        return f"{_number(array[()])}{after}"
    low, high = array.min(), array.max()
    shape = " × ".join(map(str, array.shape))
    if array.shape == (1,):
        return f"{_number(low)}{after} (1 {what.removesuffix('s')})"
    if low == high:
        return f"{_number(low)}{after} (all {shape} {what})"
    return f"{_number(low)} … {_number(high)}{after} ({shape} {what})"


def brief(value: Any) -> str:
    """As `repr`, but an array by its range and shape, and a real number as one."""
    if isinstance(value, complex) and not value.imag:
        return repr(value.real)
    return f"<{numbers(value)}>" if isinstance(value, np.ndarray) and value.ndim else repr(value)


def plural(count: int, word: str) -> str:
    """A count and what is counted."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def rounded(value: float) -> str:
    """A number to two digits, without a power of ten where it is no longer than with one.

    >>> rounded(0.0123), rounded(456.0), rounded(7_890_123.0)
    ('0.012', '460', '7.9e+06')
    """
    short = f"{value:.2g}"
    return f"{float(short):,.0f}" if 100 <= abs(value) < 1e6 else short


def _number(value: Any) -> str:
    return f"{value:.6g}"
