"""The records: what every trial did, a folder a trial, and the rule that says which reports happened.

An attempt's report is several objects, written in this order: samples, history, checkpoint files and last
``manifest.json`` with the SHA-256 of each. **A report without a valid manifest did not happen**: whatever kills the
writer, a reader sees whole reports only. An attempt writes under its own number, so two writers of one trial (a killed
driver's orphan, and the attempt that replaced it) never write to one place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sweeps.records.manifest import Manifest, encode, opened, seal, sha256
from sweeps.records.store import RecordExists, Store
from sweeps.search.trials import Trial
from sweeps.spec.redact import redacted

MANIFEST = "manifest.json"
KEPT = 2  # good checkpoints that stay, beside the best one: the second is for when the last one is damaged


class BrokenRecord(ValueError):
    """Recorded bytes that are whole but not what they must be."""


class Report(NamedTuple):
    """One report of a trial at a nominal ``step`` (field units). Lists have one entry a member; ``diagnoses`` are what
    became of them so far. ``system``: what the worker took of its machine."""

    step: int
    optimizer_steps: int
    cost: float
    time_ms: int
    seconds: float
    metrics: dict[str, list[float]]
    values: dict[str, float]
    diverged: list[int | None]
    diagnoses: list[str]
    system: dict[str, float] = {}  # noqa: RUF012  # nobody changes a report


class Checkpoint(NamedTuple):
    """A checkpoint whose checksums agreed when it was read."""

    step: int
    attempt: int
    contents: dict[str, bytes]

    def files(self) -> dict[str, bytes]:
        """File's name (``state.safetensors``, ``state.json``) -> its verified bytes."""
        return dict(self.contents)


