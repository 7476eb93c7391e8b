"""How models, states and experiments show themselves: as text, and as HTML in notebooks."""

from __future__ import annotations

import dataclasses
import html
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import opendicke as od
from opendicke.display import brief, numbers

NASTY = ("<b>", "Ω & 'co'", '"c"')
GAUSSIAN = od.RandomDicke(
    od.Gaussian(2.0), 9, 500, frequencies=np.linspace(1, 3, 500), field=0.5, loss=1.0
)
MODEL = od.DickeModel(
    [[0.5, -1.25, 0.0]] * 2, [1.0, 1.0, 1.0], loss=[1.0, 2.0, 3.0], pattern_names=NASTY
)
STATE = od.ProductState.bloch(np.full((9, 3), 0.5), displacement=[1j, 2.0])
EXPERIMENT = od.Experiment(
    GAUSSIAN,
    od.ProductState.polarized("+z"),
    np.linspace(0, 2, 5),
    od.MeanField(),
    ["sz", "photons"],
    realizations=3,
    sweep={"model.field": [0.5, 1.0]},
)
OBJECTS = {
    "model": MODEL,
    "random": GAUSSIAN,
    "ising": od.eliminate(MODEL),
    "interactions": od.IsingModel(interactions=[[0.0, 1.0], [1.0, 0.0]]),
    "limit": od.RandomDicke(od.Binary(1.0), 4, 2, frequencies=1.0).thermodynamic(),
    "state": STATE,
    "experiment": EXPERIMENT,
}


class Rows(HTMLParser):
    """The rows of a card, and whether its elements are closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: dict[str, str] = {}
        self._cells: dict[str, str] = {}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        if tag == "tr":
            self._cells = {"th": "", "td": ""}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "tr":
            self.rows[self._cells["th"]] = self._cells["td"]
            self._cells = {}

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self._cells:
            self._cells[self.open[-1]] += data


@pytest.mark.parametrize("name", OBJECTS)
def test_html_is_whole_and_suits_every_theme(name: str) -> None:
    """Escaped, closed, short, and without colours of its own."""
    text = OBJECTS[name]._repr_html_()
    rows = Rows(text).rows
    assert len(rows) >= 3
    assert all(rows.values())
    assert not re.search(r"colou?r|background|#[0-9a-f]{3}|<b>|<script", text)
    assert len(text) < 5000
    assert type(OBJECTS[name]).__name__ in text


def test_html_of_advice() -> None:
    """A line for each method, with its verdict and reason, and the suggestion below."""
    model = od.DickeModel([[2.0], [-1.5]], 1.0, loss=11.0, gain=1.0, field=0.02)
    state = od.ProductState.polarized("-z", bosons="stationary")
    advice = od.advise(model, state, [0.0, 10.0])
    text = advice._repr_html_()
    Rows(text)
    for each in advice.opinions:
        assert f">{each.name}</td>" in text
        assert f">{each.verdict.name.lower()}</td>" in text
        assert html.escape(each.reason) in text
    assert html.escape(advice.sentence) in text
    assert not re.search(r"colou?r|background|#[0-9a-f]{3}", text)
    nasty = dataclasses.replace(advice, sentence="<script>")
    assert "<script>" not in nasty._repr_html_()


def test_rows_of_a_model() -> None:
    """Sizes, and parameters with their units."""
    rows = Rows(MODEL._repr_html_()).rows
    assert rows["spins"] == "2"
    assert rows["modes"] == "3"
    assert rows["couplings g"] == "-1.25 … 0.5 energy (2 × 3 couplings)"
    assert rows["frequencies ω"] == "1 energy (all 3 modes)"
    assert rows["loss"] == "1 … 3 energy (3 modes)"
    assert rows["axes"] == "coupling Z = z, field X = x"
    assert rows["patterns"] == "<b>, Ω & 'co', \"c\""
    assert "infinitely many" in Rows(OBJECTS["limit"]._repr_html_()).rows["spins"]


def test_rows_of_others() -> None:
    assert Rows(GAUSSIAN._repr_html_()).rows["couplings g"] == "Gaussian(sigma=2.0)"
    assert Rows(OBJECTS["ising"]._repr_html_()).rows["terms i = j"] == "left out"
    rows = Rows(EXPERIMENT._repr_html_()).rows
    assert rows["cells"] == "6"
    assert rows["sweep of model.field"] == "[0.5, 1.0]"
    assert rows["times"] == "0 … 2 1/energy (5 times)"
    assert Rows(STATE._repr_html_()).rows["displacement"] == "0+1j, 2+0j"


def test_texts_are_short() -> None:
    """Arrays are told by their range and size."""
    assert repr(GAUSSIAN) == (
        "RandomDicke(couplings=Gaussian(sigma=2.0), spins=9, modes=500, "
        "frequencies=<1 … 3 (500 values)>, loss=1.0, gain=0.0, field=0.5, "
        "coupling_axis='z', field_axis='x')"
    )
    assert repr(od.ProductState.configuration([1, -1])) == (
        "ProductState(spins=Configuration([1, -1], axis='z'), bosons='vacuum', "
        "displacement=0.0, occupation=0.0)"
    )
    assert "Bloch(<0.5 (all 9 × 3 values)>)" in repr(STATE)
    text = repr(EXPERIMENT)
    assert "5 times to 2, sz, photons; 3 realizations, model.field × 2, seed=0" in text
    assert len(text) < 500


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.25 energy"),
        ([], "none"),
        ([[1, 1]], "1 energy (all 1 × 2 spins)"),
        ([1.0, 2 / 3], "0.666667 … 1 energy (2 spins)"),
        (2 + 0j, "2 energy"),
        ([1j] * 6, "0+1j, 0+1j, 0+1j, 0+1j, … energy"),
    ],
)
def test_numbers_in_words(value: Any, text: str) -> None:
    assert numbers(value, "energy", "spins") == text


def test_brief() -> None:
    assert brief("a") == "'a'"
    assert brief(np.array(2.0)) == repr(np.array(2.0))
    assert brief(0j) == "0.0"
