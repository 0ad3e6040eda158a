"""``slurm``: what a batch job asks of Slurm."""

from __future__ import annotations

from pydantic import Field

from cluster.values import Duration, Model, Path, Word


class Slurm(Model):
    """The job's account and partition, how long it may last, and when it is told that its time is nearly up."""

    partition: Word | None = Field(default=None, description="a partition; else the default one")
    account: Word | None = Field(default=None, description="whom the hours are charged to")
    qos: Word | None = Field(default=None, description="a quality of service")
    time: Duration = Field(default=24 * 3600, description="the job's time limit, as in 12h; then it requeues itself")
    warn: Duration = Field(default=300, description="how long before the limit it checkpoints and requeues")
    environment: Path | None = Field(default=None, description="the virtual environment, on a shared file system")
