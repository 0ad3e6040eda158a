"""A sweep on a cluster: submitted, and its driver's words."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.base import Name, Overrides, Spec, app, told
from sweeps.cli.codes import FAILED

Address = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS", help="The cluster's dashboard, as http://HOST:8265.", show_default=False
    ),
]


@app.command()
def submit(
    spec: Spec,
    address: Address,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the sweep, wherever its driver was.")] = False,
    overrides: Overrides = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show what the driver says until it has ended.")] = False,
) -> None:
    """Hand a sweep to a cluster: its driver runs on the head, and is started again if it crashes."""
    with told():
        from sweeps.submit.jobs import Jobs
        from sweeps.submit.submitting import submit as handed_over

        jobs = Jobs(address)
        if not jobs.is_private:
            print(f"sweeps: others can read the token on its way to {jobs.address}; https:// or `ssh -L` is private",
                  file=sys.stderr)  # fmt: skip
        job, sweep = handed_over(jobs, spec, overrides or (), resume, Path.cwd())
        where = f"{sweep} --address {shlex.quote(jobs.address)}"
        again = shlex.join([str(spec), "--address", jobs.address, *(f"--set={each}" for each in overrides or ())])
        print(f"sweep {sweep}: submitted as job {job}\n\nfollow:  sweeps logs {where} --follow\n"
              f"look:    sweeps status {where}\nstop:    sweeps stop {where}\n"
              f"go on:   sweeps submit {again} --resume")  # fmt: skip
        if follow:
            _say(jobs.address, sweep, follow=True)


@app.command()
def logs(
    name: Name,
    address: Address,
    follow: Annotated[bool, typer.Option("--follow", help="Until the driver has ended.")] = False,
) -> None:
    """What the driver of a submitted sweep said."""
    with told():
        _say(address, name, follow)


def _say(address: str, sweep: str, follow: bool) -> None:
    from sweeps.submit import following
    from sweeps.submit.jobs import Jobs

    jobs = Jobs(address)
    job = following.driver(jobs, sweep)
    for piece in following.lines(jobs, job, follow):
        print(piece, end="", flush=True)
    if follow and jobs.one(job.id).status != "SUCCEEDED":
        raise typer.Exit(FAILED)


def show_status(address: str, sweep: str | None) -> None:
    """Of one sweep of a cluster, or of all a line each."""
    from sweeps.submit import following
    from sweeps.submit.jobs import Jobs

    jobs = Jobs(address)
    if sweep is None:
        for name, job in following.drivers(jobs).items():
            print(following.told(name, job))
        return
    job = following.driver(jobs, sweep)
    print(following.told(sweep, job), flush=True)
    print(following.standing(jobs, sweep, job))


def stop_there(address: str, sweep: str, wait: float) -> None:
    """Stops a sweep's driver on a cluster."""
    from sweeps.submit import following
    from sweeps.submit.jobs import Jobs

    jobs = Jobs(address)
    job = following.driver(jobs, sweep)
    if not following.stop(jobs, job, wait):
        print(f"sweep {sweep}: job {job.id} still runs, after {wait:g} s")
        raise typer.Exit(FAILED)
    print(f"sweep {sweep}: stopped; go on with: sweeps submit SPEC --address {shlex.quote(jobs.address)} --resume")
