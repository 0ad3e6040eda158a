"""What the keys about the search must agree on: trials and budget, objectives and pruner, sampler and enqueued points.

Like those of ``checks``, each reports what it finds and stops for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sweeps.search import enqueue, pruners, samplers, space
from sweeps.spec.source import KeyPath, Source, shown
from sweeps.spec.values import listed

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from sweeps.spec.armspec import Arm
    from sweeps.spec.searchspec import Point
    from sweeps.spec.sweep import Sweep


def share(source: Source, default: int) -> None:
    """One of trials and budget says how long an arm is searched, and a budget is enough for a trial, of ``default``
    seeds where the spec says nothing of them."""
    trials, budget, length = (source.data.get(key) for key in ("trials", "budget", "length"))
    seeds = source.data.get("seeds", default)
    if trials is None and budget is None:
        said = "trials" in source.data
        allowed = "a whole number: the search trials of each arm; or budget in its place"
        source.report(("trials",), "is nothing" if said else "is missing", allowed, missing=not said)
    elif trials is not None and budget is not None:
        source.report(("budget",), "is given beside trials", "one of the two is allowed")
    elif type(budget) is int and type(length) is int and type(seeds) is int:
        each = length * seeds
        if 0 < budget < each:
            what = f"{budget:,} is not enough for a trial of {seeds} seeds × {length:,} field units"
            source.report(("budget",), what, f"{each:,} or more is allowed")


def check(source: Source, sweep: Sweep) -> None:
    """The rest, of a spec whose values are each sound."""
    _objectives(source, sweep)
    _searchers(source, sweep)
    _points(source, sweep)


def _objectives(source: Source, sweep: Sweep) -> None:
    """Each is named once, and several leave no pruner a single value to judge by."""
    first: dict[str, int] = {}
    for index, aim in enumerate(sweep.objectives):
        if aim.measure in first:
            what = f"a second objective {aim.measure}, first at objective[{first[aim.measure]}]"
            source.report(("objective", index), what, "each objective once is allowed")
        first.setdefault(aim.measure, index)
    pruner = sweep.search.pruner.name
    if len(sweep.objectives) > 1 and pruner != "none":
        what = f"pruner {shown(pruner)} conflicts with {len(sweep.objectives)} objectives, as it judges by one value"
        source.report(("search", "pruner"), what, "pruner: none is allowed, or a single objective")


def _searchers(source: Source, sweep: Sweep) -> None:
    """Sampler and pruner can be built with their options."""
    sampler, pruner = sweep.search.sampler, sweep.search.pruner
    if sampler.options or ":" in sampler.name:
        make = samplers.sampler_of(sampler.name, sweep.share, sampler.options)
        _built(source, ("search", "sampler"), lambda: make(samplers.Draw(0, 0, 0, {})), sampler.options)
    if pruner.options or ":" in pruner.name or pruner.name == "threshold":
        length, every = sweep.length, sweep.report_every
        _built(source, ("search", "pruner"), lambda: pruners.pruner_of(pruner.name, length, every, pruner.options),
               pruner.options)  # fmt: skip


def _built(source: Source, path: KeyPath, attempt: Callable[[], object], options: Mapping[str, Any]) -> None:
    if not source.is_sound(path):
        return
    try:
        attempt()
    except Exception as error:  # the user's function may raise anything
        what, _, allowed = str(error).partition("; ")
        option, colon, rest = what.partition(": ")
        at, said = ((*path, option), rest) if colon and option in options else (path, f"cannot be built: {what}")
        source.report(at, said, allowed)


def _points(source: Source, sweep: Sweep) -> None:
    """Enqueued points are of arms and hyperparameters that are searched, inside their space and not too many."""
    if sweep.search.sampler.name in samplers.FINITE:
        for key, said in ((("enqueue",), sweep.enqueue), (("search", "start_from"), sweep.search.start_from)):
            if said:
                what = f"conflicts with sampler {sweep.search.sampler.name}, which tries each of its own points"
                source.report(key, what, "another sampler is allowed")
    if not sweep.enqueue:
        return
    spaces = {arm.name: _space(sweep, arm) for arm in sweep.optimizers}
    for index, point in enumerate(sweep.enqueue):
        _point(source, ("enqueue", index), sweep, point, spaces)
    for arm in sweep.optimizers:
        many = len(enqueue.said_for(sweep, arm, spaces[arm.name] or {}))
        if many > sweep.share:
            what = f"{many} points for {arm.name}, whose search has {sweep.share} trials"
            source.report(("enqueue",), what, "as many as there are trials are allowed")


def _space(sweep: Sweep, arm: Arm) -> dict[str, BaseDistribution] | None:
    try:
        return space.distributions(sweep, arm)
    except Exception:  # an optimizer that cannot be built, which is reported
        return None


def _point(
    source: Source,
    path: KeyPath,
    sweep: Sweep,
    point: Point,
    spaces: Mapping[str, Mapping[str, BaseDistribution] | None],
) -> None:
    if None in spaces.values():
        return
    known = {name for arm in sweep.optimizers for name in (arm.name, arm.optimizer)}
    for index, name in enumerate(point.optimizer or ()):
        if name not in known:
            what = f"{shown(name)} is no arm of this sweep"
            source.report((*path, "optimizer", index), what, listed(name, known))
    arms = [arm for arm in sweep.optimizers if point.holds((arm.name, arm.optimizer), spaces[arm.name] or ())]
    if not arms and point.optimizer is None:
        source.report(path, f"no arm searches all of {', '.join(point.hypers)}", "what one arm searches is allowed")
    for arm in arms:
        for name, value in point.hypers.items():
            of = (spaces[arm.name] or {}).get(name)
            if of is None:
                searched = ", ".join(spaces[arm.name] or ()) or "nothing"
                source.report((*path, name), f"is not searched in {arm.name}", f"it searches {searched}")
            elif not enqueue.contains(of, value):
                what = f"{value:g} is outside the space of {arm.name}"
                source.report((*path, name), what, f"{enqueue.allowed(of)} is allowed")
