"""Pydantic's errors in a spec's words: the key where the text has it, what is wrong there, what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from minmax.registry import did_you_mean
from sweeps.spec.source import KeyPath, Source, shown

_KINDS = {
    "int_type": "a whole number is allowed",
    "int_from_float": "a whole number is allowed",
    "float_type": "a number is allowed",
    "string_type": "text is allowed (a number in quotes)",
    "bool_type": "true or false is allowed",
    "list_type": "a list is allowed",
    "dict_type": "a mapping is allowed",
    "model_type": "a mapping is allowed",
    "finite_number": "a finite number is allowed",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "{} or more is allowed"),
    "greater_than": ("gt", "more than {} is allowed"),
    "less_than_equal": ("le", "at most {} is allowed"),
    "less_than": ("lt", "less than {} is allowed"),
    "too_short": ("min_length", "at least {} values are allowed"),
    "too_long": ("max_length", "at most {} values are allowed"),
    "string_too_short": ("min_length", "at least {} character is allowed"),
}


def explain(source: Source, errors: ValidationError, model: type[BaseModel] | None, above: KeyPath = ()) -> None:
    """Reports in ``source`` each error of validating what stands at ``above``, by ``model`` if it was one."""
    for error in errors.errors(include_url=False):
        path = above + tuple(part for part in error["loc"] if not str(part).startswith("<"))  # a union's tag
        kind = error["type"]
        if kind == "missing":
            source.report(path, "is missing", _described(model, path[len(above) :]), missing=True)
        elif kind == "extra_forbidden":
            known = _keys(_model_at(model, path[len(above) : -1]))
            given = str(path[-1])
            source.report(path, "unknown key", f"{did_you_mean(given, known)}known: {', '.join(known)}", of_key=True)
        elif kind != "default_factory_not_called":  # a default that depends on something already reported
            source.report(path, *_value(error))


def _value(error: ErrorDetails) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "spec":
        return context["what"], context["allowed"]
    what = f"is {shown(error['input'])}"
    if kind in _BOUNDS:
        bound, allowed = _BOUNDS[kind]
        return what, allowed.format(f"{context[bound]:,}".removesuffix(".0"))
    return what, _KINDS.get(kind, error["msg"])


def _keys(model: type[BaseModel] | None) -> dict[str, str]:
    """A model's keys as the text has them, with their descriptions."""
    fields: Mapping[str, Any] = model.model_fields if model else {}
    return {field.alias or name: field.description or "" for name, field in fields.items()}


def _described(model: type[BaseModel] | None, path: KeyPath) -> str:
    return _keys(_model_at(model, path[:-1])).get(str(path[-1]), "")


def _model_at(model: type[BaseModel] | None, path: KeyPath) -> type[BaseModel] | None:
    """The model that says which keys there are at ``path``; the keys and indices of collections lead nowhere."""
    for part in path:
        fields = {field.alias or name: field for name, field in model.model_fields.items()} if model else {}
        if part in fields:
            model = _model_in(fields[str(part)].annotation)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
