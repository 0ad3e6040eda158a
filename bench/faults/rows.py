"""The rows: each hurts a sweep in one way, proves that it did, and has it counted.

A row is a function of a side. It raises `DidNotBite` where its fault did not happen, or hit nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from bench.faults.case import PATIENCE, TRIES, Case, DidNotBite, now
from bench.faults.injuries import filled, flip, halve, locked, server, sleep_until, small_disk
from bench.faults.left import Counts
from bench.faults.processes import Driver, wait_for
from bench.faults.sides import Side
from bench.faults.work import EDGE, LENGTH, PLANNED, REPORT_EVERY, Step

OUTAGE, LOCK, FULL = 60.0, 30.0, 20.0  # seconds
KILLS, A_SWEEP, KILL_SEED = 50, 5, 5
DISK = 64  # megabytes


class Result(NamedTuple):
    """What came of one row on one side: the columns, what proves that it bit, how its drivers ended, in words."""

    counts: Counts
    proof: str
    ended: str


def driver_killed(side: Side, kills: int = KILLS) -> Result:
    """At random moments of its life, uniform from its start to the end of what is left to do; five kills a sweep."""
    with Case(side) as calm:
        driver, began = calm.start(), now()
        if not (wait_for(lambda: bool(calm.steps()), PATIENCE) and calm.finish(driver)):
            raise DidNotBite(f"the undisturbed sweep failed\n{calm.said()}")
        lead, duration = calm.steps()[0].time - began, now() - began
    chance, counts, hit, done, sweeps, failed = random.Random(KILL_SEED), Counts(), 0, 0, 0, 0
    while done < kills:
        sweeps += 1
        with Case(side) as case:
            finished, before = False, done
            while done < min(kills, before + A_SWEEP) and not finished and len(case.codes) < TRIES:
                driver = case.start()
                if _await(case, driver, chance.random(), lead, duration):
                    hit += bool(case.steps())
                    case.kill(driver)
                    done += 1
                else:
                    finished = case.ended(driver) == 0
            failed += not (finished or case.finish())
            own = case.count()
            counts = counts.plus(own)
            print(f"  {side.name}: {done} kills in {sweeps} sweeps; of the last one {own}", flush=True)
    if counts.resumed == 0 or hit == 0:
        raise DidNotBite("no kill hit a trial behind its first report")
    proof = f"{done} kills in {sweeps} sweeps, {hit} of them after the first step; undisturbed it took {duration:.0f} s"
    return Result(counts, proof, f"{sweeps - failed} of {sweeps} sweeps finished")


def _await(case: Case, driver: Driver, share: float, lead: float, duration: float) -> bool:
    """Lets a driver live this share of what is left to it, by the clock until trials train and then by their steps;
    whether it is still alive then."""
    before = len(case.steps())
    if share < lead / duration:
        wait_for(lambda: len(case.steps()) > before or not driver.lives, share * duration)
        return driver.lives
    left = max(LENGTH, PLANNED * LENGTH - before)
    goal = before + left * (share - lead / duration) / (1 - lead / duration)
    wait_for(lambda: len(case.steps()) >= goal or not driver.lives, PATIENCE)
    return driver.lives


def driver_killed_between_parameters(side: Side) -> Result:
    """By itself, before it writes the last parameter of the fifth trial."""
    each = 2 if side.name == "ours" else 3
    with Case(side, database=True) as case:
        struck = case.start("bench.faults.strike", str(5 * each))
        code = struck.wait(300)
        if code != -9:
            raise DidNotBite(f"the driver ended with {code}\n{case.said()}")
        trained = len({step.key for step in case.steps()})
        return _result(case, f"SIGKILL before parameter {each} of trial 5; {trained} trials had begun")


def worker_killed(side: Side) -> Result:
    """Between two reports of a trial."""
    with Case(side) as case:
        driver = case.start()
        step = case.midway(driver, finished=2)
        _kill_worker(step)
        return _result(case, f"at step {step.step} of {LENGTH}", driver, resumed=True)


def nan_objective(side: Side) -> Result:
    """In some trials, from some report on."""
    with Case(side, more={EDGE: "1.32"}) as case:
        finished = case.finish()
        noted = case.folder / "steps.nan"
        reports = len(noted.read_text().splitlines()) if noted.exists() else 0
        if not reports:
            raise DidNotBite("no objective was NaN")
        return Result(case.count(), f"{reports} reports were NaN", _ending(case, finished))


def history_truncated(side: Side) -> Result:
    """The newest, behind a killed driver."""
    with Case(side) as case:
        driver = case.start()
        step = case.midway(driver, finished=3, reports=2)
        case.kill(driver)
        newest = case.side.histories(case.place, step)[-1]
        halve(newest)
        return _result(case, f"`{newest.name}` cut to {newest.stat().st_size} bytes at step {step.step}")


def checkpoint_truncated(side: Side) -> Result:
    """The newest one of a trial, whose worker is killed."""
    return _checkpoint_damaged(side, halve, "cut in half")


def checkpoint_flipped(side: Side) -> Result:
    """One bit of a player, in the newest checkpoint of a trial whose worker is killed."""
    return _checkpoint_damaged(side, flip, "with one bit of player x flipped")


def mlflow_down(side: Side) -> Result:
    """The server is killed while trials train, and comes back a minute later."""
    with Case(side) as outer, server(outer.folder) as mlflow:
        mlflow.start()
        with Case(side, pace=0.35, server=mlflow.address) as case:
            driver = case.start()
            case.midway(driver, finished=1)
            mlflow.kill()
            began = now()
            sleep_until(began + OUTAGE / 2)
            unreachable = not mlflow.answers()
            sleep_until(began + OUTAGE)
            trained = len(case.trained_between(began, now()))
            alive = driver.lives
            mlflow.start()
            finished = case.finish(driver) and case.finish()  # once more, as MLflow is back
            if not unreachable or not trained:
                raise DidNotBite(f"unreachable: {unreachable}; {trained} steps trained meanwhile")
            proof = f"no connection for {OUTAGE:.0f} s, in which {trained} steps were trained"
            proof += "" if alive else "; the driver ended in it"
            mlflow.kill()
            return Result(case.count(mlflow.database), proof, _ending(case, finished))


def mlflow_down_from_the_start(side: Side) -> Result:
    """Nobody listens where MLflow should be until the sweep has run for a minute."""
    with Case(side) as outer, server(outer.folder) as mlflow, Case(side, server=mlflow.address) as case:
        driver, began = case.start(), now()
        sleep_until(began + OUTAGE)
        trained = len(case.steps())
        unreachable = not mlflow.answers()
        mlflow.start()
        finished = case.finish(driver) and case.finish()
        if not unreachable:
            raise DidNotBite("somebody listened")
        mlflow.kill()
        proof = f"no connection for the first {OUTAGE:.0f} s, in which {trained} steps were trained"
        return Result(case.count(mlflow.database), proof, _ending(case, finished))


def database_locked(side: Side) -> Result:
    """Another process holds the study's write lock for half a minute."""
    with Case(side, pace=0.1, database=True) as case:
        driver = case.start()
        case.midway(driver, finished=1)
        with locked(case.side.study(case.place)):
            began = now()
            sleep_until(began + LOCK)
            reports = [step for step in case.trained_between(began, now()) if step.step % REPORT_EVERY == 0]
        if not reports:
            raise DidNotBite("no trial came to a report while the database was locked")
        return _result(case, f"locked for {LOCK:.0f} s, in which {len(reports)} reports were due", driver)