class Attempt:
    """One attempt at a trial: the reports it committed, and the place where it commits more."""

    def __init__(self, store: Store, trial: str, number: int) -> None:
        self.number = number
        self._store = store
        self._trial = trial
        self._folder = f"{trial}/attempt-{number}"
        self._committed: dict[int, tuple[Report, str | None]] = {}  # immutable on disk, so read once
        self._written: set[int] | None = None  # steps that this attempt committed: looked up once, then known
        self._held: list[_Held] | None = None

    def commit(self, step: int, report: Mapping[str, Any], state: Mapping[str, bytes], samples: bytes | None,
               best: bool) -> None:  # fmt: skip
        """Records one report durably, the manifest last, and prunes checkpoint files that are no longer needed.

        Args:
            report: the fields of `Report`; every number finite.
            state: file's name -> bytes of the checkpoint.
            samples: a PNG, or None where the game has no pictures.
            best: whether this is the trial's best report so far; its checkpoint stays until a better one.

        Raises:
            RecordExists: this attempt has committed that step already.
            ValueError: the report lacks a field, has an unknown one, or holds a number that is not finite.
        """
        name = _name(step)
        if self._written is None:
            self._written = {each for each in self.steps() if self.manifest(each) is not None}
        if step in self._written:
            raise RecordExists(f"{self._folder} in {redacted(self._store.root)} has committed step {step} already")
        files = {} if samples is None else {f"samples/{name}.png": samples}
        files[f"history/{name}.json"] = encode(_checked(step, report)._asdict(), f"report at step {step}")
        files |= {f"checkpoint/{name}/{file}": data for file, data in state.items()}
        manifest = Manifest(step, self.number, best, {path: sha256(data) for path, data in files.items()})
        files[f"checkpoint/{name}/{MANIFEST}"] = seal(manifest)
        self._store.put_all({f"{self._folder}/{path}": data for path, data in files.items()})
        self._written.add(step)
        self._prune(_Held(step, self.number, best, True, tuple(state)))

    def steps(self) -> list[int]:
        """Steps with a checkpoint folder, committed or torn."""
        return sorted(int(name) for name in self._store.list(f"{self._folder}/checkpoint") if name.isdecimal())

    def manifest(self, step: int) -> Manifest | None:
        """The manifest of ``step``; None where it is missing or damaged."""
        data = self._read(f"checkpoint/{_name(step)}/{MANIFEST}")
        manifest = None if data is None else opened(data)
        return manifest if manifest is not None and manifest[:2] == (step, self.number) else None

    def reports(self) -> Iterator[tuple[Report, str | None]]:
        """Committed reports by step, each with its samples' path in the store (None: no intact picture)."""
        for step in self.steps():
            if step not in self._committed:
                committed = self._load(step)
                if committed is None:
                    continue
                self._committed[step] = committed
            yield self._committed[step]

    def checkpoint(self, step: int) -> Checkpoint | None:
        """The checkpoint of ``step``; None where it is torn, damaged or pruned.

        Also where its report is damaged: a trial that went on from here would never make that one again.
        """
        manifest = self.manifest(step)
        if manifest is None or self._verified(f"history/{_name(step)}.json", manifest) is None:
            return None
        contents = {}
        for path in manifest.files:
            folder, _, file = path.rpartition("/")
            if folder == f"checkpoint/{_name(step)}":
                data = self._verified(path, manifest)
                if data is None:
                    return None
                contents[file] = data
        return Checkpoint(step, self.number, contents) if contents else None

    def _load(self, step: int) -> tuple[Report, str | None] | None:
        manifest = self.manifest(step)
        if manifest is None:
            return None
        data = self._verified(f"history/{_name(step)}.json", manifest)
        if data is None:
            return None
        samples = f"samples/{_name(step)}.png"
        intact = samples in manifest.files and self._verified(samples, manifest) is not None
        return _checked(step, json.loads(data)), f"{self._folder}/{samples}" if intact else None

    def _verified(self, path: str, manifest: Manifest) -> bytes | None:
        data = self._read(path)
        return data if data is not None and sha256(data) == manifest.files.get(path) else None

    def _read(self, path: str) -> bytes | None:
        try:
            return self._store.get(f"{self._folder}/{path}")
        except FileNotFoundError:
            return None

    def _prune(self, written: _Held) -> None:
        """Deletes checkpoint files, of this attempt and the ones before it, beside the last good two and the best.

        The manifests stay: they prove that the reports happened. A later attempt's files are not this one's to touch.
        """
        if self._held is None:
            self._held = [held for number in range(1, self.number + 1) for held in self._find(number)]
        found = {each[:2]: each for each in [*self._held, written]}
        held = [found[at] for at in sorted(found, reverse=True)]
        best = max((each for each in held if each.best), key=lambda each: each.attempt, default=None)
        keep = {written, best}
        good = 0
        for each in held:
            if good < KEPT and self._is_good(each):
                good += 1
                keep.add(each)
        for each in held:
            if each not in keep:
                self._drop(each)
        self._held = [each._replace(good=each.good or each in keep) for each in held if each in keep]

    def _is_good(self, held: _Held) -> bool:
        return held.good or Attempt(self._store, self._trial, held.attempt).checkpoint(held.step) is not None

    def _find(self, number: int) -> Iterator[_Held]:
        """Steps of attempt ``number`` that have checkpoint files."""
        attempt = Attempt(self._store, self._trial, number)
        for step in attempt.steps():
            folder = f"{attempt._folder}/checkpoint/{_name(step)}"
            files = tuple(name for name in self._store.list(folder) if name != MANIFEST)
            if files:
                manifest = attempt.manifest(step)
                yield _Held(step, number, manifest is not None and manifest.best, False, files)

    def _drop(self, held: _Held) -> None:
        folder = f"{self._trial}/attempt-{held.attempt}/checkpoint/{_name(held.step)}"
        for name in held.files:
            self._store.delete(f"{folder}/{name}")


class _Held(NamedTuple):
    """A checkpoint with files on disk; ``good``: known to verify."""

    step: int
    attempt: int
    best: bool
    good: bool
    files: tuple[str, ...]


