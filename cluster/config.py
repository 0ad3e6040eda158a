"""``cluster.yaml``: where sweeps run, in one small file. Read, checked, and told what is wrong with it line by line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from cluster.sections.clouds import Aws, Gcp, Onprem
from cluster.sections.kubernetes import Kubernetes
from cluster.sections.network import Network, Ports
from cluster.sections.services import Services
from cluster.sections.slurm import Slurm
from cluster.source import ConfigErrors, KeyPath, Source, read, shown
from cluster.values import Count, Database, Image, Line, Model, Name, Place, Size, Url, Variable, wrong

Gpus = Annotated[int, Field(ge=0, le=64)]


class Workers(Model):
    """How many workers there are; between two numbers, where a cluster can grow and shrink."""

    min: Annotated[int, Field(ge=0, le=10_000)] = Field(description="as many at least")
    max: Annotated[int, Field(ge=0, le=10_000)] = Field(description="as many at most")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise wrong(f"min {self.min} is above max {self.max}", "min <= max is allowed")
        return self


def _as_pair(given: Any) -> Any:
    if isinstance(given, dict | Workers):
        return given
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise wrong(f"is {shown(given)}", "a whole number, or {min: 0, max: 8}, is allowed")
    return {"min": given, "max": given}


class Head(Model):
    """The node that the driver runs on. It takes no trials where there are workers."""

    cpus: Count = Field(default=2, description="CPU cores of the head")
    memory: Size = Field(default=8 * 10**9, description="memory of the head, as in 8GB")


class Job(Model):
    """The sweep that a job runs: its spec, and the user's own modules beside it."""

    spec: Line = Field(description="the sweep's YAML file")
    modules: list[Line] = Field(default_factory=list, description="the user's own .py files, which the spec names")


class Cluster(Model):
    """The whole file."""

    name: Name = Field(default="minmax", description="what everything made from this is called")
    workers: Annotated[Workers, BeforeValidator(_as_pair)] = Field(
        default=Workers(min=1, max=1), description="a whole number, or {min: 0, max: 8}"
    )
    cpus: Count = Field(default=4, description="CPU cores of a worker")
    gpus: Gpus = Field(default=0, description="GPUs of a worker")
    memory: Size = Field(default=16 * 10**9, description="memory of a worker, as in 16GB")
    head: Head = Field(default_factory=Head, description="the head's size")
    image: Image = Field(default="minmax-sweeps:0.1.0", description="the container image, with its tag or digest")
    storage: Place = Field(default="./runs", description="a folder that all nodes share, or s3://bucket/path")
    studies: Database | None = Field(default=None, description="PostgreSQL for the studies: ${env:NAME}, or an address")
    tracking: Url | None = Field(default=None, description="the MLflow server, as http://host:5000")
    secrets: list[Variable] = Field(
        default_factory=list, description="names of environment variables whose values nodes get, never the values"
    )
    tls: bool = Field(default=True, description="whether nodes on several machines talk TLS")
    job: Job | None = Field(default=None, description="the sweep that a job runs: {spec: file, modules: [files]}")
    network: Network = Field(default_factory=Network, description="the nodes' network, and the people's")
    ports: Ports = Field(default_factory=Ports, description="every port that Ray listens on")
    services: Services = Field(default_factory=Services, description="the shared MLflow server and PostgreSQL")
    slurm: Slurm = Field(default_factory=Slurm, description="what a batch job asks of Slurm")
    kubernetes: Kubernetes = Field(default_factory=Kubernetes, description="namespace, Secrets, what pods may reach")
    aws: Aws | None = Field(default=None, description="Amazon EC2, for ray up")
    gcp: Gcp | None = Field(default=None, description="Google Compute Engine, for ray up")
    onprem: Onprem | None = Field(default=None, description="machines that are there, for ray up")
    _source: Source = PrivateAttr(default_factory=lambda: Source("cluster.yaml"))

    def errors(self, key: str, what: str, allowed: str) -> ConfigErrors:
        """What is wrong with the value of ``key`` (``"onprem.key"``) for what is being made of it, at its line."""
        path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
        return ConfigErrors([self._source.problem(path, what, allowed)])


def load(path: Path, overrides: Sequence[str] = ()) -> Cluster:
    """Reads and checks a file; ``overrides`` are ``key.key=value``, the value in YAML. Makes nothing.

    Raises:
        ConfigErrors: with everything that is wrong, each as ``file:line: key: what is wrong; what is allowed``.
    """
    source = read(path, overrides)
    try:
        cluster = Cluster.model_validate(source.data)
    except ValidationError as errors:
        raise ConfigErrors([_explained(source, error) for error in errors.errors(include_url=False)]) from None
    cluster._source = source
    return cluster


_KINDS = {
    "int_type": "a whole number is allowed",
    "string_type": "text is allowed (a number in quotes)",
    "bool_type": "true or false is allowed",
    "list_type": "a list is allowed",
    "model_type": "a mapping is allowed",
    "model_attributes_type": "a mapping is allowed",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "{} or more is allowed"),
    "less_than_equal": ("le", "at most {} is allowed"),
    "too_short": ("min_length", "at least {} values are allowed"),
}


def _explained(source: Source, error: ErrorDetails) -> Any:
    path: KeyPath = error["loc"]
    kind, context = error["type"], error.get("ctx", {})
    keys = _keys_at(path[:-1])
    if kind == "missing":
        return source.problem(path, "is missing", keys.get(str(path[-1]), ""))
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(path[-1]), list(keys), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return source.problem(path, "unknown key", f"{hint}known: {', '.join(keys)}")
    if kind == "config":
        return source.problem(path, context["what"], context["allowed"])
    what = f"is {shown(error['input'])}"
    if kind in _BOUNDS:
        bound, allowed = _BOUNDS[kind]
        return source.problem(path, what, allowed.format(context[bound]))
    return source.problem(path, what, _KINDS.get(kind, error["msg"]))


def _keys_at(path: KeyPath) -> Mapping[str, str]:
    """The keys that the mapping at ``path`` may have, with their descriptions."""
    model: type[BaseModel] | None = Cluster
    for part in path:
        if model is not None and isinstance(part, str):
            model = _model_in(model.model_fields[part].annotation) if part in model.model_fields else None
    fields = model.model_fields if model else {}
    return {name: field.description or "" for name, field in fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
