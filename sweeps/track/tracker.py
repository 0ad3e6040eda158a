"""MLflow, kept in step with the records by reconciling.

A pass compares what each trial's run has with what its record holds and logs what is missing, with the recorded steps
and times. So it may be killed anywhere and repeated any number of times, MLflow may be down for an hour, and a run that
is rebuilt from nothing equals one that was followed live. A run is created with its identity (tags ``sweep`` and
``key``) in one call; should two processes create one each, the later one is deleted by the next that looks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sweeps.records.record import TrialRecord
from sweeps.records.store import Store
from sweeps.search.trials import RUNNING, Trial
from sweeps.spec.redact import redacted
from sweeps.track.background import Background
from sweeps.track.connection import IDENTITY, KIND, connect
from sweeps.track.describe import NOTE, Description
from sweeps.track.ledger import Ledger, Run
from sweeps.track.reconcile import SUMMARY, Counts, Follower, Summary, create, is_complete, write_summary


class Tracker:
    """Follows one sweep into one MLflow experiment.

    Args:
        store: the sweep's records.
        sweep_name: the experiment's name, and every run's tag ``sweep``.
        tracking_uri: where MLflow is, see `connection.local_tracking`.
        artifact_root: where the artifacts of a new experiment go; None leaves that to the server.
        trials: what trials there are; called from the tracker's thread.
        describe: what to show of a trial beside what it says itself; called from the tracker's thread.
        note: what was swept, in Markdown, shown above the experiment's runs.
        identity: what tells this sweep from another of the same name, which gets an experiment of its own.
        views: tags that the experiment gets where it has none of the name, see `views`: a person may have changed them.
        every: seconds between passes.
        note_runs: told the experiment and each trial's run, once there are new ones.
        fresh: what the summary run is to show while the sweep runs; None as long as it shows that.
    """

    def __init__(
        self,
        store: Store,
        sweep_name: str,
        tracking_uri: str,
        artifact_root: str | None,
        trials: Callable[[], list[Trial]],
        describe: Callable[[Trial], Description],
        note: str = "",
        identity: str = "",
        every: float = 2.0,
        views: Mapping[str, str] = MappingProxyType({}),
        note_runs: Callable[[str, Mapping[str, str]], None] | None = None,
        fresh: Callable[[], Summary | None] | None = None,
    ) -> None:
        self._store = store
        self._sweep = sweep_name
        self._uri = tracking_uri
        self._artifacts = None if artifact_root is None else f"{artifact_root.rstrip('/')}/{sweep_name}"
        self._trials = trials
        self._describe = describe
        self._about = {NOTE: note, IDENTITY: identity, **dict([KIND])}
        self._views = views
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._runs: dict[str, Run] | None = None  # by key, from the last search
        self._followers: dict[str, Follower] = {}
        self._settled: dict[str, tuple[int, str]] = {}  # key -> attempt and state that need no further look
        self._records: dict[str, TrialRecord] = {}
        self._summary: Summary | None = None
        self._note, self._noted, self._fresh = note_runs, dict[str, str](), fresh
        self._background = Background(self.reconcile, every)

    @property
    def error(self) -> str | None:
        """Why the last pass of `start` or `stop` failed, in one line; None when MLflow is in step."""
        error = self._background.error
        return None if error is None else redacted(f"{type(error).__name__}: {error}".splitlines()[0])

    def start(self) -> None:
        """Reconciles every few seconds on a daemon thread, from now on."""
        self._background.start()

    def stop(self, final: bool = True) -> None:
        """Ends the thread, and with ``final`` makes a last pass. Never raises; see `error`."""
        self._background.stop(final)

    def summary(self, summary: Summary) -> None:
        """Sets what the summary run shows; the next pass writes it, in place of what was there."""
        self._summary = summary

    def reconcile(self, full: bool = False) -> Counts:
        """One pass. ``full`` compares every run again, also those that are known, or say, to be complete.

        Raises:
            TrackingError: the experiment was deleted.
            MlflowException, OSError: MLflow or the records failed; what could be done is done, the next pass goes on.
        """
        with self._lock:
            if full:
                self._forget(*self._followers, *self._settled)
            self._ledger = ledger = self._ledger or self._connected()
            (runs, counts), failed = self._found(ledger), []
            for trial in self._trials():
                try:
                    counts = counts.plus(self._follow(ledger, trial, runs.get(trial.key), full))
                except Exception as error:
                    self._forget(trial.key)
                    self._ledger = None
                    next(ledger.runs(self._sweep), None)  # raises while MLflow is down: no use in going on then
                    failed.append(error)
            self._note_runs(ledger)
            self._summary = self._summary or (self._fresh and self._fresh())
            self._write_summary(ledger)
            if failed:
                raise failed[0]
            return counts

    def _connected(self) -> Ledger:
        return connect(self._uri, self._sweep, self._artifacts, self._about, self._views)

    def _forget(self, *keys: str) -> None:
        """Looks at these runs afresh in the next pass: what they have is not certain."""
        self._runs = None
        for key in keys:
            self._followers.pop(key, None)
            self._settled.pop(key, None)

    def _found(self, ledger: Ledger) -> tuple[dict[str, Run], Counts]:
        """Runs by key, searched for once: only this process makes more. Of two runs of one key the older stays."""
        if self._runs is not None:
            return self._runs, Counts()
        found: dict[str, Run] = {}
        merged = 0
        for run in sorted(ledger.runs(self._sweep), key=lambda run: (run.start, run.run_id)):
            if found.setdefault(run.tags.get("key", run.run_id), run) is not run:
                ledger.delete(run.run_id)
                merged += 1
        self._runs = found
        return found, Counts(merged=merged)

    def _follow(self, ledger: Ledger, trial: Trial, run: Run | None, full: bool) -> Counts:
        told = (trial.attempt, trial.state)
        if trial.attempt < 1 or self._settled.get(trial.key) == told:
            return Counts()
        follower, created = self._followers.get(trial.key), 0
        if follower is None and run is not None and not full and is_complete(run, trial):
            self._settled[trial.key] = told
            return Counts()
        record = self._records.setdefault(trial.key, TrialRecord(self._store, trial.key))
        description = self._describe(trial)
        if follower is None:
            if run is None and description.began is None and trial.state == RUNNING and not record.history():
                return Counts()  # its first report says when it began, and a run's start can't be changed
            if run is None:
                run, created = create(ledger, self._sweep, trial, record, description), 1
            follower = self._followers[trial.key] = Follower(ledger, run, full)
        counts = follower.follow(self._sweep, trial, self._store, record, description)
        if trial.state != RUNNING:
            self._settled[trial.key] = told
            del self._records[trial.key]
        return counts._replace(runs=created)

    def _note_runs(self, ledger: Ledger) -> None:
        """Tells whoever keeps it where each trial's run is, once there are new ones."""
        known = {key: run.run_id for key, run in (self._runs or {}).items() if key != SUMMARY}
        known |= {key: follower.run_id for key, follower in self._followers.items()}
        if self._note and known and known != self._noted:
            self._note(ledger.experiment, known)
            self._noted = known

    def _write_summary(self, ledger: Ledger) -> None:
        summary = self._summary
        if summary is not None:
            run = next((run for run in ledger.runs(self._sweep) if run.tags.get("key") == SUMMARY), None)
            write_summary(ledger, self._sweep, run, summary)
            if self._summary is summary:  # else another was set meanwhile: the next pass's
                self._summary = None
