"""Maps: which points there are and who trains them, what comes of each, and the pictures; all without training."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from itertools import pairwise
from math import log
from pathlib import Path
from xml.etree import ElementTree

import plotly.graph_objects
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minmax.diagnosis import RULES, UNSETTLED
from sweeps.judge.maps import WORDS, ArmMap, Point, answer, arm_map, as_csv, as_json, in_words, rows
from sweeps.records.record import Report
from sweeps.search import lattice
from sweeps.search.decide import Chart, Continue, Done, Plan, Wait, next_action
from sweeps.search.lattice import LISTED, LOG, UNIFORM, Axis, Chunk
from sweeps.search.trials import COMPLETE, FAILED, MAP, RUNNING, Trial
from sweeps.show import phases
from sweeps.show.heatmap import heatmap
from sweeps.show.phaseplot import COLOURS, drawn
from sweeps.show.phases import ASCII, GLYPHS, STYLES, as_text
from sweeps.show.ticks import ticks
from sweeps.spec.source import SpecErrors
from sweeps.spec.sweep import Sweep, load

SPEC = """\
name: phases
game: {name: bilinear}
length: 100
optimizers: [consensus]
transform: sgd
space:
  lr: 0.1
  lr_ratio: {log: [0.01, 100]}
  gamma: {uniform: [0, 10]}
map:
  axes: [lr_ratio, gamma]
  size: [5, 3]
