"""One trial: a configuration × its seeds, trained from its last good checkpoint to its length, every report recorded.

This runs in a worker. It reads nothing but the record, so it is the same call under Ray, serially, or by hand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import minmax
from minmax import checkpoint, tree
from minmax.games.gan import Gan
from minmax.lazy import torch
from minmax.metrics.generated import samples
from sweeps.judge.stats import aggregate
from sweeps.records.grid import MEMBERS, POINTS, draw
from sweeps.records.record import Attempt, Checkpoint, Report, TrialRecord
from sweeps.records.store import Store
from sweeps.records.usage import Usage
from sweeps.run.patience import Waiting, persist
from sweeps.spec.values import SHARE

if TYPE_CHECKING:
    from torch import Tensor

    from minmax.train import Run
    from minmax.types import Game, Metric, Optimizer


class Config(NamedTuple):
    """All that decides a trial's numbers; ``config.json`` in its record.

    ``hypers``: values, each a number or a list with one a member (as ``seeds`` is).
    ``metrics``: name -> options of each metric measured. ``measures``: the aggregates reported as values.
    ``objective`` is the one the search looks at, ``minimize`` its direction; ``others`` are looked at beside it.
    """

    arm: str
    kind: str
    number: int
    game: dict[str, Any]
    optimizer: str
    options: dict[str, Any]
    hypers: dict[str, float | list[float]]
    seeds: list[int]
    length: int
    report_every: int
    metrics: dict[str, dict[str, Any]]
    measures: list[str]
    objective: str
    minimize: bool
    device: str
    schedule: Any = None
    others: Sequence[str] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Config:
        """The config that ``_asdict`` wrote; ``TypeError`` where a field is missing or unknown."""
        return cls(**data)


class Progress(NamedTuple):
    """What a worker tells the driver of one report; the rest is in the record.

    ``success`` is the share of members that succeed (None without a rule), ``diverged`` of those that diverged;
    ``others`` are further objectives; ``seconds`` is how long the trial has trained, over all its attempts.
    """

    step: int
    value: float
    last: bool
    success: float | None
    diverged: float
    others: tuple[float, ...] = ()
    seconds: float = 0.0


def progress_of(report: Mapping[str, Any], config: Config) -> Progress:
    """A report as the driver hears of it."""
    fallen = report["diverged"]
    return Progress(
        step=report["step"],
        value=report["values"][config.objective],
        last=report["step"] == config.length,
        success=report["values"].get("rate.success"),
        diverged=sum(at is not None for at in fallen) / len(fallen),
        others=tuple(report["values"][measure] for measure in config.others),
        seconds=report["seconds"],
    )


def run(config: Config, store: Store, attempt: int, chunk: int | None = None) -> Iterator[Progress | Waiting]:
    """Trains, records each report under ``attempt``, and yields after each commit, or before a wait for the storage.

    Steps are field units: a report at step u comes after the optimizer step at which the members, on average, have cost
    nearest to u. ``chunk`` is how many members are trained at once, which decides how sums round.
    """
    record = TrialRecord(store, f"{config.arm}/{config.kind}-{config.number:04d}")
    game = build_game(config.game)
    optimizer = minmax.optimizers.get(config.optimizer, **config.options)
    metrics = [minmax.metrics.get(name, **options) for name, options in config.metrics.items()]
    last, known = yield from persist(lambda: (record.last_checkpoint(), record.history()))
    before = [past for past in known if last is not None and past.step <= last.step]  # what follows is trained again
    training = _resumed(config, last, game, optimizer, metrics, chunk)

    best = min((_loss(config, past.values[config.objective]) for past in before), default=float("inf"))
    trained = before[-1].seconds if before else 0.0
    writer, began, usage = record.attempt(attempt), time.monotonic(), Usage(config.device)
    for report in training:
        step = round(report.at)
        diagnoses = minmax.diagnose([*before, report])
        values = _values(config, {name: own.tolist() for name, own in report.metrics.items()}, diagnoses)
        loss = _loss(config, values[config.objective])
        content = Report(
            step=step,
            optimizer_steps=report.step,
            cost=report.cost,
            time_ms=time.time_ns() // 1_000_000,
            seconds=trained + time.monotonic() - began,
            metrics={name: own.tolist() for name, own in {**report.metrics, **_settled(report.info)}.items()},
            values=values,
            diverged=[None if at < 0 else at for at in report.diverged_at.tolist()],
            diagnoses=diagnoses,
            system=usage.read(),
        )
        told, files = content._asdict(), _checkpoint(report.state, step, chunk)
        paused = time.monotonic()
        yield from persist(_commit(writer, step, told, files, _picture(game, report.players), loss < best))
        began += time.monotonic() - paused
        before.append(content)
        best = min(best, loss)
        yield progress_of(told, config)


def _commit(
    writer: Attempt, step: int, told: dict[str, Any], files: dict[str, bytes], picture: bytes | None, best: bool
) -> Callable[[], None]:
    """Commits a report when called; called again after an outage, only if that one had not come to its end."""
    begun = False

    def commit() -> None:
        nonlocal begun
        if begun and writer.manifest(step) is not None:
            return
        begun = True
        writer.commit(step, told, files, picture, best)

    return commit


def build_game(spec: Mapping[str, Any]) -> Game:
    """The game of a config. A user's function may draw from the global generator: it draws the same everywhere."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        game: Game = minmax.games.get(spec["name"], **{key: value for key, value in spec.items() if key != "name"})
    return game


def threads_for(cpu: float) -> int:
    """Torch's threads in a trial with so many cores: they are part of how sums round."""
    return max(1, int(cpu))


def _resumed(
    config: Config,
    last: Checkpoint | None,
    game: Game,
    optimizer: Optimizer,
    metrics: list[Metric],
    chunk: int | None,
) -> Run:
    return minmax.train(
        game,
        optimizer,
        config.hypers,
        config.seeds,
        length=config.length,
        report_every=config.report_every,
        metrics=metrics,
        device=config.device,
        schedule=config.schedule,
        resume=None if last is None else checkpoint.loads(last.files()["state.safetensors"]),
        chunk=chunk,
    )


def _values(config: Config, metrics: Mapping[str, list[float]], diagnoses: Sequence[str]) -> dict[str, float]:
    values = {}
    for measure in config.measures:
        how, _, output = measure.partition(".")
        if how == SHARE:
            values[measure] = diagnoses.count(output) / len(diagnoses)
            continue
        if output not in metrics:
            raise ValueError(f"objective: {output!r} was not reported; reported: {', '.join(sorted(metrics))}")
        values[measure] = aggregate(how, metrics[output])
    return values


def _settled(info: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What an optimizer says of its steps; 0 for a member that has diverged, of whom it has no number to say."""
    return {name: torch.where(own.isfinite(), own, 0.0) for name, own in info.items()}


def _loss(config: Config, value: float) -> float:
    return value if config.minimize else -value


def _checkpoint(state: dict[str, Any], step: int, chunk: int | None) -> dict[str, bytes]:
    about = {"step": step, "format": 1, "minmax": minmax.__version__, "chunk": chunk}
    return {"state.safetensors": checkpoint.dumps(state), "state.json": json.dumps(about).encode()}


def _picture(game: Game, players: Any) -> bytes | None:
    if not isinstance(game, Gan):
        return None
    shown = tree.map(lambda x: x[:MEMBERS], players)
    made = samples(game, shown, torch.Generator(tree.leaves(shown)[0].device).manual_seed(0), POINTS)
    return draw(made.cpu().numpy(), game.data.low, game.data.high)
