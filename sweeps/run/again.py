"""A trial trained again from its recorded config, somewhere else, and compared with what it recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from minmax.lazy import torch
from sweeps.records.record import Report, TrialRecord
from sweeps.run.patience import Waiting
from sweeps.run.trial import Config, run, threads_for
from sweeps.show.wording import number

if TYPE_CHECKING:
    from sweeps.records.store import Store

OTHERS = {"time_ms", "seconds", "system"}  # fields of a report about the machine, which no two runs share
STATE = "state.safetensors"


class Difference(NamedTuple):
    """Where two runs first differ: ``what`` at ``step``, what was recorded and what came out now."""

    step: int
    what: str
    recorded: Any
    now: Any

    def __str__(self) -> str:
        both = self.recorded, self.now
        gap = ""
        if all(isinstance(value, float) for value in both):
            gap = f" (by {number(abs(self.recorded - self.now))})"
        return f"at step {self.step} {self.what}: recorded {self.recorded!r}, now {self.now!r}{gap}"


def rerun(record: TrialRecord, into: Store, cpu: float) -> Iterator[tuple[Report, Difference | None]]:
    """Trains the trial of ``record`` again, from its beginning, as attempt 1 of the record below ``into``; each report
    that was recorded, with where it first differs: in a metric, or in the state of the training, to the last bit.

    Raises:
        FileNotFoundError: it never started.
        ValueError: what it needs does not exist any more, or ``into`` has a record of it.
    """
    torch.set_num_threads(threads_for(cpu))  # as then: the same rounding
    config = Config.from_json(record.config())
    known, states = {report.step: report for report in record.history()}, _states(record)
    again = TrialRecord(into, record.key)
    if again.attempts():
        raise ValueError(f"{into.root}: {record.key} was trained into it already; a folder without it is allowed")
    training = run(config, into, 1, _chunk(record))
    while known:
        said = next(training)
        if isinstance(said, Waiting):
            raise OSError(f"{into.root}: {said.reason}")
        report = next(report for report in again.history() if report.step == said.step)
        recorded = known.pop(said.step, None)
        if recorded is not None:
            now = _states(again)[report.step]
            yield report, first_difference(recorded, report) or _of_states(report.step, states.get(report.step), now)


def first_difference(recorded: Report, now: Report) -> Difference | None:
    """The first field, in the order of a report's own, that is not the same number."""
    pairs = zip_longest(_flat(_trained(recorded)), _flat(_trained(now)), fillvalue=("nothing more", None))
    for (what, before), (other, after) in pairs:
        if what != other:
            return Difference(recorded.step, "what is reported", what, other)
        if before != after:
            return Difference(recorded.step, what, before, after)
    return None


def _trained(report: Report) -> dict[str, Any]:
    return {name: value for name, value in report._asdict().items() if name not in OTHERS}


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", each) for inner, each in _flat(value))
        elif isinstance(value, list | tuple):
            yield from ((f"{name}[{index}]", each) for index, each in enumerate(value))
        else:
            yield name, value


def _of_states(step: int, recorded: str | None, now: str) -> Difference | None:
    if recorded is None or recorded == now:
        return None
    return Difference(step, "the state of the training (SHA-256)", recorded[:12], now[:12])


def _chunk(record: TrialRecord) -> int | None:
    """How many members it trained at once: that decides how sums round."""
    last = record.last_checkpoint()
    return None if last is None else json.loads(last.files()["state.json"]).get("chunk")


def _states(record: TrialRecord) -> dict[int, str]:
    """Step -> checksum of the checkpoint there; manifests outlive the checkpoints themselves."""
    found: dict[int, str] = {}
    for attempt in map(record.attempt, record.attempts()):
        for step in attempt.steps():
            manifest = attempt.manifest(step)
            sums = {} if manifest is None else manifest.files
            found.update((step, sums[path]) for path in sums if path.endswith(f"/{STATE}") and step not in found)
    return found