def disk_full(side: Side) -> Result:
    """The file system that all is written to has no byte left for a while."""
    with Case(side, pace=0.05) as case, small_disk(case.place, DISK):
        case.side.prepare(case.place)
        driver = case.start()
        case.midway(driver, finished=1)
        with filled(case.place):
            began = now()
            sleep_until(began + FULL)
            trained = len(case.trained_between(began, now()))
            alive = driver.lives
        proof = f"ENOSPC for {FULL:.0f} s, in which {trained} steps were trained"
        proof += "; the driver waited" if alive else "; the driver ended"
        if not trained:
            raise DidNotBite("nothing was trained while the disk was full")
        return _result(case, proof, driver)


def two_resumes(side: Side) -> Result:
    """At once, behind a killed driver."""
    with Case(side) as case:
        driver = case.start()
        step = case.midway(driver, finished=2)
        case.kill(driver)
        both = [case.start(), case.start()]
        together = not wait_for(lambda: not all(driver.lives for driver in both), 3)
        codes = [case.ended(driver) for driver in both]
        if not together and 73 not in codes:
            raise DidNotBite(f"they did not run at once: {codes}")
        said = f"killed at step {step.step}, then two at once; they ended with {codes[0]} and {codes[1]}"
        return _result(case, said)


def _checkpoint_damaged(side: Side, damage: Callable[..., None], how: str) -> Result:
    with Case(side, pace=0.05) as case:
        driver = case.start()
        step = case.midway(driver, finished=1, reports=2)
        newest = case.side.checkpoints(case.place, step)[-1]
        _kill_worker(step)
        damage(newest)
        proof = f"`{newest.parent.name}/{newest.name}` {how}, worker killed at step {step.step}"
        result = _result(case, proof, driver)
        again = [own for own in case.steps() if own.key == step.key and own.pid != step.pid]
        if side.name == "ours" and not again:
            raise DidNotBite("the trial was not gone on with")
        return result


def _kill_worker(step: Step) -> None:
    import os
    import signal

    os.kill(step.pid, signal.SIGKILL)


def _result(case: Case, proof: str, driver: object = None, resumed: bool = False) -> Result:
    finished = case.finish(driver)  # type: ignore[arg-type]
    counts = case.count()
    if resumed and not counts.resumed:
        raise DidNotBite("no trial was resumed behind its first step")
    return Result(counts, proof, _ending(case, finished))


def _ending(case: Case, finished: bool) -> str:
    codes = ", ".join(map(str, case.codes))
    return (
        "finished" + (f" (exit codes {codes})" if len(case.codes) > 1 else "")
        if finished
        else f"never finished: exit codes {codes}"
    )


ROWS: dict[str, Callable[..., Result]] = {
    "driver": driver_killed,
    "parameters": driver_killed_between_parameters,
    "worker": worker_killed,
    "nan": nan_objective,
    "history": history_truncated,
    "checkpoint-cut": checkpoint_truncated,
    "checkpoint-flip": checkpoint_flipped,
    "mlflow": mlflow_down,
    "mlflow-start": mlflow_down_from_the_start,
    "lock": database_locked,
    "disk": disk_full,
    "two": two_resumes,
}
