"""What a trial's checkpoint generates: raw samples, or a picture of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from minmax import checkpoint
from minmax.games.gan import Gan
from minmax.lazy import torch
from minmax.metrics.generated import samples
from sweeps.records.grid import draw
from sweeps.records.record import Checkpoint, TrialRecord
from sweeps.run.again import STATE
from sweeps.run.trial import Config, build_game

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1024  # samples of a member at once


class NoSamples(LookupError):
    """There is nothing to draw from, or to draw; the message says what there is."""


class Made(NamedTuple):
    """Samples ``[M, count, *shape]`` of a trial's members at a step; data lie between ``low`` and ``high``."""

    step: int
    values: Tensor
    low: float
    high: float


def made(record: TrialRecord, step: int | None, count: int, seed: int) -> Made:
    """Generates from the last checkpoint, or the one at ``step``; every member from the same latent vectors.

    Raises:
        NoSamples: no such checkpoint is kept, or the game generates nothing.
    """
    kept = _kept(record, step)
    game = build_game(Config.from_json(record.config()).game)
    if not isinstance(game, Gan):
        raise NoSamples(f"{record.key}: its game generates nothing; only a GAN has samples")
    players = checkpoint.loads(kept.files()[STATE])["players"]
    generator = torch.Generator().manual_seed(seed)
    parts = [samples(game, players, generator, min(CHUNK, count - at)) for at in range(0, count, CHUNK)]
    return Made(kept.step, torch.cat([part.detach() for part in parts], dim=1), game.data.low, game.data.high)


def as_png(made: Made) -> bytes:
    """A row of pictures a member, or a square of points a member for planar data.

    Raises:
        NoSamples: samples of that shape have no picture.
    """
    members, count = made.values.shape[:2]
    drawn = draw(made.values.float().numpy(), made.low, made.high, members, count)
    if drawn is None:
        shape = tuple(made.values.shape[2:])
        raise NoSamples(f"samples of shape {shape} have no picture; --out FILE.safetensors takes them")
    return drawn


def as_safetensors(made: Made, about: dict[str, str]) -> bytes:
    """One tensor, ``samples``, with ``about`` it as metadata."""
    from safetensors.torch import save

    return save({"samples": made.values.contiguous()}, metadata={**about, "step": str(made.step)})


def _kept(record: TrialRecord, step: int | None) -> Checkpoint:
    if step is None:
        last = record.last_checkpoint()
        if last is None:
            raise NoSamples(f"{record.key}: no checkpoint is kept")
        return last
    found = (record.attempt(number).checkpoint(step) for number in record.attempts())
    kept = next((each for each in found if each is not None), None)
    if kept is None:
        steps = {s for n in record.attempts() for s in record.attempt(n).steps() if record.attempt(n).checkpoint(s)}
        there = ", ".join(map(str, sorted(steps))) or "none"
        raise NoSamples(f"{record.key}: no checkpoint of step {step}; the last two and the best are kept: {there}")
    return kept
