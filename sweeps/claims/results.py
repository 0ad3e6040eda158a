"""What has been run already: a file a chunk, written whole, so that a killed run goes on and several share the work."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.claims.claim import Cell, Claim, Curves, Played
from sweeps.records.store import Store

if TYPE_CHECKING:
    from torch import Tensor


class Missing(ValueError):
    """A cell of which nothing has been run."""


class Results:
    """The chunks below ``root``: ``CLAIM/CELL-HASH/FIRST-LAST.json``, the hash that of what is played and its setting.

    A changed setting has another hash, so nothing that was run under it is taken for what is asked; which commit made a
    chunk stands in it, and on the page.
    """

    def __init__(self, root: str) -> None:
        self._root, self._store = Path(root), Store(root)

    def done(self, claim: Claim, name: str) -> list[dict[str, Any]]:
        """The chunks of a cell, in order of their seeds."""
        place = folder(claim, name)
        files = [file for file in self._store.list(place) if file.endswith(".json")]
        chunks = [json.loads(self._store.get(f"{place}/{file}")) for file in files]
        return sorted(chunks, key=lambda chunk: chunk["curves"]["seeds"][0])

    def missing(self, claim: Claim, name: str, chunk: int) -> list[list[int]]:
        """The seeds not yet run, in chunks."""
        run = {seed for done in self.done(claim, name) for seed in done["curves"]["seeds"]}
        left = [seed for seed in range(claim.cells[name].seeds) if seed not in run]
        return [left[at : at + chunk] for at in range(0, len(left), chunk)]

    def has(self, claim: Claim, name: str, seeds: list[int]) -> bool:
        """Whether all of these seeds were run."""
        return set(seeds) <= {seed for done in self.done(claim, name) for seed in done["curves"]["seeds"]}

    def put(self, claim: Claim, name: str, played: Played, about: dict[str, Any]) -> None:
        """Keeps a chunk: pictures first, and then the curves, which commit it."""
        from safetensors.torch import save

        path = f"{folder(claim, name)}/{_span(played.curves.seeds)}"
        if played.film:
            frames = {str(step): frame.contiguous() for step, frame in played.film.items()}
            self._store.replace(f"{path}.safetensors", save(frames))
        content = {"curves": played.curves._asdict(), "setting": claim.cells[name].setting, **about}
        self._store.replace(f"{path}.json", json.dumps(content).encode())

    def curves(self, claim: Claim, name: str) -> Curves:
        """All that was run of a cell, as one.

        Raises:
            Missing: nothing was.
        """
        chunks = [Curves(**chunk["curves"]) for chunk in self.done(claim, name)]
        if not chunks:
            raise Missing(f"{claim.name}: nothing was run of {name}; run it without --as-is")
        return merged(chunks)

    def film(self, claim: Claim, name: str, seed: int) -> dict[int, Tensor]:
        """What ``seed`` generated, step -> [n, *shape]; empty where it was not filmed."""
        from safetensors.torch import load

        for chunk in self.done(claim, name):
            seeds = chunk["curves"]["seeds"]
            path = f"{folder(claim, name)}/{_span(seeds)}.safetensors"
            if seed in seeds and self._store.exists(path):
                frames = load(self._store.get(path))
                return {step: frames[str(step)][seeds.index(seed)] for step in sorted(map(int, frames))}
        return {}

    @contextmanager
    def taken(self, claim: Claim, name: str, seeds: list[int]) -> Iterator[bool]:
        """Whether this process may run these seeds; as long as it does, or lives, no other on this machine may."""
        place = self._root / folder(claim, name)
        place.mkdir(parents=True, exist_ok=True)
        with open(place / f".{seeds[0]:04d}.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def folder(claim: Claim, name: str) -> str:
    """Where a cell's chunks lie."""
    cell = claim.cells[name]
    return f"{claim.name}/{name}-{_hash(cell)}"


def merged(chunks: list[Curves]) -> Curves:
    """One from chunks of different seeds; a seed that is in two counts once."""
    first = chunks[0]
    seen: set[int] = set()
    fresh: list[tuple[Curves, list[int]]] = []
    for chunk in chunks:
        kept = [index for index, seed in enumerate(chunk.seeds) if seed not in seen]
        seen.update(chunk.seeds)
        fresh.append((chunk, kept))
    values = {
        name: [[chunk.values[name][t][i] for chunk, kept in fresh for i in kept] for t in range(len(first.steps))]
        for name in first.values
    }
    total = sum(len(kept) for _, kept in fresh)
    cost = [sum(chunk.cost[t] * len(kept) for chunk, kept in fresh) / total for t in range(len(first.steps))]
    return Curves([chunk.seeds[i] for chunk, kept in fresh for i in kept], first.steps, cost, values)


def _hash(cell: Cell) -> str:
    decides = {"play": f"{cell.play.__module__}:{cell.play.__qualname__}", "setting": cell.setting}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:10]


def _span(seeds: list[int]) -> str:
    return f"{seeds[0]:04d}-{seeds[-1]:04d}"
