"""The spec's JSON Schema (draft 2020-12), made from its models: what an editor needs to complete and check keys.

It knows names, types, bounds and which keys exclude each other. What values must agree on is for ``sweeps check``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from minmax.registry import Registry
from sweeps.search import pruners, samplers
from sweeps.spec import armchecks, checks, values
from sweeps.spec.armspec import Entry
from sweeps.spec.gamespec import GanGame, Named, OtherGame
from sweeps.spec.mapspec import ALONE
from sweeps.spec.searchspec import Objective
from sweeps.spec.sweep import Map, Sweep

CONTEXT = {"net": checks.NET_CONTEXT, "sampler": samplers.CONTEXT, "pruner": pruners.CONTEXT}
"""Kind of a registry -> what its builders are given beside options."""

OWN = r"^[^:\s]+:[^:\s]+$"
REFERENCE = r"\$\{env:"
CHANGES = "ChangesTo"
"""Before the name of what a spec that extends another may say: any part, and null for what goes."""

TEXTS = {values.plain_name: rf"^{values.PLAIN_NAME}$|{REFERENCE}", values.measure: rf"^[a-z0-9]+\..+|{REFERENCE}"}


def schema() -> dict[str, Any]:
    """The schema of a whole spec (of a map, where it has one), or, where it extends another, of what it changes."""
    _, made = models_json_schema([(Sweep, "validation"), (Map, "validation")], schema_generator=_Schema)
    parts: dict[str, Any] = made["$defs"]
    for whole in ("Sweep", "Map"):
        keys = parts[whole]["properties"]
        keys["space"]["properties"] = {name: {"$ref": "#/$defs/Entry"} for name in sorted(armchecks.every_hyper())}
        parts[whole]["properties"] = {"extends": _EXTENDS, **keys}
    parts["Map"]["properties"] |= {key: {"type": "null", "description": "of a search alone"} for key in ALONE}
    given = {"required": ["map"], "properties": {"map": {"not": {"type": "null"}}}}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "A sweep",
        "description": "Which optimizer, with which settings, makes an adversarial game converge?",
        "if": {"required": ["extends"]},
        "then": {"$ref": f"#/$defs/{CHANGES}Sweep"},
        "else": {"if": given, "then": {"$ref": "#/$defs/Map"}, "else": {"$ref": "#/$defs/Sweep"}},
        "$defs": {**parts, **{f"{CHANGES}{name}": _changes(part) for name, part in parts.items()}},
    }


_EXTENDS = {"type": "string", "minLength": 1, "description": "another spec, relative to this file, that this changes"}


class _Schema(GenerateJsonSchema):
    """Pydantic's, with the names there are, and with the short forms of what has one."""

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        made, check = super().function_after_schema(schema), schema["function"]["function"]
        if isinstance(check, values.Registered):
            return {**made, "anyOf": [{"enum": sorted(check.registry)}, {"pattern": OWN}, {"pattern": REFERENCE}]}
        return {**made, "pattern": TEXTS[check]} if check in TEXTS else made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made, model = super().model_schema(schema), schema["cls"]
        if issubclass(model, Named):
            made["properties"] |= {key: text for key, text in _options(model) if key not in made["properties"]}
        return _shaped(model, made)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        made = super().tagged_union_schema(schema)
        return {"anyOf": made["oneOf"]}  # its kinds are told apart by more than a schema can say

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        for pattern, item in made.pop("patternProperties", {}).items():  # which would let other keys pass
            made |= {"propertyNames": {"pattern": pattern}, "additionalProperties": item}
        return made

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if (key, value) != ("default", None)}


def _shaped(model: type[BaseModel], made: JsonSchemaValue) -> JsonSchemaValue:
    """What the validators of a model itself take."""
    if issubclass(model, Named):
        name = made["properties"]["name"]
        if model is OtherGame:
            name["not"] = {"const": "gan"}
        return {"anyOf": [name, made]}
    if model is GanGame:
        made["properties"]["name"]["const"] = "gan"
    if model in (Entry, Objective):
        kinds = [key for key in made["properties"] if key != "when"]
        said = {"not": {"type": "null"}}
        made["oneOf"] = [{"required": [kind], "properties": {kind: said}} for kind in kinds]
    return {"anyOf": [{"type": "number"}, made]} if model is Entry else made


def _options(model: type[Named]) -> Iterator[tuple[str, dict[str, str]]]:
    """The options of all that may be named, and of whom each is one."""
    field = next(field for key, field in model.model_fields.items() if "name" in (key, field.alias))
    registry = next(
        check.func.registry for check in field.metadata if isinstance(getattr(check, "func", None), values.Registered)
    )
    of: dict[str, list[str]] = {}
    for name in registry:
        for option in _taken(registry, name):
            of.setdefault(option, []).append(name)
    yield from ((option, {"description": f"an option of {', '.join(names)}"}) for option, names in of.items())


def _taken(registry: Registry, name: str) -> list[str]:
    parameters = inspect.signature(registry[name]).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            and p.name not in CONTEXT.get(registry.kind, ())]  # fmt: skip


def _changes(part: Any) -> Any:
    """A part of the schema as it is for a spec that extends another: nothing is needed, and null takes a key away."""
    if isinstance(part, list):
        return [_changes(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {
        key: _changes(value) for key, value in part.items() if key not in ("required", "oneOf", "properties", "items")
    }
    if "$ref" in part:
        made["$ref"] = part["$ref"].replace("#/$defs/", f"#/$defs/{CHANGES}")
    if "items" in part:
        made["items"] = part["items"]  # a list replaces the one before, so its items are whole
    if "properties" in part:
        made["properties"] = {key: _or_null(value) for key, value in part["properties"].items()}
    if isinstance(part.get("additionalProperties"), dict):
        made["additionalProperties"] = _or_null(part["additionalProperties"])
    return made


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    said = {key: part[key] for key in ("description",) if key in part}
    return {**said, "anyOf": [_changes(part), {"type": "null"}]}
