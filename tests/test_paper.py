"""What papers take: tables and figures say what the ranking says, whatever names are in it, and fit on the page."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from matplotlib import rc_context
from matplotlib.text import Text
from PIL import Image
from plausible import ARMS, sweep
from sweeping import SPEC, driven
from typer.testing import CliRunner

from sweeps.cli.base import app
from sweeps.judge.maps import ArmMap, Point
from sweeps.judge.ranking import rank
from sweeps.search.lattice import Axis
from sweeps.show.cells import FORMULA
from sweeps.show.palette import ARMS as COLOURS
from sweeps.show.paper import figures
from sweeps.show.paper.files import FORMATS, NothingToPrint, printed
from sweeps.show.view import SweepView

HOSTILE = ["<script>alert(1)</script>|`x`", "=cmd|' /C calc'!A1", "@SUM(A1)", "w" * 300, "\u202egnp.exe", "🙂 אב $x^2_"]


def hostile() -> SweepView:
    """Every arm, the objective, a parameter and an error under a name that somebody chose with care."""
    view = sweep(names=dict(zip(ARMS, HOSTILE, strict=True)))
    trials = tuple(
        trial._replace(params=dict.fromkeys(HOSTILE, 0.5), error=HOSTILE[at % len(HOSTILE)])
        for at, trial in enumerate(view.trials)
    )
    return view._replace(name=HOSTILE[0], objective=HOSTILE[1], trials=trials)


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


def mapped() -> SweepView:
    axes = (Axis("lr_ratio", "log", (0.1, 1.0, 10.0)), Axis("gamma", "log", (0.1, 10.0)))
    words = ("converged", "cycling", "diverged", None, "collapsed", "converged")
    places = [(x, y) for x in axes[0].values for y in axes[1].values]
    points = tuple(Point(at, word) for at, word in zip(places, words, strict=True))
    return sweep()._replace(ranking=None, arms=(), maps=(ArmMap("consensus", axes, 3, points),), spec={"length": 100})


def test_the_csv_is_the_ranking_to_the_last_digit() -> None:
    view = sweep()
    assert view.ranking is not None
    head, *rows = cells(printed(view, "csv")["ranking.csv"])
    for row, standing in zip(rows, view.ranking.standings, strict=True):
        found = dict(zip(head, row, strict=True))
        assert standing.interval is not None
        exact = (standing.rate, standing.interval.low, standing.interval.high, standing.median)
        assert tuple(float(found[name]) for name in ("rate", "low", "high", "median")) == exact
        assert (found["arm"], int(found["successes"])) == (standing.arm, standing.successes)
        assert found["corrected"] == ("" if standing.corrected is None else repr(standing.corrected))
    assert len(cells(printed(view, "csv")["trials.csv"])) == 1 + len(view.trials)


@pytest.mark.parametrize("name", ["ranking.csv", "trials.csv"])
def test_no_cell_is_a_formula(name: str) -> None:
    for row in cells(printed(hostile(), "csv")[name]):
        for cell in row:
            assert not cell.startswith(FORMULA) or re.fullmatch(r"-?[\d.e+-]+", cell), cell
            assert cell.isprintable()


def test_the_table_says_seeds_budget_and_interval() -> None:
    text = printed(sweep(), "md")["report.md"].decode()
    assert re.search(r"^\| 1 \| consensus \| 32/32 \(100%\) \| 89% to 100% \|", text, re.MULTILINE)
    for said in ("32 fresh seeds", "6 search trials × 8 seeds × 2,000 field units", "Wilson 95% intervals", "McNemar"):
        assert said in text, said
    assert len(re.findall(r"^\|", text, re.MULTILINE)) == 2 + len(ARMS)


def test_markdown_shows_names_as_they_are() -> None:
    text = printed(hostile(), "md")["report.md"].decode()
    assert not re.search(r"(?<!\\)[<>`$]", text)
    assert "\u202e" not in text
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")}
    assert len(columns) == 1, "a name made a column of its own"


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
@pytest.mark.parametrize("view", [sweep(), mapped()], ids=["search", "map"])
def test_figures_are_the_same_bytes_and_carry_their_captions(view: SweepView, kind: str) -> None:
    files = printed(view, kind)
    assert files == printed(view, kind)
    told = files.pop("figures/captions.md").decode()
    assert len(files) == told.count("![") >= 1
    for name, data in files.items():
        assert f"]({name.rpartition('/')[2]})" in told
        if kind == "png":
            caption = Image.open(io.BytesIO(data)).info["Description"]
            assert Image.open(io.BytesIO(data)).width == figures.WIDTH * figures.DOTS
            assert ("fresh seeds" in caption) == (not view.maps) and "field units" in caption
        elif kind == "pdf":
            assert data.startswith(b"%PDF") and b"/FontFile2" in data and b"/Type3" not in data
        else:
            assert b"<svg" in data and b"field units" in data and b"<script" not in data


@pytest.mark.parametrize("view", [sweep(), hostile()], ids=["plausible", "hostile"])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_every_text_of_a_figure_is_within_it_and_over_no_other(view: SweepView) -> None:
    assert view.ranking is not None
    drawings = [partial(draw, view, view.ranking.standings) for draw in (figures.ranking, figures.training)]
    for draw in (*drawings, partial(figures.phases, mapped().maps[0])):
        with rc_context(figures.STYLE):
            drawn = draw()
            drawn.canvas.draw()
            boxes = {text.get_text(): text.get_window_extent() for text in _texts(drawn)}
        assert len(boxes) > len(ARMS) and not any("mathdefault" in text for text in boxes)
        for text, box in boxes.items():
            within = drawn.bbox.padded(1)
            assert within.contains(box.x0, box.y0) and within.contains(box.x1, box.y1), f"{text!r} sticks out"
        for (text, box), (other, beside) in itertools.combinations(boxes.items(), 2):
            assert not _overlap(box, beside), f"{text!r} lies over {other!r}"


def _texts(drawn: Any) -> Iterator[Any]:
    """Those that show: an axis has labels beyond its ends, too."""
    axes = [axis for box in drawn.axes for axis in (box.xaxis, box.yaxis)]
    ticks = [(axis, tick) for axis in axes for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())]
    ends = {axis: sorted(axis.get_view_interval()) for axis in axes}
    beyond = {tick.label1 for axis, tick in ticks if not ends[axis][0] <= tick.get_loc() <= ends[axis][1]}
    for text in drawn.findobj(Text):
        if text.get_text().strip() and text.get_visible() and text not in beyond:
            yield text


def _overlap(one: Any, other: Any) -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    return bool(wide > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1)


def test_what_is_not_confirmed_is_not_printed() -> None:
    view = sweep()._replace(ranking=rank([]))
    for kind in set(FORMATS) - {"csv"}:
        with pytest.raises(NothingToPrint, match="no arm has been confirmed"):
            printed(view, kind)
    assert len(cells(printed(view, "csv")["trials.csv"])) == 1 + len(view.trials)


def test_one_palette_on_paper_and_on_the_page() -> None:
    from sweeps.show.report.page import _asset

    style = _asset("page.css").partition("prefers-color-scheme: dark")[0]
    assert tuple(re.findall(r"--arm-\d: (#\w{6})", style)) == COLOURS


def test_the_command_writes_beside_the_sweep_and_says_where(tmp_path: Path) -> None:
    _, _, folder = driven(tmp_path / "runs", SPEC)
    for kind, names in {"md": ["report.md"], "pdf": ["figures/ranking.pdf", "figures/training.pdf"]}.items():
        said = CliRunner().invoke(app, ["report", "calm", "--storage", str(tmp_path / "runs"), "--format", kind])
        assert said.exit_code == 0, said.output
        for name in names:
            assert f"{folder.store.root}/{name}\n" in said.output
            assert (Path(folder.store.root) / name).stat().st_size > 0
    refused = CliRunner().invoke(app, ["report", "calm", "--format", "docx"])
    assert refused.exit_code == 2 and "docx" in refused.output
