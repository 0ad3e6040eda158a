"""KubeRay's published CRDs as a judge of manifests: their OpenAPI schemas, made strict about unknown fields.

What the API server does first is done first: nulls are dropped where a field takes none. CEL rules are not looked at.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

PLACES = (os.environ.get("CLUSTER_TEST_CRDS"), Path(__file__).parents[3] / "shared/data/kuberay")
FOLDER = next((Path(place) for place in PLACES if place and Path(place).is_dir()), None)

needed = pytest.mark.skipif(
    FOLDER is None, reason="KubeRay's CRDs are in no ../shared/data/kuberay, nor where CLUSTER_TEST_CRDS says"
)
KINDS = {"RayCluster": "ray.io_rayclusters.yaml", "RayJob": "ray.io_rayjobs.yaml"}


@functools.cache
def schema(kind: str) -> dict[str, Any]:
    """The schema of ``ray.io/v1``."""
    assert FOLDER is not None
    text = (FOLDER / KINDS[kind]).read_text(encoding="utf-8")
    crd = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # the safe one, in C
    version = next(version for version in crd["spec"]["versions"] if version["name"] == "v1")
    return strict(version["schema"]["openAPIV3Schema"])


def strict(node: Any) -> Any:
    """The schema, in which a mapping whose keys are listed has no others."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: strict(item) for key, item in node.items()}
    if isinstance(made.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return made


def problems(manifest: dict[str, Any]) -> list[str]:
    """What the CRD of its kind has against a manifest."""
    whole = schema(manifest["kind"])
    meta = {"properties": {**whole["properties"], "metadata": {"type": "object"}}}
    return against({**whole, **meta}, manifest)


def against(part: dict[str, Any], value: Any) -> list[str]:
    """What a part of a schema has against a value."""
    errors = Draft202012Validator(part).iter_errors(_without_nulls(value))
    return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def pod_template() -> dict[str, Any]:
    """The schema of any pod template, as the CRD of a cluster has it."""
    group = schema("RayCluster")["properties"]["spec"]["properties"]["headGroupSpec"]["properties"]
    template: dict[str, Any] = group["template"]
    template["properties"]["metadata"] = {"type": "object"}  # any, in the CRD
    return template


def network_rules(direction: str) -> dict[str, Any]:
    """The schema of a network policy's rules, ``ingress`` or ``egress``."""
    policy = schema("RayCluster")["properties"]["spec"]["properties"]["networkPolicy"]["properties"]
    rules: dict[str, Any] = policy["head"]["properties"][f"{direction}Rules"]
    return rules
