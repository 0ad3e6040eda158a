"""A spec over the one that it extends: mappings are merged key by key, anything else replaces what was there."""

from __future__ import annotations

from typing import Any

from sweeps.spec.source import KeyPath, Source


def over(base: Source, own: Source) -> Source:
    """``own``, and of ``base`` what it leaves as it is. ``key: null`` removes an inherited key."""
    lost: set[KeyPath] = set()
    data = _merged(base.data, own.data, (), lost)
    kept = {path: place for path, place in base.where.items() if path not in own.where and not _any_above(path, lost)}
    return Source(
        file=own.file,
        text=own.text,
        data=data,
        where={**own.where, **kept},
        origin={path: base.origin.get(path, base.file) for path in kept},
        problems=base.problems + own.problems,
        settled=base.settled | own.settled,
    )


def _merged(base: dict[str, Any], own: dict[str, Any], path: KeyPath, lost: set[KeyPath]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        here = (*path, key)
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = _merged(base[key], value, here, lost)
            continue
        lost.add(here)
        if value is None and key in base:
            del merged[key]
        else:
            merged[key] = value
    return merged


def _any_above(path: KeyPath, lost: set[KeyPath]) -> bool:
    return any(path[:length] in lost for length in range(1, len(path) + 1))
