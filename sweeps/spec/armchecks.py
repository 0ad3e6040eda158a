"""What arms and space must agree on: names, settings, who searches what, and that nothing said is without effect."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import PydanticCustomError

from minmax.optimizers import OPTIMIZERS
from minmax.transforms import TRANSFORMS
from minmax.types import Optimizer
from sweeps.spec.source import KeyPath, Source, shown
from sweeps.spec.values import listed, plain_name

if TYPE_CHECKING:
    from sweeps.spec.armspec import Arm, Entry

Key = int | str
"""Where an arm stands below ``optimizers``: its place in a list, or its label."""


def written(source: Source) -> dict[Key, Any]:
    """The arms as the text has them."""
    said = source.data.get("optimizers")
    return dict(said) if isinstance(said, dict) else dict(enumerate(said if isinstance(said, list) else []))


def place_of(source: Source, path: KeyPath) -> KeyPath:
    """A path of the sweep as the text has it: there an arm may stand under its label."""
    match path:
        case ("optimizers", int(index), *below):
            return ("optimizers", list(written(source))[index], *below)
    return path


def arms(source: Source, sound: Mapping[Key, Arm], transform: str | None) -> dict[Key, Optimizer]:
    """Names are unique and fit for folders; every optimizer can be built. Returns those that were."""
    first: dict[str, Key] = {}
    built: dict[Key, Optimizer] = {}
    for key, arm in sound.items():
        path = ("optimizers", key)
        _named_once(source, path, arm, first)
        try:
            if arm.transform or transform:
                built[key] = _built(source, path, arm, arm.transform or transform)
        except Exception as error:  # the user's function may raise anything
            _refused(source, path, arm, error)
    return built


def _named_once(source: Source, path: tuple[str, Key], arm: Arm, first: dict[str, Key]) -> None:
    label = isinstance(path[1], str)
    if label and "as" in _options(source, path):
        source.report((*path, "as"), f"a second name of {shown(path[1])}", "the key is the arm's name; drop `as`")
    if arm.name in first:
        what = f"a second arm {arm.name!r}, first at optimizers[{first[arm.name]}]"
        source.report(path, what, "one arm of each name is allowed; {name: …, as: another_name} gives it one")
    first.setdefault(arm.name, path[1])
    try:
        plain_name(arm.name)
    except PydanticCustomError as error:
        way = "another key" if label else "{name: …, as: another_name}"
        source.report(path, f"the arm's name: {error.message()}", f"{way} gives it one")


def _options(source: Source, path: tuple[str, Key]) -> Mapping[str, Any]:
    said = written(source)[path[1]]
    return said if isinstance(said, dict) else {}


def _built(source: Source, path: KeyPath, arm: Arm, transform: str | None) -> Optimizer:
    options = {key: value for key, value in arm.options.items() if source.is_sound((*path, key))}
    optimizer = OPTIMIZERS.build(arm.optimizer, transform=transform, **options)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"it builds a {type(optimizer).__name__}; a function that returns an Optimizer is allowed")
    return optimizer


def _refused(source: Source, path: KeyPath, arm: Arm, error: Exception) -> None:
    """A builder says ``option: what was given; what is allowed``."""
    what, _, allowed = str(error).partition("; ")
    option, colon, rest = what.partition(": ")
    if colon and option in arm.options:
        source.report((*path, option), rest, allowed)
    else:
        source.report(path, f"optimizer {arm.optimizer!r} cannot be built: {what}", allowed)


class Known(NamedTuple):
    """The names that an entry of the space may use: of hyperparameters, and of arms."""

    hypers: set[str]
    arms: set[str]


def known(source: Source, sound: Mapping[Key, Arm], built: Mapping[Key, Optimizer]) -> Known:
    """Those of the arms; where an arm is broken, also all that it may have been meant to be."""
    items = written(source)
    hypers = {name for optimizer in built.values() for name in optimizer.hypers}
    labels = {name for arm in sound.values() for name in (arm.name, arm.optimizer)}
    if items and len(built) == len(items):
        return Known(hypers, labels)
    said = [item if isinstance(item, dict) else {"name": item} for item in items.values()]
    labels |= {name for item in said for name in (item.get("name"), item.get("as")) if isinstance(name, str)}
    labels |= {key for key in items if isinstance(key, str)}
    return Known(hypers | every_hyper(), labels | set(OPTIMIZERS))


def every_hyper() -> set[str]:
    """The hyperparameters of all registered optimizers over all transforms."""
    pairs = itertools.product(OPTIMIZERS, TRANSFORMS)
    return {name for optimizer, over in pairs for name in OPTIMIZERS.build(optimizer, transform=over).hypers}


class Arms(NamedTuple):
    """The arms that are sound, the optimizers of those that can be built, and the names that an entry may use."""

    sound: Mapping[Key, Arm]
    built: Mapping[Key, Optimizer]
    known: Known


def settings(source: Source, arms: Arms) -> None:
    """What an arm sets is a hyperparameter of its own, with a value that this allows."""
    for key, optimizer in arms.built.items():
        arm = arms.sound[key]
        for name, value in arm.settings.items():
            path, declared = ("optimizers", key, "set", name), optimizer.hypers.get(name)
            if declared is None:
                source.report(path, f"{arm.name} has no hyperparameter {name!r}", listed(name, optimizer.hypers))
            elif not declared.allows(value):
                what = f"{value:g} is outside what {arm.name} can take"
                source.report(path, what, f"{declared.allowed} is allowed")


def space(source: Source, entries: Mapping[str, Entry], arms: Arms) -> None:
    """Entries name hyperparameters and arms that there are, with values that these allow; none is left open, and none
    is without effect."""
    data = source.data.get("space")
    said = data if isinstance(data, dict) else {}
    for name in said:
        if name not in arms.known.hypers:
            source.report(("space", name), "unknown hyperparameter of these arms", listed(name, arms.known.hypers))
    for name, entry in entries.items():
        _meets(source, name, entry, arms)
        for key, optimizer in arms.built.items():
            if name in arms.known.hypers and entry.holds(arms.sound[key]):
                _within(source, ("space", name), entry, arms.sound[key], optimizer)
    for key, optimizer in arms.built.items():
        arm = arms.sound[key]
        for name, declared in optimizer.hypers.items():
            given = name in arm.settings or (name in said and (name not in entries or entries[name].holds(arm)))
            if not given and not declared.searched and declared.default is None:
                what = f"is missing, and {arm.name} has no default for it"
                source.report(("space", name), what, f"{declared.allowed} is allowed", missing=True)


def _meets(source: Source, name: str, entry: Entry, arms: Arms) -> None:
    """Each name after ``when`` is an arm's, and somebody whom the entry is for leaves the hyperparameter to it."""
    for index, label in enumerate(entry.when.optimizer if entry.when else ()):
        path = ("space", name, "when", "optimizer", index)
        if label not in arms.known.arms:
            source.report(path, f"{shown(label)} is no arm of this sweep", listed(label, arms.known.arms))
        _leaves(source, path, name, [arm for arm in arms.sound.values() if label in (arm.name, arm.optimizer)])
    if entry.when is None:
        having = [arms.sound[key] for key, optimizer in arms.built.items() if name in optimizer.hypers]
        _leaves(source, ("space", name), name, having)


