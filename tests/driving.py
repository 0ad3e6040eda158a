"""Drivers for the tests that kill them: processes that run the command line and SIGKILL themselves at a given moment.

Nothing is replaced: a moment is a call of the service's own, before or after which the process is gone. As a script it
runs one command; ``Drivers`` keeps a process with all imports done, which forks a real driver for each command.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from sweeps import cli
from sweeps.records.folder import Folder
from sweeps.records.record import Attempt
from sweeps.records.store import Store
from sweeps.search.trials import CONFIRM

ROOT = Path(__file__).parents[1]
CHILDREN, COMMITS, OUTPUT = "children.json", "commits", "output.txt"  # what a driver leaves in its working directory
KILLED = -signal.SIGKILL
SLOW = (
    "torch",
    "mlflow.store.tracking.sqlalchemy_store",
    "sweeps.run.driver",
    "sweeps.run.serial",
    "sweeps.search.studies",
    "sweeps.run.tune",
)


class Kill(NamedTuple):
    """The end of a driver: at the ``nth`` time of ``moment``."""

    moment: str
    nth: int


class Moment(NamedTuple):
    """A call of ``method``, before it or ``after`` it, that ``counts`` (a function of its arguments) tells apart."""

    method: str
    after: bool
    counts: Callable[..., bool] = lambda *_: True


STUDIES = {
    "asked, not started": Moment("begin", after=False),
    "started": Moment("begin", after=True),
    "known to the study": Moment("report", after=True),
    "judged": Moment("should_prune", after=True),
    "about to end": Moment("finish", after=False),
    "ended": Moment("finish", after=True),
    "confirming": Moment("report", after=False, counts=lambda studies, trial, *_: trial.kind == CONFIRM),
}
TORN = "recorded, not proven"
RECORDS = {
    "ranking": Moment("replace", after=False, counts=lambda store, path, data: path == "ranking.json"),
    "map": Moment("replace", after=False, counts=lambda store, path, data: path == "map.json"),
}


FILES = {
    "classifier made": Moment("replace", after=False, counts=lambda _, path: "classifier" in Path(path).name),
    "statistics made": Moment("replace", after=False, counts=lambda _, path: Path(path).name.startswith("moments")),
}


def strike(kill: Kill) -> None:
    """Makes this process end at that moment."""
    from sweeps.search.studies import Studies

    if kill.moment in FILES:
        _wrap(os, FILES[kill.moment], kill.nth)
    elif kill.moment in STUDIES:
        _wrap(Studies, STUDIES[kill.moment], kill.nth)
    elif kill.moment in RECORDS:
        _wrap(Store, RECORDS[kill.moment], kill.nth)
    elif kill.moment == TORN:
        _tear(kill.nth)
    else:
        _wrap(Attempt, Moment("commit", after=True), kill.nth)


def _wrap(owner: Any, moment: Moment, nth: int) -> None:
    method, left = getattr(owner, moment.method), [nth]

    def wrapped(*args: Any, **options: Any) -> Any:
        left[0] -= moment.counts(*args)
        if left[0] == 0 and not moment.after:
            _die()
        result = method(*args, **options)
        if left[0] == 0:
            _die()
        return result

    setattr(owner, moment.method, wrapped)


def _tear(nth: int) -> None:
    """At the ``nth`` report all is there but its manifest, the last."""
    put_all, left = Store.put_all, nth

    def torn(store: Store, objects: Mapping[str, bytes]) -> None:
        nonlocal left
        *others, last = objects
        left -= last.endswith("manifest.json")
        if left == 0:
            put_all(store, {path: objects[path] for path in others})
            _die()
        put_all(store, objects)

    Store.put_all = torn  # type: ignore[method-assign]


def _die() -> None:
    """SIGKILL, after a note of the processes that this one leaves behind."""
    below = psutil.Process().children(recursive=True)
    children = [(child.pid, child.create_time(), child.name()) for child in below]
    Path(CHILDREN).write_text(json.dumps(children))
    os.kill(os.getpid(), signal.SIGKILL)


def note_commits() -> None:
    """Writes a line for every report that this process begins to commit."""
    commit = Attempt.commit

    def noted(self: Attempt, step: int, *args: Any) -> None:
        with open(COMMITS, "a") as file:
            file.write(f"{self._store.root}/{self._folder} {step}\n")
        commit(self, step, *args)

    setattr(Attempt, "commit", noted)  # noqa: B010  # not an assignment: its type is another


def drive(arguments: list[str], kill: Kill | None) -> int:
    """Runs the command line with ``arguments`` in this process; its exit code."""
    note_commits()
    if kill is not None:
        strike(kill)
    sys.argv = ["sweeps", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


class Drivers:
    """Forks of one process that has imported everything, in the working directory ``place``."""

    def __init__(self, process: subprocess.Popen[str], place: Path) -> None:
        self._process, self.place = process, place

    def run(self, *arguments: str, kill: Kill | None = None) -> int:
        """One driver, to its end: its exit code, negative for the signal that ended it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([arguments, kill]), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def together(self, *commands: list[str]) -> list[int]:
        """Drivers at once, none of which writes the sweep down before all are about to: their exit codes."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps({"together": commands}), file=self._process.stdin, flush=True)
        codes: list[int] = json.loads(self._process.stdout.readline())
        return codes

    @property
    def output(self) -> str:
        """What the drivers said so far."""
        return (self.place / OUTPUT).read_text()


@contextmanager
def drivers(place: Path) -> Iterator[Drivers]:
    """Starts the process that forks, and ends it."""
    command = [sys.executable, __file__, "--serve"]
    with open(place / OUTPUT, "ab") as output:
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    try:
        yield Drivers(process, place)
    finally:
        process.communicate()


def alone(place: Path, *arguments: str, kill: Kill | None = None) -> int:
    """One driver as a process of its own, from the start; its exit code."""
    with started(place, *arguments, kill=kill) as process:
        return process.wait()


def started(place: Path, *arguments: str, kill: Kill | None = None) -> subprocess.Popen[bytes]:
    """One driver as a process of its own, while it runs."""
    command = [sys.executable, __file__, json.dumps(kill), *arguments]
    with open(place / OUTPUT, "ab") as output:
        return subprocess.Popen(command, cwd=place, env=environment(), stdout=output, stderr=output)


def environment() -> dict[str, str]:
    """The tests' own, with one thread."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def _serve() -> None:
    _import_all()
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, dict):
            print(json.dumps(_together(asked["together"])), flush=True)
            continue
        arguments, kill = asked
        child = os.fork()
        if child == 0:
            os.dup2(2, 1)
            os._exit(_driven(arguments, None if kill is None else Kill(*kill)))
        print(_code(child), flush=True)


