"""Exit codes, and which error ends in which: by name, so that none of them is imported before it is raised."""

from __future__ import annotations

FAILED, BAD_SPEC, UNFORESEEN, TAKEN, CHANGED, INTERRUPTED = 1, 2, 70, 73, 78, 130

CODES = {
    "builtins.OSError": FAILED,
    "sweeps.records.changed.Changed": CHANGED,
    "sweeps.claims.reproduce.NotReady": FAILED,
    "sweeps.claims.reproduce.UnknownClaim": BAD_SPEC,
    "sweeps.claims.results.Missing": FAILED,
    "sweeps.claims.show.NoPage": BAD_SPEC,
    "sweeps.claims.work.WorkFailed": FAILED,
    "sweeps.submit.following.NoDriver": FAILED,
    "sweeps.submit.jobs.NoCluster": FAILED,
    "sweeps.submit.pack.TooLarge": FAILED,
    "sweeps.spec.environment.Unset": BAD_SPEC,
    "sweeps.show.draw.NoSamples": FAILED,
    "sweeps.show.paper.files.NothingToPrint": FAILED,
    "sweeps.fetch.NotFetched": FAILED,
    "sweeps.records.folder.NoExtension": BAD_SPEC,
    "sweeps.records.folder.NoSweep": FAILED,
    "sweeps.records.folder.SweepExists": TAKEN,
    "sweeps.run.driver.BrokenOff": FAILED,
    "sweeps.run.joining.NoCluster": FAILED,
    "sweeps.run.nodes.NodesDiffer": FAILED,
    "sweeps.run.owner.Owned": TAKEN,
    "sweeps.run.pick.NoTrial": FAILED,
    "sweeps.run.service.NoRoom": FAILED,
}


def code_of(error: BaseException) -> int | None:
    """The exit code of an error that a user can do something about; None of one that nobody foresaw.

    >>> code_of(PermissionError()), code_of(KeyError())
    (1, None)
    """
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((CODES[name] for name in names if name in CODES), None)
