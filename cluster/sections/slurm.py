"""``slurm``: what a batch job asks of Slurm."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from cluster.values import Duration, Line, Model, Word, matching, wrong

Mail = Annotated[str, matching(r"[A-Za-z0-9_.+%=-]{1,64}@[A-Za-z0-9.-]{1,190}", "an address, as someone@example.org,")]
Environment = Annotated[Line, matching(r"/[^:]*", "an absolute path without a colon")]  # it goes into PATH


class Slurm(Model):
    """The job's account and partition, how long it may last, and when it is told that its time is nearly up."""

    partition: Word | None = Field(default=None, description="a partition; else the default one")
    account: Word | None = Field(default=None, description="whom the hours are charged to")
    qos: Word | None = Field(default=None, description="a quality of service")
    constraint: Word | None = Field(default=None, description="a feature that nodes must have")
    gpu: Word | None = Field(default=None, description="the GPUs' type, as a100; else whichever there are")
    exclusive: bool = Field(default=False, description="whether the nodes are nobody else's meanwhile")
    mail: Mail | None = Field(default=None, description="who is told that it ended, failed or was requeued")
    interface: Word | None = Field(default=None, description="the network between the nodes, as ib0; else the first")
    time: Duration = Field(default=24 * 3600, description="the job's time limit, as in 12h; then it requeues itself")
    warn: Duration = Field(default=300, description="how long before the limit it checkpoints and requeues")
    environment: Environment | None = Field(
        default=None, description="the virtual environment, on a shared file system"
    )

    @model_validator(mode="after")
    def _begins(self) -> Self:
        if self.warn >= self.time:
            what = f"warn, {self.warn} s, is not below time, {self.time} s"
            raise wrong(what, "a warning before the limit is allowed")
        return self
