"""A cell that trains members of a game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import minmax
from minmax import tree
from minmax.metrics.generated import samples
from minmax.streams import generator
from sweeps.claims.claim import Curves, Played, Setting
from sweeps.run.trial import build_game


def train(setting: Setting, seeds: Sequence[int], device: str) -> Played:
    """``minmax.train`` of what the setting names.

    ``game`` and ``optimizer``: a registered name with options; ``hypers``, ``steps``, ``report_every`` and ``dtype`` as
    for ``minmax.train``; ``metrics``: names (also ``module:function``). What the optimizer says of its steps is among
    the values, averaged since the report before. ``film``: the ``steps`` at which so many ``samples`` of every member
    are kept.
    """
    game, options = build_game(setting["game"]), dict(setting["optimizer"])
    optimizer = minmax.optimizers.get(options.pop("name"), **options)
    film = setting.get("film", {"steps": (), "samples": 0})
    every = setting.get("report_every", setting["steps"])
    run = minmax.train(
        game,
        optimizer,
        setting.get("hypers", {}),
        seeds=seeds,
        steps=setting["steps"],
        report_every=every,
        metrics=setting.get("metrics", ()),
        device=device,
        dtype=setting.get("dtype"),
    )
    steps, cost, values, frames = [], [], _Table(), {}
    for report in run:
        steps.append(report.step)
        cost.append(report.cost)
        values.add({**report.metrics, **report.info, "diverged": report.diverged})
        if report.step in film["steps"]:
            chance = generator(0, "film", tree.leaves(report.players)[0].device.type)
            frames[report.step] = samples(game, report.players, chance, film["samples"]).half().cpu()
    return Played(Curves(list(seeds), steps, cost, values), frames)


class _Table(dict[str, list[list[float]]]):
    """Name -> [T][M], to six digits: what is kept is read by people too."""

    def add(self, row: dict[str, Any]) -> None:
        for name, own in row.items():
            self.setdefault(name, []).append([float(f"{value:.6g}") for value in own.double().tolist()])