def _together(commands: list[list[str]]) -> list[int]:
    here, gate = os.pipe(), os.pipe()
    children = []
    for arguments in commands:
        children.append(os.fork())
        if children[-1] == 0:
            os.dup2(2, 1)
            os.close(gate[1])
            _meet(here[1], gate[0])
            os._exit(_driven(arguments, None))
    os.close(here[1])
    for _ in children:
        os.read(here[0], 1)  # one that never comes lets the others through with its end
    codes = []
    for descriptor in (here[0], *gate):
        os.close(descriptor)
    for child in children:
        codes.append(_code(child))
    return codes


def _meet(here: int, gate: int) -> None:
    """Makes this process wait for others at the moment at which a sweep is written down."""
    create = Folder.create

    def met(self: Folder, *args: Any, **options: Any) -> None:
        os.write(here, b"x")
        os.close(here)
        os.read(gate, 1)
        create(self, *args, **options)

    setattr(Folder, "create", met)  # noqa: B010  # not an assignment: its type is another


def forked(work: Callable[[], object]) -> int:
    """What became of a child that does this: 0, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return _code(child)


def _code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _driven(arguments: list[str], kill: Kill | None) -> int:
    try:
        code = drive(arguments, kill)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _import_all() -> None:
    from sweeps.track.connection import QUIET

    os.environ.update(QUIET)
    for module in SLOW:
        importlib.import_module(module)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        _serve()
    else:
        given = json.loads(sys.argv[1])
        sys.exit(drive(sys.argv[2:], None if given is None else Kill(*given)))
