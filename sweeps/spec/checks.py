"""What the values of a spec must agree on: options and builders, objective and metrics. Arms are in ``armchecks.py``.

Each check takes what is sound and leaves the rest alone, so that one mistake hides no other and is reported once.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from minmax.data import DATASETS
from minmax.games import GAMES
from minmax.losses import LOSSES
from minmax.losses.penalties import PENALTIES
from minmax.metrics import METRICS
from minmax.nets import NETS
from minmax.optimizers import OPTIMIZERS
from minmax.registry import Registry
from minmax.schedules import SCHEDULES
from minmax.types import Goal
from sweeps.search import pruners, samplers
from sweeps.search.pruners import PRUNERS
from sweeps.search.samplers import SAMPLERS
from sweeps.spec.armchecks import written
from sweeps.spec.environment import expand, refers
from sweeps.spec.explain import explain
from sweeps.spec.source import KeyPath, Source, shown
from sweeps.spec.values import SHARE, is_address, listed, metric, place

if TYPE_CHECKING:
    from sweeps.spec.searchspec import Objective

ARM_KEYS = ("name", "transform", "set", "as")
NET_CONTEXT = ("shape", "latent")  # what the game gives its networks


def reports(source: Source) -> None:
    """Reports come at equal steps, the last at the end."""
    length, every = (source.data.get(key) for key in ("length", "report_every"))
    if type(length) is not int or type(every) is not int or min(length, every) < 1:
        return
    if length % every:
        what = (
            f"{every} does not divide the length {length}"
            if every < length
            else f"{every} is above the length {length}"
        )
        source.report(("report_every",), what, f"a whole part of the length is allowed, as {_part(length, every)}")


def _part(length: int, wanted: int) -> int:
    """The divisor of ``length`` nearest to ``wanted``, of those that give up to a thousand reports."""
    parts = [length // n for n in range(1, 1001) if length % n == 0]
    return min(parts, key=lambda part: abs(part - wanted))


def builders(source: Source) -> None:
    """Every option is one that its builder takes, and of the type that it says."""
    game = source.data.get("game")
    if isinstance(game, dict) and game.get("name", "gan") == "gan":
        _takes(source, ("game", "data"), DATASETS, game.get("data"), ("name",), ())
        _takes(source, ("game", "net"), NETS, game.get("net"), ("name",), NET_CONTEXT)
        _takes(source, ("game", "loss"), LOSSES, game.get("loss"), ("name",), ())
        _takes(source, ("game", "penalty"), PENALTIES, game.get("penalty"), ("name",), ())
    elif game != "gan":
        _takes(source, ("game",), GAMES, game, ("name",), ())
    search = source.data.get("search")
    if isinstance(search, dict):
        _takes(source, ("search", "sampler"), SAMPLERS, search.get("sampler"), ("name",), samplers.CONTEXT)
        _takes(source, ("search", "pruner"), PRUNERS, search.get("pruner"), ("name",), pruners.CONTEXT)
    for key, arm in written(source).items():
        _takes(source, ("optimizers", key), OPTIMIZERS, arm, ARM_KEYS, ("transform",))
    schedule = source.data.get("schedule")
    if isinstance(schedule, dict) and not isinstance(schedule.get("name"), str):
        for player, own in schedule.items():
            _takes(source, ("schedule", player), SCHEDULES, own, ("name",), ())
    else:
        _takes(source, ("schedule",), SCHEDULES, schedule, ("name",), ())


def _takes(
    source: Source, path: KeyPath, registry: Registry, given: Any, keys: Collection[str], context: Collection[str]
) -> None:
    """``given`` is a name or a mapping with one; ``keys`` of it are no options, ``context`` is given by the caller."""
    said = {"name": given} if isinstance(given, str) else given
    name = said.get("name") if isinstance(said, dict) else None
    if said is None or not isinstance(name, str):
        return
    try:
        parameters = inspect.signature(registry[name]).parameters
    except (Exception, SystemExit):  # cannot be imported, which is reported; or written in C, with no signature
        return
    takes = {key: p for key, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    options = [key for key in takes if key not in context]
    hints = _hints(registry[name])
    for key, value in said.items():
        if key in keys:
            continue
        if key in options:
            _of_type(source, (*path, key), hints.get(key, Any), value)
        elif not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            what = f"unknown option of {registry.kind} {shown(name)}"
            source.report((*path, key), what, listed(key, options), of_key=True)
    for key in options:
        if takes[key].default is inspect.Parameter.empty and key not in said:
            source.report((*path, key), "is missing", f"{registry.kind} {shown(name)} needs it", missing=True)


def _hints(builder: Any) -> dict[str, Any]:
    try:
        if not inspect.isfunction(builder):
            return get_type_hints(builder)
        said = {name: hint for name, hint in builder.__annotations__.items() if name != "return"}
        return get_type_hints(SimpleNamespace(__annotations__=said), builder.__globals__)
    except Exception:  # a name that only the type checker sees, or whatever the user's own annotation raises
        return {}


def _of_type(source: Source, path: KeyPath, hint: Any, value: Any) -> None:
    if not source.is_sound(path):
        return
    try:
        TypeAdapter(hint).validate_json(json.dumps(value), strict=True)  # as JSON: a list is good for a tuple
    except ValidationError as errors:
        explain(source, errors, None, path)
    except PydanticUserError:
        return  # a type that pydantic knows nothing of; the builder will see


def metrics(source: Source) -> dict[str, Goal]:
    """Each metric of the spec is named once and can be built; returns the outputs of those that were."""
    outputs: dict[str, Goal] = {}
    first: dict[str, int] = {}
    said = source.data.get("metrics")
    for index, given in enumerate(said if isinstance(said, list) else []):
        path, item = ("metrics", index), given if isinstance(given, dict) else {"name": given}
        name = item.get("name")
        _takes(source, path, METRICS, given, ("name",), ())
        if not isinstance(name, str) or not source.is_sound(path):
            continue
        if name in first:
            what = f"a second metric {shown(name)}, first at metrics[{first[name]}]"
            source.report(path, what, "each metric once is allowed")
        first.setdefault(name, index)
        try:
            outputs |= metric(name, **{key: value for key, value in item.items() if key != "name"}).outputs
        except PydanticCustomError as error:
            what, _, allowed = error.message().partition("; ")
            source.report(path, what, allowed)
    return outputs


def objective(source: Source, at: KeyPath, aim: Objective, success: str | None, own: Mapping[str, Goal]) -> None:
    """The output exists, the direction is the metric's own, and rates are taken of zeros and ones."""
    if aim.aggregate == SHARE and source.data.get("map") is not None:
        return  # of a map's members, with a diagnosis
    path = (*at, aim.direction)
    outputs: dict[str, Goal] = {}
    for name in (*METRICS, *([success] if success else ())):
        outputs |= metric(name).outputs
    outputs |= own
    if aim.output not in outputs:
        source.report(path, f"unknown metric output {shown(aim.output)}", listed(aim.output, outputs))
    elif outputs[aim.output].direction != aim.direction:
        better = outputs[aim.output].direction
        what = f"{aim.output} is better the {'higher' if better == 'maximize' else 'lower'}"
        source.report(path, what, f"{better}: {aim.measure} is allowed")
    elif aim.aggregate in ("rate", "lower") and aim.output != "success":
        what = f"{aim.aggregate} is of zeros and ones, and {aim.output} is a measurement"
        source.report(path, what, f"{aim.aggregate}.success or mean.{aim.output} is allowed")


def storage(source: Source, said: str | None) -> None:
    """Something can be made there: the folder, or its nearest parent that exists, can be written. Makes nothing."""
    if said is None:
        return
    try:
        at = place(expand(said))
    except PydanticCustomError:  # of what the environment holds
        what = f"{shown(said)} leads nowhere"
        source.report(("storage",), what, "a folder, or an address such as s3://bucket/path", missing=True)
        return
    if is_address(at.removeprefix("file://")):
        return
    nearest = os.path.abspath(at.removeprefix("file://"))
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        what = f"{shown(said if refers(said) else nearest)} is no folder"
        source.report(("storage",), what, "a folder that can be written is allowed", missing=True)
    elif not os.access(nearest, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        what = f"{shown(said if refers(said) else nearest)} cannot be written"
        source.report(("storage",), what, "a folder that can is allowed", missing=True)