def _leaves(source: Source, path: KeyPath, name: str, meant: list[Arm]) -> None:
    if meant and all(name in arm.settings for arm in meant):
        what = f"is without effect: {', '.join(arm.name for arm in meant)} fixed by `set`"
        source.report(path, what, f"drop one of the two: `set: {{{name}: …}}` wins over the space")


def _within(source: Source, path: KeyPath, entry: Entry, arm: Arm, optimizer: Optimizer) -> None:
    name = str(path[-1])
    declared = optimizer.hypers.get(name)
    if declared is None:
        if entry.when:
            what, allowed = f"{arm.name} has no hyperparameter {name!r}", ", ".join(sorted(optimizer.hypers))
            source.report((*path, "when"), what, f"it has {allowed}")
        return
    for index, value in enumerate(entry.values):
        if not declared.allows(value):
            what = f"{value:g} is outside what {arm.name} can take"
            source.report((*path, entry.kind, index), what, f"{declared.allowed} is allowed")


def grid(source: Source, entries: Mapping[str, Entry], arms: Arms) -> None:
    """The sampler ``grid`` has values to go through, each in a trial of its own; no other sampler is given a grid."""
    search = source.data.get("search")
    said = search.get("sampler", "tpe") if isinstance(search, dict) else "tpe"
    sampler = said.get("name") if isinstance(said, dict) else said
    if not source.is_sound(("search",)) or not isinstance(sampler, str):
        return
    if sampler != "grid":
        for name, entry in entries.items():
            if entry.kind == "grid" and source.is_sound(("space", name)):
                what = f"the sampler {sampler} goes through no grid"
                source.report(("space", name, "grid"), what, "choice: […], or search: {sampler: grid}, is allowed")
        return
    points = {arms.sound[key].name: _points(source, entries, arms.sound[key], it) for key, it in arms.built.items()}
    most = max(points, key=lambda arm: points[arm], default="")
    key, trials = _share(source)
    if 0 < trials < points.get(most, 0) and source.is_sound(("space",)):
        what = f"{trials} trials are fewer than the {points[most]} points of {most}'s grid"
        source.report((key,), what, f"{points[most]} trials or more are allowed")


def _sampler(source: Source) -> str | None:
    """Its name; None where that cannot be told."""
    search = source.data.get("search", {})
    said = search.get("sampler", "tpe") if isinstance(search, dict) and source.is_sound(("search",)) else None
    name = said.get("name") if isinstance(said, dict) else said
    return name if isinstance(name, str) else None


def _share(source: Source) -> tuple[str, int]:
    """The key that says how many trials an arm has, and how many that is; 0 where that cannot be told."""
    names = ("trials", "budget", "length", "seeds")
    said: dict[str, Any] = {name: source.data.get(name, 8 if name == "seeds" else None) for name in names}
    if said["trials"] is not None or any(type(said[name]) is not int for name in names[1:]):
        return "trials", said["trials"] if type(said["trials"]) is int else 0
    each = said["length"] * said["seeds"]
    return "budget", said["budget"] // each if each > 0 else 0


def _points(source: Source, entries: Mapping[str, Entry], arm: Arm, optimizer: Optimizer) -> int:
    """How many points the arm's grid has; reports what has no values to go through."""
    allowed = "grid: […], choice: […], int: [low, high] or a number is allowed with the sampler grid"
    points = 1
    for name, declared in optimizer.hypers.items():
        entry = entries.get(name)
        if name in arm.settings or not source.is_sound(("space", name)):
            continue
        if entry is None or not entry.holds(arm):
            if declared.searched:
                what = f"{arm.name} would search {name} from {declared.low:g} to {declared.high:g}"
                source.report(("space", name), what, allowed, missing=True)
        elif entry.kind in ("uniform", "log"):
            source.report(("space", name, entry.kind), "is a range, and no values to go through", allowed)
        else:
            points *= entry.count
    return points
