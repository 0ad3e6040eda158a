"""The files of each format that ``sweeps report NAME --format`` knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from sweeps.judge.maps import as_csv as map_csv
from sweeps.show.cells import escaped
from sweeps.show.paper import figures, tables
from sweeps.show.paper.captions import of_map, of_ranking, of_training
from sweeps.show.view import SweepView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sweeps.judge.standing import Standing

FOLDER = "figures"


class NothingToPrint(LookupError):
    """The sweep has nothing of the kind that was asked for; the message says why."""


class Captioned(NamedTuple):
    """A figure to be drawn, under its name, with its caption."""

    name: str
    draw: Callable[[], Figure]
    caption: str


def printed(view: SweepView, kind: str) -> dict[str, bytes]:
    """Name in the sweep's folder -> contents, of a format of ``FORMATS``. The same view gives the same bytes.

    Raises:
        NothingToPrint: no arm has been confirmed, or matplotlib is missing.
    """
    return FORMATS[kind](view)


def _figures(kind: str, view: SweepView) -> dict[str, bytes]:
    if find_spec("matplotlib") is None:
        raise NothingToPrint("figures are drawn by matplotlib, which is not there: pip install 'minmax-sweeps[plots]'")
    drawn = _maps(view) if view.maps else _confirmed(view)
    files = {f"{FOLDER}/{each.name}.{kind}": figures.saved(each.draw, kind, view.name, each.caption) for each in drawn}
    told = [f"![{each.name}]({each.name}.{kind})\n\n{escaped(each.caption)}\n" for each in drawn]
    return {**files, f"{FOLDER}/captions.md": "\n".join(told).encode()}


def _confirmed(view: SweepView) -> list[Captioned]:
    standings = _standings(view)
    return [
        Captioned("ranking", partial(figures.ranking, view, standings), of_ranking(view, standings)),
        Captioned("training", partial(figures.training, view, standings), of_training(view, standings)),
    ]


def _maps(view: SweepView) -> list[Captioned]:
    return [
        Captioned(f"map-{shown.arm}", partial(figures.phases, shown), of_map(view, shown))
        for shown in view.maps
        if shown.counts
    ]


def _markdown(view: SweepView) -> dict[str, bytes]:
    text = "\n".join(escaped(of_map(view, shown)) + "\n" for shown in view.maps)
    return {"report.md": (text or tables.markdown(view, _standings(view))).encode()}


def _csv(view: SweepView) -> dict[str, bytes]:
    ranking = {} if view.maps else {"ranking.csv": tables.ranking_csv(view).encode()}
    maps = {"map.csv": map_csv(view.maps).encode()} if view.maps else {}
    return {**ranking, **maps, "trials.csv": tables.trials_csv(view).encode()}


def _standings(view: SweepView) -> Sequence[Standing]:
    if view.ranking is None or not view.ranking.standings:
        raise NothingToPrint(f"{view.name}: no arm has been confirmed, so there is nothing to print yet")
    return view.ranking.standings


FORMATS: dict[str, Callable[[SweepView], dict[str, bytes]]] = {
    "md": _markdown,
    "csv": _csv,
    "png": partial(_figures, "png"),
    "pdf": partial(_figures, "pdf"),
    "svg": partial(_figures, "svg"),
}