"""


def spec(tmp_path: Path, text: str = SPEC, *overrides: str) -> Sweep:
    (tmp_path / "spec.yaml").write_text(text)
    return load(tmp_path / "spec.yaml", overrides)


def problems(tmp_path: Path, *overrides: str) -> list[str]:
    with pytest.raises(SpecErrors) as errors:
        spec(tmp_path, SPEC, *overrides)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in errors.value.problems]


# The spec


def test_a_map_needs_no_search(tmp_path: Path) -> None:
    sweep = spec(tmp_path)
    assert (sweep.seeds, sweep.trials) == (1, None)
    assert sweep.objective.measure == "share.converged"
    again = Sweep.from_normalized(json.loads(json.dumps(sweep.normalized())))
    assert again == sweep
    assert type(again) is type(sweep)


def test_a_map_may_take_away_what_a_search_had(tmp_path: Path) -> None:
    (tmp_path / "search.yaml").write_text(SPEC.partition("map:")[0] + "trials: 3\nconfirm: {seeds: 4}\n")
    text = "extends: search.yaml\nmap: {axes: [lr_ratio, gamma]}\nobjective: {minimize: mean.distance}\n"
    sweep = spec(tmp_path, f"{text}trials: null\nconfirm: null\n")
    assert sweep.map is not None
    assert sweep.objective.measure == "mean.distance"


def test_a_bare_axis_and_a_bare_size(tmp_path: Path) -> None:
    sweep = spec(tmp_path, SPEC, "map={axes: gamma, size: 7}", "space.lr_ratio=1")
    [axis] = lattice.axes(sweep, sweep.optimizers[0])
    assert (axis.name, len(axis.values)) == ("gamma", 7)
    sweep = spec(tmp_path, SPEC, "map={axes: [gamma, lr]}", "space={}")
    assert [len(axis.values) for axis in lattice.axes(sweep, sweep.optimizers[0])] == [32, 32]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trials=3"], "trials: has no part in a map, which trains every point of its grid; leave it out"),
        (["search.seed=1"], "search: has no part in a map"),
        (["confirm={seeds: 32}"], "confirm: has no part in a map"),
        (
            ["map={axes: [lr_ratio, gama]}"],
            "map.axes[1]: consensus has no hyperparameter 'gama'; did you mean 'gamma'?",
        ),
        (["map={axes: [gamma, gamma]}"], "map.axes: holds a value twice"),
        (["map={axes: []}"], "map.axes: is []; at least 1 values are allowed"),
        (["map={axes: [lr, gamma, lr_ratio]}"], "map.axes: is ['lr', 'gamma', 'lr_ratio']; at most 2 values"),
        (["map={axes: gamma, size: [3, 4]}"], "map.size: 2 sizes for 1 axis"),
        (["map.size=1"], "map.size: is 1; 2 or more is allowed"),
        (["map.sizes=1"], "map.sizes: unknown key; did you mean 'size'?"),
        (["map={size: 3}"], "map.axes: is missing; one or two hyperparameters"),
        (["map.chunk=0"], "map.chunk: is 0; 1 or more is allowed"),
        (["space.lr={log: [0.1, 1]}"], "space.lr: is left open, and is no axis of the map (consensus)"),
        (["space={}"], "space.lr: is not fixed for consensus, which has no default for it, and is no axis of the map"),
        (["space.gamma=1"], "space.gamma: is one number, and an axis of the map"),
        (["space.gamma={choice: [1, 2, 5, 7]}"], "is 3, and space.gamma lists 4 values; 4 is allowed"),
        (["optimizers=[consensus, gda]"], "gda has no hyperparameter 'gamma'"),
        (
            ["optimizers=[{name: consensus, set: {gamma: 1}}, sga]"],
            "optimizers[0].set.gamma: is one number",
        ),
    ],
)
def test_what_cannot_go_together_is_refused(tmp_path: Path, overrides: list[str], said: str) -> None:
    found = problems(tmp_path, *overrides)
    assert any(said in problem for problem in found), found


def test_a_problem_of_a_map_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("[lr_ratio, gamma]", "[lr_ratio, beta1]") + "trials: 3\n")
    with pytest.raises(SpecErrors) as errors:
        load(tmp_path / "spec.yaml")
    where = {(problem.line, problem.key) for problem in errors.value.problems}
    assert where == {(9, "space.gamma"), (11, "map.axes[1]"), (13, "trials")}


def test_an_arm_may_fix_what_is_no_axis_and_a_grid_is_values_of_an_axis(tmp_path: Path) -> None:
    arms = "optimizers=[{name: consensus, set: {lr: 0.2}}]"
    sweep = spec(tmp_path, SPEC, arms, "space={gamma: {grid: [0.1, 1, 3]}}")
    assert lattice.space.fixed(sweep, sweep.optimizers[0]) == {"lr": 0.2}
    assert lattice.axes(sweep, sweep.optimizers[0])[1] == Axis("gamma", LISTED, (0.1, 1.0, 3.0))


def test_what_has_a_default_need_not_be_said(tmp_path: Path) -> None:
    """lr_ratio is 1 unless a search, or a spec, says otherwise; a search would draw it."""
    sweep = spec(tmp_path, SPEC, "map.axes=[lr, gamma]", "space={}")
    assert lattice.space.fixed(sweep, sweep.optimizers[0]) == {"lr_ratio": 1.0}


# The points


def test_axes_span_what_the_spec_says_or_else_the_optimizer_declares(tmp_path: Path) -> None:
    sweep = spec(tmp_path)
    ratio, gamma = lattice.axes(sweep, sweep.optimizers[0])
    assert ratio == Axis("lr_ratio", LOG, (0.01, pytest.approx(0.1), pytest.approx(1.0), pytest.approx(10.0), 100.0))
    assert gamma == Axis("gamma", UNIFORM, (0.0, 5.0, 10.0))
    sweep = spec(tmp_path, SPEC, "space={lr: 0.1}")
    declared = lattice.space.optimizer_of(sweep, sweep.optimizers[0]).hypers
    for axis in lattice.axes(sweep, sweep.optimizers[0]):
        assert (axis.values[0], axis.values[-1]) == declared[axis.name][:2]
        assert axis.scale == LOG


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        ("{int: [1, 4]}", (1.0, 2.0, 3.0, 4.0)),
        ("{int: [0, 100]}", (0.0, 11.0, 22.0, 33.0, 44.0, 56.0, 67.0, 78.0, 89.0, 100.0)),
        ("{choice: [5, 1, 2]}", (1.0, 2.0, 5.0)),
        ("{grid: [0.5, 0.1]}", (0.1, 0.5)),
    ],
)
def test_whole_numbers_are_taken_once_and_lists_as_they_are(
    tmp_path: Path, entry: str, values: tuple[float, ...]
) -> None:
    sweep = spec(tmp_path, SPEC, f"space.gamma={entry}", "map.size=10")
    assert lattice.axes(sweep, sweep.optimizers[0])[1].values == values


@given(low=st.floats(1e-6, 1e3), factor=st.floats(1.01, 1e6), count=st.integers(2, 60))
def test_a_logarithmic_axis_is_even_in_the_logarithm(low: float, factor: float, count: int) -> None:
    values = lattice._spaced(low, low * factor, count, LOG)
    assert (values[0], values[-1], len(values)) == (low, low * factor, count)
    steps = [log(after / before) for before, after in pairwise(values)]
    assert steps == pytest.approx([log(factor) / (count - 1)] * (count - 1), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("seeds", [1, 3, 7])
@pytest.mark.parametrize("chunk", [1, 4, 256])
def test_every_point_is_trained_once_with_every_seed(tmp_path: Path, seeds: int, chunk: int) -> None:
    sweep = spec(tmp_path, SPEC, f"seeds={seeds}", f"map.chunk={chunk}")
    arm = sweep.optimizers[0]
    members: Counter[tuple[float, float, int]] = Counter()
    for number, own in enumerate(lattice.chunks(sweep, arm)):
        trial = Trial("consensus", MAP, number, {}, RUNNING, 1, None, own.seeds)
        hypers = lattice.hypers_of(sweep, arm, trial)
        assert len(own.seeds) <= max(chunk, seeds)
        members.update(zip(hypers["lr_ratio"], hypers["gamma"], own.seeds, strict=True))
    grid = lattice.axes(sweep, arm)
    assert members == Counter((r, g, seed) for r in grid[0].values for g in grid[1].values for seed in range(seeds))


# What is next

PLAN = Plan(arms=("a", "b"), trials=0, seeds=1, confirm_seeds=1, minimize=False, chunks=(2, 1))


def trial(arm: str, number: int, state: str = COMPLETE) -> Trial:
    return Trial(arm, MAP, number, {}, state, 1, 1.0, (0,))


def test_chunks_in_turn_and_nothing_after_them() -> None:
    trials: list[Trial] = []
    for chunk in (Chart("a", 0), Chart("b", 0), Chart("a", 1)):
        assert next_action(PLAN, trials, ()) == chunk
        trials.append(trial(chunk.arm, chunk.number))
    assert next_action(PLAN, trials, ()) == Done()
    assert next_action(PLAN, trials, {trials[-1].key}) == Wait()


def test_an_interrupted_chunk_comes_first_and_a_failed_one_is_over() -> None:
    cut = trial("a", 0, RUNNING)
    assert next_action(PLAN, [cut], ()) == Continue(cut)
    assert next_action(PLAN, [cut], {cut.key}) == Chart("b", 0)
    assert next_action(PLAN, [trial("a", 0, FAILED)], ()) == Chart("b", 0)


# What comes out

AXES = (Axis("lr", LOG, (0.1, 1.0)), Axis("gamma", UNIFORM, (0.0, 5.0, 10.0)))
POINTS = tuple(lattice.points(AXES))


def report(words: list[str], diverged: list[int | None], distance: list[float]) -> Report:
    return Report(100, 100, 100.0, 0, 1.0, {"distance": distance}, {}, diverged, words)


def chunks() -> list[Chunk]:
    return [Chunk(0, POINTS[:4], (0, 1, 2) * 4), Chunk(4, POINTS[4:], (0, 1, 2) * 2)]


def half_done() -> ArmMap:
    words = (
        ["converged"] * 5 + ["cycling"] + ["diverged", "diverged", "converged"] + ["unsettled", "cycling", "cycling"]
    )
    fell = [None] * 6 + [40, 30, None] + [None] * 3
    return arm_map("consensus", AXES, 3, chunks(), {0: report(words, fell, [float(n) for n in range(12)])}, "gone")


def test_a_point_is_what_became_of_its_seeds() -> None:
    shown = half_done()
    assert [point.at for point in shown.points] == list(POINTS)
    assert [point.word for point in shown.points] == ["converged", "converged", "diverged", "cycling", None, None]
    assert [point.converged for point in shown.points[:4]] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert [point.diverged_at for point in shown.points[:4]] == [None, None, 30, None]
    assert [point.metrics["distance"] for point in shown.points[:4]] == [1.0, 4.0, 7.0, 10.0]
    assert shown.counts == {"converged": 2, "cycling": 1, "diverged": 1}
    assert in_words(shown) == (
        "Of 6 points 2 converged (33%), 1 cycling (17%), 1 diverged (17%) and 2 not trained (gone)."
    )
    assert answer([shown]) == "consensus converged at 2 of 4 points (2 not trained yet)."


def test_json_and_csv_hold_every_number() -> None:
    shown = half_done()
    [read] = json.loads(as_json([shown]))["maps"]
    assert (read["arm"], read["seeds"]) == ("consensus", 3)
    assert [axis["values"] for axis in read["axes"]] == [list(axis.values) for axis in AXES]
    for given_point, point in zip(read["points"], shown.points, strict=True):
        assert (given_point.pop("lr"), given_point.pop("gamma")) == point.at
        assert given_point == {key: value for key, value in point._asdict().items() if key != "at"}
    table = list(csv.DictReader(io.StringIO(as_csv([shown, shown._replace(arm="other")]))))
    assert len(table) == 12
    assert table[2] == {
        "arm": "consensus",
        "lr": "0.1",
        "gamma": "10.0",
        "diagnosis": "diverged",
        "converged": str(1 / 3),
        "diverged_at": "30",
        "distance": "7.0",
    }
    assert table[5]["diagnosis"] == table[5]["distance"] == ""


# Pictures


def picture(columns: int, lines: int) -> ArmMap:
    """Converged left of the diagonal and below it, else diverged: no symmetry hides a swapped axis."""
    axes = (Axis("lr", LOG, tuple(lattice._spaced(0.01, 10, columns, LOG))),)
    axes += (Axis("gamma", UNIFORM, tuple(lattice._spaced(0, 5, lines, UNIFORM))),) if lines > 1 else ()
    points = [
        Point(at, "converged" if index // lines < columns - 1 and index % lines == 0 else "diverged", 1.0)
        for index, at in enumerate(lattice.points(axes))
    ]
    return ArmMap("consensus", axes, 1, tuple(points))


def test_rows_go_up_the_second_axis() -> None:
    shown = picture(4, 3)
    assert [[point.word for point in row] for row in rows(shown)] == [
        ["diverged"] * 4,
        ["diverged"] * 4,
        [*["converged"] * 3, "diverged"],
    ]
    assert len(rows(picture(5, 1))) == 1


def test_the_terminal_s_picture() -> None:
    lines = as_text(picture(4, 3)).splitlines()
    assert lines[:8] == [
        "consensus",
        "gamma",
        "5┤········",
        " │········",
        "0┤██████··",
        " └┬───┬───",
        "0.01  1",
        "     lr",
    ]


@pytest.mark.parametrize("size", [(2, 2), (16, 16), (32, 32), (100, 60), (512, 3), (40, 1)])
@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_picture_fits_its_width(size: tuple[int, int], width: int, ascii_only: bool) -> None:
    text = as_text(picture(*size), width, ascii_only)
    assert max(map(len, text.splitlines())) <= width
    assert len(text.splitlines()) <= 50
    assert text.isascii() or not ascii_only
    assert ("every" in text) == (size[0] > width - 8 or size[1] > 40)


def test_every_diagnosis_has_a_shape_a_colour_and_a_place() -> None:
    words = {*RULES, UNSETTLED}
    assert set(WORDS) == set(GLYPHS) == set(ASCII) == set(STYLES) == set(COLOURS) == words
    assert len(set(GLYPHS.values())) == len(set(ASCII.values())) == len(set(COLOURS.values())) == len(words)
    style = (Path(phases.__file__).parent / "report" / "templates" / "page.css").read_text()
    assert all(f"--word-{word}: {COLOURS[word]}" in style for word in words)


def test_the_svg_has_a_cell_a_point_where_it_belongs() -> None:
    shown = picture(4, 3)
    root = ElementTree.fromstring(drawn(shown))
    paths = {
        path.attrib["fill"]: path.attrib["d"]
        for path in root.iter("{http://www.w3.org/2000/svg}path")
        if "fill" in path.attrib
    }
    assert {colour: d.count("M") for colour, d in paths.items()} == {COLOURS["converged"]: 3, COLOURS["diverged"]: 9}
    converged = re.findall(r"M([\d.]+) ([\d.]+)", paths[COLOURS["converged"]])
    assert [(float(x), float(y)) for x, y in converged] == [(0, 224), (112, 224), (224, 224)]
    assert in_words(shown) in drawn(shown)


def test_the_report_s_figure_is_plotly_s_and_says_every_value() -> None:
    figure = heatmap(picture(4, 3))
    plotly.graph_objects.Figure(
        {**figure, "data": [{k: v for k, v in figure["data"][0].items() if k != "colorscale"}], "layout": {}}
    )
    z = figure["data"][0]["z"]
    assert z[0] == [WORDS.index("converged")] * 3 + [
        WORDS.index("diverged")
    ]  # plotly draws the first row at the bottom
    assert "<b>diverged</b><br>lr 10<br>gamma 5" in figure["data"][0]["text"][2][3]
    hostile = picture(2, 2)._replace(axes=(Axis("<img src=x>", LOG, (0.1, 1.0)), AXES[0]))
    assert "<img" not in json.dumps(heatmap(hostile))
    assert "<img" not in drawn(hostile)


@pytest.mark.parametrize(
    ("axis", "labels", "places"),
    [
        (Axis("a", LOG, (0.01, 0.1, 1.0, 10.0)), ["0.01", "0.1", "1", "10"], [0, 1, 2, 3]),
        (Axis("a", LOG, (0.2, 2.0, 20.0)), ["0.2", "0.5", "1", "2", "5", "10", "20"], None),
        (Axis("a", UNIFORM, (0.0, 5.0, 10.0)), ["0", "2", "4", "6", "8", "10"], [0, 0.4, 0.8, 1.2, 1.6, 2]),
        (Axis("a", UNIFORM, (-0.9, 0.0, 0.9)), ["-0.5", "0", "0.5"], None),
        (Axis("a", LISTED, (1.0, 7.0, 9.0)), ["1", "7", "9"], [0, 1, 2]),
        (Axis("a", UNIFORM, (3.0,)), ["3"], [0]),
    ],
)
def test_ticks_are_round_and_where_their_values_lie(axis: Axis, labels: list[str], places: list[float] | None) -> None:
    found = ticks(axis, 7)
    assert [tick.label for tick in found] == labels
    if places is not None:
        assert [tick.place for tick in found] == pytest.approx(places)


@given(
    low=st.floats(1e-6, 1e4),
    factor=st.floats(1.001, 1e9),
    most=st.integers(2, 12),
    scale=st.sampled_from([LOG, UNIFORM]),
)
def test_there_are_always_ticks_and_never_too_many(low: float, factor: float, most: int, scale: str) -> None:
    axis = Axis("a", scale, tuple(lattice._spaced(low, low * factor, 9, scale)))
    found = ticks(axis, most)
    assert 1 <= len(found) <= most
    assert all(-1e-6 <= tick.place <= 8 + 1e-6 for tick in found)
