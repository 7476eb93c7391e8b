"""Figures of phase diagrams: every value in its cell, every kind of motion in its colour."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

import opendicke as od
from opendicke.cli import main
from opendicke.plots.overview import overview
from opendicke.plots.phase_diagram import is_phase_diagram, phase_diagram
from opendicke.plots.style import save_figure

FLAGS = {
    "long_name": "kind of motion",
    "flag_values": [int(kind) for kind in od.Motion],
    "flag_meanings": " ".join(kind.name.lower() for kind in od.Motion),
}
PATHS = {
    "strength": "model.couplings.strength",
    "field": "model.field",
    "loss": "model.loss",
    "modes": "model.modes",
    "flipped": "state.flipped",
    "seed": "state.seed",
}
Make = Callable[..., xr.Dataset]


@pytest.fixture
def make() -> Make:
    """A phase diagram with random overlaps and kinds of motion, from axes and their values."""

    def made(patterns: int = 2, **axes: Any) -> xr.Dataset:
        rng = np.random.default_rng(3)
        coordinates = {
            name: xr.Variable((name,), np.asarray(values), {"long_name": PATHS.get(name, name)})
            for name, values in axes.items()
        }
        shape = tuple(len(values) for values in coordinates.values())
        dims = tuple(coordinates)
        overlap = rng.uniform(0.2, 1.0, (*shape, patterns))
        motion = rng.choice(FLAGS["flag_values"][1:], shape).astype(np.int8)
        return xr.Dataset(
            {
                "overlap": ((*dims, "pattern"), overlap),
                "motion": (dims, motion, FLAGS),
                "step": (dims, np.ones(shape)),
            },
            coordinates | {"pattern": np.arange(patterns)},
            {"format": 1, "experiment": json.dumps({"sweep": {}})},
        )

    return made


def panels(figure: Figure) -> list[Any]:
    """Visible panels, without colour bars."""
    drawn = (axes for axes in figure.axes if axes.get_visible() and axes.get_title())
    return list(drawn)


def mesh(axes: Any) -> QuadMesh:
    (found,) = (item for item in axes.collections if isinstance(item, QuadMesh))
    return found


def at(axes: Any, x: float, y: float) -> Any:
    """The value of the cell that covers a place, searched by its corners alone."""
    drawn = mesh(axes)
    corners = drawn.get_coordinates()
    columns = (corners[0, :-1, 0] <= x) & (x < corners[0, 1:, 0])
    rows = (corners[:-1, 0, 1] <= y) & (y < corners[1:, 0, 1])
    assert columns.sum() == rows.sum() == 1
    return drawn.get_array()[rows.argmax(), columns.argmax()]


def color_at(axes: Any, x: float, y: float) -> tuple[float, ...]:
    return tuple(mesh(axes).to_rgba(np.ma.masked_array([at(axes, x, y)]))[0])


def legend(figure: Figure) -> dict[str, Any]:
    (found,) = figure.legends
    words = [text.get_text() for text in found.get_texts()]
    return dict(zip(words, found.legend_handles, strict=True))


@pytest.mark.parametrize("flipped", [False, True], ids=["first axis along x", "first along y"])
def test_every_value_lies_in_its_cell(make: Make, flipped: bool) -> None:
    """Both orientations; the value at a point's coordinates is that of the point."""
    dataset = make(strength=[0.5, 1.0, 1.5, 2.0], field=[0.1, 0.2, 0.3])
    figure = phase_diagram(dataset, [1, 0], x="field" if flipped else None)
    drawn = panels(figure)
    assert [axes.get_title()[4:] for axes in drawn] == [
        "overlap with pattern 1",
        "overlap with pattern 0",
        "kind of motion",
    ]
    assert drawn[0].get_xlabel() == ("field Ω" if flipped else "coupling strength $g_0$")
    assert drawn[0].get_ylabel() == ("coupling strength $g_0$" if flipped else "field Ω")
    for strength in dataset["strength"].values:
        for field in dataset["field"].values:
            place = (field, strength) if flipped else (strength, field)
            point = dataset.sel(strength=strength, field=field)
            assert at(drawn[0], *place) == point["overlap"].values[1]
            assert at(drawn[1], *place) == point["overlap"].values[0]
            assert at(drawn[2], *place) == point["motion"].values


