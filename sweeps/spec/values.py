"""What one value of a spec may be: the checks that its models put on their fields.

Each raises ``wrong(what, allowed)``, which names no key: the model knows where the value stands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from minmax.diagnosis import RULES
from minmax.metrics import METRICS
from minmax.registry import Registry, UnknownName, did_you_mean
from minmax.types import Metric
from sweeps.judge.stats import aggregator
from sweeps.spec.environment import refers
from sweeps.spec.source import shown

SHARE = "share"  # of members with a diagnosis: share.converged
PLAIN_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"  # an option of a command line begins with -
TRACKING = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks")
RESERVED = ("mlartifacts",)  # what a storage holds beside its sweeps


def wrong(what: str, allowed: str) -> PydanticCustomError:
    """The error of a value: what is wrong with it, what is allowed."""
    return PydanticCustomError("spec", "{what}; {allowed}", {"what": what, "allowed": allowed})


def listed(given: str, names: Collection[str]) -> str:
    """What there is, for a name that is not among it."""
    return f"{did_you_mean(given, names)}known: {', '.join(sorted(names)) or 'none'}"


@dataclass(frozen=True, eq=False)
class Registered:
    """A check that a text is a name in ``registry`` or the user's own; a JSON Schema is made from it, too."""

    registry: Registry
    check: Callable[[str], str]

    def __call__(self, name: str) -> str:
        """The name, if it is one."""
        return self.check(name)


def known(registry: Registry) -> str:
    """What a registry has, for a message."""
    return f"known: {', '.join(sorted(registry))}; or your own as module:function"


def one_in(registry: Registry) -> Registered:
    """A check that a name is registered, or a ``module:function`` that can be imported."""

    def check(name: str) -> str:
        if name in registry:
            return name
        try:
            registry[name]
        except UnknownName as error:
            what, _, allowed = str(error).partition("; ")
            raise wrong(what, allowed or "a registered name, or your own as module:function") from error
        except (Exception, SystemExit) as error:  # the user's module may do anything while it is imported
            what = f"{registry.kind} {shown(name)} cannot be imported: {type(error).__name__}: {error}"
            raise wrong(what, "a module that can be imported") from error
        return name

    return Registered(registry, check)


def metric(name: str, /, **options: Any) -> Metric:
    """The metric of that name, as it is built with these options.

    Raises:
        PydanticCustomError: unknown, or not to be built so.
    """
    one_in(METRICS)(name)
    try:
        built = METRICS.build(name, **options)
    except Exception as error:  # the user's function may raise anything
        what = f"metric {shown(name)} cannot be built: {error}"
        raise wrong(what, "a function that returns a Metric and needs no options") from error
    if not isinstance(built, Metric):
        raise wrong(f"{shown(name)} builds a {type(built).__name__}", "a function that returns a Metric")
    return built


def success_metric(name: str) -> str:
    """A metric that says which members succeeded."""
    if "success" not in metric(name).outputs:
        rules = [known for known in METRICS if "success" in metric(known).outputs]
        raise wrong(f"metric {shown(name)} has no output 'success'", f"known: {', '.join(rules)}; or your own")
    return name


def measure(text: str) -> str:
    """``AGGREGATE.OUTPUT``: ``mean.frechet``."""
    aggregate, dot, output = text.partition(".")
    if not dot or not output:
        raise wrong(f"is {shown(text)}", "AGGREGATE.OUTPUT (as in mean.frechet) is allowed")
    if aggregate == SHARE and output in RULES:
        return text
    try:
        aggregator(aggregate)
    except ValueError as error:
        what, _, allowed = str(error).partition("; ")
        raise wrong(what, allowed) from error
    return text


def plain_name(name: str) -> str:
    """A name that is a folder, a study and a word of a command line."""
    if not re.fullmatch(PLAIN_NAME, name):
        raise wrong(f"is {shown(name)}", "1 to 64 letters, digits, - and _ are allowed, - not as the first")
    if name in RESERVED:
        raise wrong(f"{name!r} is the name of a folder beside the sweeps", "any other name is allowed")
    return name


def ascending(pair: list[Any]) -> list[Any]:
    """Low below high."""
    low, high = pair
    if low >= high:
        raise wrong(f"low {low:g} is not below high {high:g}", "[low, high] with low < high is allowed")
    return pair


def positive(pair: list[float]) -> list[float]:
    """Something a logarithm can be taken of."""
    if pair[0] <= 0:
        raise wrong(f"low is {pair[0]:g}, which has no logarithm", "numbers above 0 are allowed; or use uniform")
    return pair


def distinct(values: list[Any]) -> list[Any]:
    """No value twice."""
    if len(set(values)) < len(values):
        raise wrong(f"holds a value twice: {shown(values)}", "each value once is allowed")
    return values


def whole_or_share(gpus: float) -> float:
    """A share of one GPU, or whole ones: nothing in between can be placed."""
    if gpus > 1 and gpus != int(gpus):
        raise wrong(f"is {gpus:g}", "a share of one GPU (0 to 1), or a whole number of them")
    return gpus


def place(text: str) -> str:
    """A folder, its ~ expanded, or the address of an object store; as it is where the environment completes it."""
    if refers(text):
        return text
    if (
        not text
        or not text.isprintable()
        or (is_address(text) and not urlsplit(text).path and not urlsplit(text).netloc)
    ):
        raise wrong(f"is {shown(text)}", "a folder, or an address such as s3://bucket/path")
    return os.path.expanduser(text)


def database(text: str) -> str:
    """The address of studies in PostgreSQL, or in an SQLite file."""
    if not refers(text) and not text.startswith(("postgresql://", "sqlite:///")):
        raise wrong(f"is {shown(text)}", "postgresql://… is allowed, or ${env:NAME} for one")
    return text


def tracking(text: str) -> str:
    """An address that MLflow knows, or a folder."""
    scheme, given, _ = text.partition("://")
    if refers(text) or (not given and not re.match(r"https?:|[\w.-]+:[0-9]", text)):
        return text
    if not given:
        raise wrong(f"is {shown(text)}", "an address with its scheme, as http://host:5000, is allowed")
    if scheme.partition("+")[0] not in TRACKING:
        raise wrong(f"is {shown(text)}, which MLflow does not know", f"{', '.join(TRACKING)} are allowed before ://")
    if scheme in ("http", "https") and not urlsplit(text).hostname:
        raise wrong(f"is {shown(text)}, which names no host", "one as in http://host:5000 is allowed")
    return text


def is_address(text: str) -> bool:
    """Whether it starts with a scheme (``s3://``)."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def exactly_one(given: Mapping[str, Any], allowed: str) -> None:
    """One of several keys that exclude each other."""
    said = [key for key, value in given.items() if value is not None]
    if len(said) != 1:
        what = f"says both {' and '.join(said)}" if said else f"says none of {', '.join(given)}"
        raise wrong(what, f"exactly one of {allowed} is allowed")