class TrialRecord:
    """All that is recorded of the trial ``key`` (``arm/search-0003``) below the sweep's store."""

    def __init__(self, store: Store, key: str) -> None:
        self.key = key
        self._store = store
        self._folder = f"trials/{key}"
        self._attempts: dict[int, Attempt] = {}

    def write_begin(self, trial: Trial, config: Mapping[str, Any]) -> None:
        """Records what the trial is, and at which an attempt begins; the same again is accepted.

        Raises:
            RecordExists: it was something else before.
        """
        begin = f"{self._folder}/attempt-{trial.attempt}/begin.json"
        told = {f"{self._folder}/config.json": encode(config, f"config of {self.key}"),
                begin: encode(trial._asdict(), self.key)}  # fmt: skip
        self._store.put_all(told)

    def write_end(self, trial: Trial) -> None:
        """Records how the trial ended with this attempt; the same again is accepted."""
        self._store.put(f"{self._folder}/attempt-{trial.attempt}/end.json", encode(trial._asdict(), self.key))

    def trial(self) -> Trial | None:
        """The trial as its last attempt says that it is; None where none began."""
        for number in reversed(self.attempts()):
            for told in ("end", "begin"):
                try:
                    data = self._store.get(f"{self._folder}/attempt-{number}/{told}.json")
                except FileNotFoundError:
                    continue
                return Trial.from_json(json.loads(data))
        return None

    def config(self) -> dict[str, Any]:
        """What the trial is; ``FileNotFoundError`` where it never started."""
        data = json.loads(self._store.get(f"{self._folder}/config.json"))
        if not isinstance(data, dict):
            raise BrokenRecord(f"{self._folder}/config.json in {redacted(self._store.root)} is not an object")
        return data

    def attempts(self) -> list[int]:
        """Numbers of the attempts that wrote something."""
        names = (
            name.removeprefix("attempt-") for name in self._store.list(self._folder) if name.startswith("attempt-")
        )
        return sorted(int(name) for name in names if name.isdecimal())

    def attempt(self, number: int) -> Attempt:
        """Attempt ``number``, counted from 1, which need not have written yet."""
        if number < 1:
            raise ValueError(f"attempt {number} of {self.key}: attempts are counted from 1")
        return self._attempts.setdefault(number, Attempt(self._store, self._folder, number))

    def history(self) -> list[Report]:
        """Committed reports of all attempts by step; of a step in several attempts the one committed first."""
        return [report for report, _ in self._merged()]

    def samples(self) -> dict[int, str]:
        """Step -> path in the store of the intact picture of that step's report."""
        return {report.step: path for report, path in self._merged() if path is not None}

    def best_checkpoint(self) -> Checkpoint | None:
        """The checkpoint of the best report, if it is intact; None where it is not."""
        for step, number in self._newest_first():
            manifest = self.attempt(number).manifest(step)
            if manifest is not None and manifest.best:
                return self.attempt(number).checkpoint(step)
        return None

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint, by step and then attempt, that is intact; None where there is none."""
        found = (self.attempt(number).checkpoint(step) for step, number in self._newest_first())
        return next((checkpoint for checkpoint in found if checkpoint is not None), None)

    def _newest_first(self) -> list[tuple[int, int]]:
        """Step and attempt of every checkpoint folder."""
        steps = [(step, number) for number in self.attempts() for step in self.attempt(number).steps()]
        return sorted(steps, reverse=True)

    def _merged(self) -> list[tuple[Report, str | None]]:
        first: dict[int, tuple[Report, str | None]] = {}
        for number in self.attempts():
            for committed in self.attempt(number).reports():
                report = committed[0]
                if report.step not in first or report.time_ms < first[report.step][0].time_ms:
                    first[report.step] = committed
        return [first[step] for step in sorted(first)]


def _name(step: int) -> str:
    return f"{step:06d}"


def _checked(step: int, report: Mapping[str, Any]) -> Report:
    wrong = (set(Report._fields) ^ set(report)) - set(Report._field_defaults)
    if wrong or report["step"] != step:
        found = f"its fields differ from these in {sorted(wrong)}" if wrong else f"its step is {report['step']}"
        raise ValueError(f"report at step {step}: {found}; allowed are {', '.join(Report._fields)}, and that step")
    return Report(**report)