def test_the_order_of_dimensions_does_not_matter(make: Make) -> None:
    """A transposed dataset, and one with falling values, give the same figure."""
    dataset = make(1, strength=[0.5, 1.0, 1.5], field=[0.1, 0.2])
    turned = dataset.transpose("pattern", "field", "strength").isel(strength=slice(None, None, -1))
    one = panels(phase_diagram(dataset))
    two = panels(phase_diagram(turned, x="strength", y="field"))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(mesh(first).get_array(), mesh(second).get_array())
        np.testing.assert_array_equal(mesh(first).get_coordinates(), mesh(second).get_coordinates())


def test_cells_of_uneven_values_reach_half_way_to_their_neighbours(make: Make) -> None:
    """Borders are means of neighbours; the outer cells are symmetric about their values."""
    dataset = make(1, strength=[1.0, 1.2, 2.0, 4.0], field=[0.0, 1.0])
    first = panels(phase_diagram(dataset))[0]
    corners = mesh(first).get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [0.9, 1.1, 1.6, 3.0, 5.0])
    np.testing.assert_allclose(corners[:, 0, 1], [-0.5, 0.5, 1.5])
    assert first.get_xlim() == pytest.approx((0.9, 5.0))
    for strength in dataset["strength"].values:
        expected = dataset["overlap"].sel(strength=strength, field=1.0).values[0]
        assert at(first, strength, 1.0) == expected


def test_equal_ratios_over_a_wide_range_are_drawn_logarithmically(make: Make) -> None:
    """Borders are then geometric means; narrower ranges and zeros stay linear."""
    dataset = make(1, strength=[0.1, 1.0, 10.0, 100.0], field=[0.5, 1.0, 2.0, 4.0])
    first = panels(phase_diagram(dataset))[0]
    assert (first.get_xscale(), first.get_yscale()) == ("log", "linear")
    corners = mesh(first).get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], 10.0 ** np.array([-1.5, -0.5, 0.5, 1.5, 2.5]))
    np.testing.assert_allclose(corners[:, 0, 1], [0.25, 0.75, 1.5, 3.0, 5.0])


def test_one_value_makes_one_cell(make: Make) -> None:
    """An axis of one value is drawn around it."""
    first = panels(phase_diagram(make(1, strength=[0.5, 1.0], field=[0.3])))[0]
    np.testing.assert_allclose(mesh(first).get_coordinates()[:, 0, 1], [-0.2, 0.8])


def test_colours_of_motion_are_those_of_the_legend(make: Make) -> None:
    """Every kind that occurs is in the legend in words, others are not; all colours differ."""
    dataset = make(1, strength=[0.5, 1.0, 1.5, 2.0], field=[0.1])
    dataset["motion"].values[:, 0] = [-1, 0, 2, 4]
    figure = phase_diagram(dataset)
    shown = legend(figure)
    assert list(shown) == ["failed", "settled", "limit cycle", "moving"]
    drawn = panels(figure)[1]
    colors = {
        word: color_at(drawn, strength, 0.1)
        for word, strength in zip(shown, dataset["strength"].values, strict=True)
    }
    for word, color in colors.items():
        assert color == shown[word].get_facecolor()
    assert len(set(colors.values())) == 4


def test_all_colours_of_motion_can_be_told_apart_by_everyone(make: Make) -> None:
    """Also without red or green receptors (Viénot, Brettel and Mollon 1999), and in pairs."""
    dataset = make(1, strength=np.arange(7.0), field=[0.1])
    dataset["motion"].values[:, 0] = [-1, 0, 1, 2, 3, 4, 0]
    dataset["hidden_instability"] = (("strength", "field"), np.arange(7)[:, None] == 6)
    figure = phase_diagram(dataset)
    colors = np.array([handle.get_facecolor()[:3] for handle in legend(figure).values()])
    assert len(colors) == 7
    linear = colors**2.2
    green_blind = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    red_blind = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    for matrix in (np.eye(3), green_blind, red_blind):
        seen = np.clip(linear @ matrix.T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen, axis=-1) + 10 * np.eye(7)
        assert apart.min() > 0.12


