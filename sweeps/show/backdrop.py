"""What lies behind samples: the density of planar data, the field of a game of two numbers, and orbits over it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import minmax
from minmax import checkpoint, field, tree
from minmax.field.points import dimension, grid, players_at, shared
from minmax.games.gan import Gan
from minmax.lazy import torch
from minmax.streams import generator
from sweeps.records.record import TrialRecord
from sweeps.run.again import STATE
from sweeps.run.trial import Config, build_game
from sweeps.show.view import Arrows, Density, Orbit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from minmax.types import Game, Players

SIDE = 96  # cells of a density each way
BLUR = 1.2  # cells
MEMBERS = 8
POINTS = 240  # of an orbit
LONGEST = 20_000  # steps that are trained again for an orbit: seconds
ARROWS = 15  # each way
INNER = (0.01, 0.99)  # of all points of all orbits, which the plane shows: those that run away leave it


@functools.lru_cache(maxsize=8)
def _built(spec: str) -> Game:
    return build_game(json.loads(spec))


def game_of(spec: Mapping[str, Any]) -> Game:
    """The game of a config, built once."""
    return _built(json.dumps(spec, sort_keys=True))


@functools.lru_cache(maxsize=8)
def density(spec: str) -> Density | None:
    """How dense the data of a GAN are, by a config's ``game`` in JSON; None where they are not planar."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    game = _built(spec)
    if not isinstance(game, Gan) or tuple(game.data.shape) != (2,):
        return None
    low, high = game.data.low, game.data.high
    points = game.data.points.double().numpy()
    counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=SIDE, range=[[low, high], [low, high]])
    smooth = np.sqrt(gaussian_filter(counts, BLUR))  # the root shows thin places too
    cells = (255 * smooth / (smooth.max() or 1)).round().astype(np.uint8)
    centres = game.data.facts.get("centres", torch.zeros(0, 2)).tolist()
    return Density(low, high, SIDE, cells.tobytes(), tuple((float(x), float(y)) for x, y in centres))


def is_planar(game: Game) -> bool:
    """Whether both players together are two numbers."""
    return not isinstance(game, Gan) and dimension(game) == 2


def orbit(record: TrialRecord) -> Orbit | None:
    """The trial's first members trained again from its recorded config, every step of the way looked at; None where the
    game is no plane, nothing is recorded, or the way is too long."""
    config, reports = Config.from_json(record.config()), record.history()
    if not reports or reports[-1].optimizer_steps > LONGEST:
        return None
    game, seeds = game_of(config.game), config.seeds[:MEMBERS]
    if not is_planar(game):
        return None
    optimizer = minmax.optimizers.get(config.optimizer, **config.options)
    every = max(1, reports[-1].optimizer_steps // POINTS)
    hypers = {name: own[: len(seeds)] if isinstance(own, list) else own for name, own in config.hypers.items()}
    end, told = reports[-1].optimizer_steps, record.trial()
    run = minmax.train(
        game,
        optimizer,
        hypers,
        seeds,
        steps=end,
        report_every=every,
        device="cpu",
        schedule=config.schedule,
        chunk=told and told.chunk,  # as many at once as there was memory for
    )
    steps, places = [0], [_places(tree.stack([game.init(generator(seed, "init")) for seed in seeds]))]
    for report in run:
        steps.append(report.step)
        places.append(_places(report.players))
    paths = tuple(tuple((_short(x), _short(y)) for x, y in walked) for walked in zip(*places, strict=True))
    return Orbit(record.key, tuple(seeds), tuple(steps), paths, _agrees(record, places[-1]))


def _places(players: Players) -> list[list[float]]:
    """Where each member is."""
    numbers: list[list[float]] = tree.flat(tree.parameters(players)).detach().double().tolist()
    return numbers


def _agrees(record: TrialRecord, ends: Sequence[Sequence[float]]) -> bool | None:
    """Whether the last checkpoint has the players at ``ends``, but for how sums round; None where none is kept."""
    import numpy as np

    last = record.last_checkpoint()
    if last is None or last.step != record.history()[-1].step:
        return None
    kept = _places(checkpoint.loads(last.files()[STATE])["players"])[: len(ends)]
    return bool(np.allclose(kept, ends, rtol=1e-3, atol=1e-6, equal_nan=True))


def arrows(spec: Mapping[str, Any], orbits: Sequence[Orbit]) -> Arrows:
    """The field where the orbits are."""
    import numpy as np

    game = game_of(spec)
    points = np.array([point for own in orbits for walked in own.paths for point in walked])
    points = points[np.isfinite(points).all(1)]
    solution = _solution(game)
    x, y = (_bounds(points[:, axis], solution and solution[axis]) for axis in (0, 1))
    unit = grid(0, 1, ARROWS)
    places = unit * torch.tensor([x[1] - x[0], y[1] - y[0]]) + torch.tensor([x[0], y[0]])
    players = players_at(game, places)
    batch = {} if game.sample is None else game.sample(generator(0, "batch"))
    motion = -tree.flat(field.field(field.lift(game), players, shared(batch, len(places)))).detach()
    lengths = motion.norm(dim=1)
    motion /= lengths[lengths.isfinite()].max().clamp(min=1e-30)
    drawn = torch.cat([places, motion], dim=1).tolist()
    names = [name for name, own in players.items() for _ in range(tree.flat(own).shape[1])]
    found = tuple((_short(a), _short(b), _short(c), _short(d)) for a, b, c, d in drawn)
    return Arrows((names[0], names[1]), x, y, found, solution)


def _bounds(values: NDArray[np.float64], solution: float | None) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, INNER) if len(values) else (-1.0, 1.0)
    if solution is not None:
        low, high = min(low, solution), max(high, solution)
    pad = 0.08 * (high - low) or 1.0
    return float(low - pad), float(high + pad)


def _solution(game: Game) -> tuple[float, float] | None:
    if game.solution is None:
        return None
    x, y = tree.flat(tree.stack([game.solution]))[0].tolist()
    return float(x), float(y)


def _short(value: float) -> float:
    return float(f"{value:.5g}")
