"""Manifests: the proof that a report happened, and JSON in one canonical form."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Manifest(NamedTuple):
    """The proof of one report. ``files``: path below the attempt's folder -> SHA-256."""

    step: int
    attempt: int
    best: bool
    files: dict[str, str]


def sha256(data: bytes) -> str:
    """The checksum of an object, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def encode(value: Mapping[str, Any], what: str) -> bytes:
    """JSON with sorted keys; ``ValueError`` naming the place in ``what`` of a number that is not finite."""
    wrong = next(_not_finite(value, ""), None)
    if wrong is not None:
        raise ValueError(f"{what}: {wrong}; every number must be finite")
    return json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _not_finite(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{path} is {value}"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _not_finite(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _not_finite(item, f"{path}[{index}]")


def seal(manifest: Manifest) -> bytes:
    """The manifest as JSON with a checksum of its own, so that a flipped bit in it does not go unseen."""
    body = encode(manifest._asdict(), "manifest")
    return encode({**manifest._asdict(), "sha256": sha256(body)}, "manifest")


def opened(data: bytes) -> Manifest | None:
    """What `seal` sealed; None for bytes that are anything else, even by one bit."""
    try:
        fields = json.loads(data)
        manifest = Manifest(**{name: fields[name] for name in Manifest._fields})
    except (ValueError, KeyError, TypeError):
        return None
    return manifest if seal(manifest) == data else None