def test_hidden_instability_is_a_kind_of_its_own(make: Make) -> None:
    """Where the dataset says so, and nowhere else; the dataset is left as it was."""
    dataset = make(1, strength=[0.5, 1.0, 1.5], field=[0.1, 0.2])
    dataset["motion"].values[:] = 0
    before = dataset.copy(deep=True)
    hidden = np.zeros((3, 2), bool)
    hidden[1, 0] = True
    dataset["hidden_instability"] = (("strength", "field"), hidden)
    figure = phase_diagram(dataset)
    shown = legend(figure)
    assert list(shown) == ["settled", "settled, unstable to kicks"]
    drawn = panels(figure)[1]
    assert color_at(drawn, 1.0, 0.1) == shown["settled, unstable to kicks"].get_facecolor()
    assert color_at(drawn, 1.0, 0.2) == shown["settled"].get_facecolor()
    xr.testing.assert_identical(dataset.drop_vars("hidden_instability"), before)


def test_patterns_that_prevail_somewhere_are_shown(make: Make) -> None:
    """By default; at most four, and the largest mean where none prevails."""
    dataset = make(5, strength=np.arange(1.0, 11.0), field=np.arange(1.0, 11.0))
    overlap = dataset["overlap"].values
    overlap[:] = 0.0
    overlap[:5, :, 3], overlap[5:, :, 1] = 0.9, 0.8
    overlap[0, 0] = [0.95, 0, 0, 0, 0]

    def shown() -> list[str]:
        return [axes.get_title()[4:] for axes in panels(phase_diagram(dataset))[:-1]]

    assert shown() == [f"overlap with pattern {k}" for k in (0, 1, 3)]
    overlap[0, 0] = 0.0
    overlap[9, 9] = [0, 0, 0.95, 0, 0]  # one point of a hundred is enough
    assert shown() == [f"overlap with pattern {k}" for k in (1, 2, 3)]
    overlap[:] = 0.0
    overlap[..., 4] = 0.05
    assert shown() == ["overlap with pattern 4"]
    overlap[...] = np.eye(5)[np.arange(100).reshape(10, 10) % 5]
    assert len(shown()) == 4


def test_points_without_a_pattern_are_left_empty(make: Make) -> None:
    """Fewer modes have fewer patterns; the legend says what the hatching means."""
    dataset = make(2, strength=[0.5, 1.0], modes=[1, 2])
    assert "no such pattern" not in legend(phase_diagram(dataset))
    dataset["overlap"].values[:, 0, 1] = np.nan
    figure = phase_diagram(dataset, 1)
    assert np.ma.is_masked(at(panels(figure)[0], 0.5, 1))
    assert at(panels(figure)[0], 0.5, 2) == dataset["overlap"].values[0, 1, 1]
    assert "no such pattern" in legend(figure)
    assert panels(figure)[0].get_ylabel() == "number of modes $M$"


def test_a_third_axis_makes_rows(make: Make) -> None:
    """One row for each value; maps and motion of every row are those of its value."""
    dataset = make(1, strength=[0.5, 1.0], field=[0.1, 0.2, 0.3], loss=[1.0, 2.0, 4.0])
    drawn = panels(phase_diagram(dataset))
    assert len(drawn) == 6
    for row, loss in enumerate((1.0, 2.0, 4.0)):
        assert drawn[2 * row].get_title()[4:] == f"overlap with pattern 0, loss = {loss:g}"
        assert drawn[2 * row + 1].get_title()[4:] == f"kind of motion, loss = {loss:g}"
        for strength in (0.5, 1.0):
            for field in (0.1, 0.2, 0.3):
                point = dataset.sel(strength=strength, field=field, loss=loss)
                assert at(drawn[2 * row], strength, field) == point["overlap"].values[0]
                assert at(drawn[2 * row + 1], strength, field) == point["motion"].values


def test_no_more_rows_than_fit(make: Make) -> None:
    """At most six, spread over all values, and the figure says that there are more."""
    dataset = make(1, strength=[0.5, 1.0], field=[0.1, 0.2], loss=np.arange(1.0, 12.0))
    figure = phase_diagram(dataset)
    shown = [axes.get_title().split(" = ")[1] for axes in panels(figure)[::2]]
    assert shown == ["1", "3", "5", "7", "9", "11"]
    assert figure.get_suptitle() == "6 of 11 values of loss are shown."


def test_one_axis_makes_curves(make: Make) -> None:
    """A line for each pattern; a marker at every point, of one shape for each kind of motion."""
    dataset = make(2, strength=[0.5, 0.7, 1.0, 2.0])
    dataset["motion"].values[:] = [0, 2, 4, 0]
    figure = phase_diagram(dataset, [0, 1])
    (axes,) = figure.axes
    shown = legend(figure)
    assert list(shown) == ["pattern 0", "pattern 1", "settled", "limit cycle", "moving"]
    lines = axes.get_lines()
    assert len(lines) == 2 * (1 + 3)
    for pattern in (0, 1):
        curve, *markers = lines[4 * pattern : 4 * pattern + 4]
        expected = dataset["overlap"].values[:, pattern]
        np.testing.assert_array_equal(curve.get_xdata(), dataset["strength"])
        np.testing.assert_array_equal(curve.get_ydata(), expected)
        assert curve.get_color() == shown[f"pattern {pattern}"].get_color()
        for word, places, drawn in zip(list(shown)[2:], ([0, 3], [1], [2]), markers, strict=True):
            np.testing.assert_array_equal(drawn.get_xdata(), dataset["strength"].values[places])
            np.testing.assert_array_equal(drawn.get_ydata(), expected[places])
            assert drawn.get_marker() == shown[word].get_marker()
    assert len({shown[word].get_marker() for word in list(shown)[2:]}) == 3
    assert axes.get_xlabel() == "coupling strength $g_0$"


def test_a_selected_point_leaves_the_other_axes(make: Make) -> None:
    """What xarray's selection leaves of a diagram is a diagram."""
    dataset = make(2, strength=[0.5, 1.0], field=[0.1, 0.2, 0.3])
    (axes,) = phase_diagram(dataset.sel(field=0.2), 0).axes
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), dataset["overlap"][:, 1, 0])
    one = panels(phase_diagram(dataset.isel(pattern=1)))
    assert one[0].get_title() == "(a) overlap with pattern 1"
    assert at(one[0], 1.0, 0.3) == dataset["overlap"].values[1, 2, 1]


def test_failed_points_of_curves_are_marked_at_the_bottom(make: Make) -> None:
    """They have no overlap, and are not passed over in silence."""
    dataset = make(1, strength=[0.5, 1.0, 2.0])
    dataset["motion"].values[:] = [0, -1, 0]
    dataset["overlap"].values[1] = np.nan
    figure = phase_diagram(dataset)
    _, failed, _ = figure.axes[0].get_lines()
    np.testing.assert_array_equal(failed.get_xydata(), [[1.0, 0.0]])
    assert "failed" in legend(figure)


def line_of(axes: Any) -> np.ndarray:
    """Corners of the only contour of a panel."""
    (found,) = (item for item in axes.collections if isinstance(item, mpl.contour.QuadContourSet))
    return np.concatenate([path.vertices for path in found.get_paths()])


@pytest.mark.parametrize("x", ["strength", "field"])
def test_contours_lie_where_the_formula_vanishes(make: Make, x: str) -> None:
    """In every panel, whichever way the axes lie, up to the borders of the outer cells."""
    dataset = make(1, strength=np.linspace(0.2, 2, 7), field=np.linspace(0.1, 1, 4))

    def above(strength: Any, field: Any) -> Any:
        return strength - od.critical_coupling(field, 3 * field, 1.0)

    figure = phase_diagram(dataset, x=x, contours={"critical": above})
    assert "critical" in legend(figure)
    for axes in panels(figure):
        corners = line_of(axes)
        strength, field = corners.T if x == "strength" else corners.T[::-1]
        expected = od.critical_coupling(field, 3 * field, 1.0)
        np.testing.assert_allclose(strength, expected, atol=2e-3)
        assert field.max() > 0.9
        assert (field > 0).all()  # the border of the lowest cells lies below 0
        assert field.min() < 0.02


def test_contours_of_a_third_axis(make: Make) -> None:
    """Each row has the line of its own value."""
    dataset = make(1, strength=[0.5, 1.0, 1.5], field=[0.5, 1.0], loss=[0.6, 1.2])
    contours = {"c": lambda strength, field, loss: strength - loss + 0 * field}
    drawn = panels(phase_diagram(dataset, contours=contours))
    for number, axes in enumerate(drawn):
        np.testing.assert_allclose(line_of(axes)[:, 0], (0.6, 1.2)[number // 2], atol=1e-9)


def test_contours_of_whole_numbers_are_asked_at_these_only(make: Make) -> None:
    """Half a mode has no formula."""
    dataset = make(1, strength=[0.5, 1.0, 1.5], modes=[1, 2, 4])
    asked = set()

    def formula(strength: Any, modes: Any) -> Any:
        asked.update(np.unique(modes).tolist())
        return strength - 0.3 * modes

    corners = line_of(panels(phase_diagram(dataset, contours={"c": formula}))[0])
    assert asked == {1, 2, 4}
    np.testing.assert_allclose(corners[:, 0], 0.3 * corners[:, 1], atol=1e-9)


def test_contours_of_one_axis_are_upright_lines(make: Make) -> None:
    """At every zero."""
    dataset = make(1, strength=np.linspace(0, 3, 7))
    contours = {"c": lambda strength: (strength - 1) * (strength - 2.5)}
    (axes,) = phase_diagram(dataset, contours=contours).axes
    upright = [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == "--"]
    np.testing.assert_allclose(upright, [1.0, 2.5], atol=1e-3)


def test_labels_of_axes(make: Make) -> None:
    """Known symbols, words, lists, and what changes along with the first parameter."""
    dataset = make(1, field=[0.1, 0.2], flipped=[0.0, 0.1])
    sweep = {"field": {"model.field": [], "model.frequencies": [], "model.loss": []}}
    dataset.attrs["experiment"] = json.dumps({"sweep": sweep})
    axes = panels(phase_diagram(dataset))[0]
    assert axes.get_xlabel() == "field Ω\n(frequencies and loss change with it)"
    assert axes.get_ylabel() == "flipped fraction $f$"

    dataset = make(1, detuning=[0, 1, 2], bosons=["vacuum", "stationary"])
    dataset["detuning"].attrs |= {"long_name": "model.frequencies", "values": "[…]"}
    axes = panels(phase_diagram(dataset))[0]
    assert axes.get_xlabel() == "detuning (place in its list)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["vacuum", "stationary"]
    assert at(axes, 2, 1) == dataset["overlap"].values[2, 1, 0]

    dataset["pattern_name"] = ("pattern", ["H"])
    named = dataset.set_coords("pattern_name")
    assert panels(phase_diagram(named))[0].get_title() == "(a) overlap with H"


def test_what_is_no_phase_diagram(make: Make) -> None:
    """Bad input gets its sentence, and is no phase diagram for the overview either."""
    dataset = make(1, strength=[0.5, 1.0], field=[0.1, 0.2])
    unmarked = dataset.copy()
    unmarked["motion"] = dataset["motion"].drop_attrs()
    four = make(1, strength=[0.5], field=[0.1], loss=[1.0], flipped=[0.0])
    cases = [
        (dataset.drop_vars("motion"), "had no variable `motion`."),
        (dataset.drop_vars("overlap"), "had no variable `overlap`."),
        (dataset.rename(field="time"), "had overlaps in time."),
        (unmarked, "did not say what the values of `motion` mean."),
        (dataset.assign(overlap=dataset["overlap"].isel(field=0)), "had other axes for `overlap` "),
        (dataset.drop_vars("field"), "had an axis without values."),
        (four, "had 4 axes where one to three can be drawn; select some values."),
        (dataset.isel(strength=0, field=0), "had 0 axes where"),
        (dataset.isel(strength=[]), "had no points."),
    ]
    assert is_phase_diagram(dataset)
    for wrong, end in cases:
        assert not is_phase_diagram(wrong)
        with pytest.raises(od.InputError) as caught:
            phase_diagram(wrong)
        start = "Argument `dataset` must be a phase diagram, as `phase_diagram` makes it, but "
        assert str(caught.value).startswith(start + end)
    with pytest.raises(od.InputError, match=r"`dataset` must be a phase diagram.*but was 3"):
        phase_diagram(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"patterns": 2}, "`patterns` must be among the patterns 0 … 1, but had 2."),
        ({"patterns": [0, 1.5]}, "`patterns` must be among the patterns 0 … 1, but had 1.5."),
        ({"patterns": []}, "`patterns` must be a number or a list of numbers, but was []."),
        ({"patterns": "0"}, "`patterns` must be a number or a list of numbers, but was '0'."),
        ({"x": "feld"}, "`x` must be an axis of the diagram, but was `feld`"),
        ({"y": "pattern"}, "`y` must be an axis of the diagram, but was `pattern`"),
        ({"x": "field", "y": "field"}, "`y` must differ from `x`, but both were `field`."),
        ({"contours": [1]}, "`contours` must map labels to functions, but was [1]."),
        ({"contours": {"c": 1}}, "`contours.c` must be a function, but was 1."),
        (
            {"contours": {"c": lambda strength: strength}},
            "`contours.c` must take the axes `strength`, `field`, but was <function",
        ),
        (
            {"contours": {"c": lambda **_: 1.0}},
            "`contours.c` must return one number for each point, shape (301, 301), but returned "
            "float64, shape ().",
        ),
    ],
)
def test_wrong_arguments(make: Make, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(od.InputError) as caught:
        phase_diagram(make(2, strength=[0.5, 1.0], field=[0.1, 0.2]), **wrong)
    assert sentence in str(caught.value)


def test_wrong_arguments_for_other_axes(make: Make) -> None:
    """One axis has no y, and formulas know no words."""
    with pytest.raises(od.InputError, match="`y` must not be given where one axis is swept"):
        phase_diagram(make(1, strength=[0.5, 1.0]), y="strength")
    dataset = make(1, strength=[0.5, 1.0], bosons=["vacuum", "stationary"])
    with pytest.raises(od.InputError, match="`bosons` has them"):
        phase_diagram(dataset, contours={"c": lambda **axes: axes["strength"]})


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    """A small diagram, made by the library; patterns are kept above the critical coupling."""
    model = od.RandomDicke(
        couplings=od.Binary(strength=1.0),
        spins=8,
        modes=2,
        frequencies=[1.5, 2.0],
        loss=1.0,
        field=0.5,
    )
    fields = [0.3, 0.5, 0.6]
    sweep = {
        "model.couplings.strength": [0.4, 0.9, 1.2],
        "field": {"model.field": fields, "model.frequencies": [[3 * f, 4 * f] for f in fields]},
    }
    return od.phase_diagram(model, od.ProductState.pattern(0), sweep, 60.0, progress=False)


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_diagrams_from_disk(computed: xr.Dataset, suffix: str, tmp_path: Path) -> None:
    """The same figure before and after; the overview and the command line draw it."""
    store = od.save(computed, tmp_path / f"diagram{suffix}")
    loaded = od.load(store)
    assert is_phase_diagram(loaded)
    one, two = (overview(dataset) for dataset in (computed, loaded))
    assert list(legend(one)) == list(legend(two))
    for first, second in zip(panels(one), panels(two), strict=True):
        np.testing.assert_array_equal(mesh(first).get_array(), mesh(second).get_array())
        assert first.get_xlabel() == second.get_xlabel()
    assert panels(two)[0].get_ylabel() == "field Ω\n(frequencies change with it)"
    for strength in (0.4, 0.9, 1.2):
        for field in (0.3, 0.5, 0.6):
            expected = float(computed["overlap"].sel(strength=strength, field=field, pattern=0))
            assert at(panels(two)[0], strength, field) == expected
    figure = tmp_path / "diagram.png"
    assert main(["plot", str(store), "--figure", str(figure)]) == 0
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_no_solver_is_loaded(computed: xr.Dataset, tmp_path: Path) -> None:
    """Yesterday's diagram is drawn in a process that has neither JAX nor a method."""
    store = od.save(computed, tmp_path / "diagram.nc")
    program = (
        "import sys\n"
        "from opendicke.results.store import load\n"
        "from opendicke.plots.overview import overview\n"
        f"overview(load({str(store)!r}))\n"
        "heavy = ('jax', 'opendicke.methods', 'opendicke.solving', 'opendicke.experiment')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_formats_and_settings(make: Make, count: int, suffix: str, tmp_path: Path) -> None:
    """Figures of every number of axes are written; matplotlib's settings stay as they were."""
    axes = {"strength": [0.5, 1.0], "field": [0.1, 0.2], "loss": [1.0, 2.0]}
    dataset = make(2, **dict(list(axes.items())[:count]))
    before = dict(mpl.rcParams)
    path = save_figure(phase_diagram(dataset), tmp_path / f"figure{suffix}")
    assert path.stat().st_size > 2000
    assert dict(mpl.rcParams) == before
