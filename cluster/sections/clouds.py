"""``aws``, ``gcp``, ``onprem``: where ``ray up`` finds or makes machines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cluster.values import Count, Host, Model, Path, User, Word, matching

Region = Annotated[str, matching(r"[a-z]{2,}(-[a-z]+)*-?[a-z]*[0-9]+", "a region such as eu-central-1 or europe-west4")]
Zone = Annotated[str, matching(r"[a-z]+-[a-z]+[0-9]+-[a-z]", "a zone such as europe-west4-a")]


class Aws(Model):
    """Amazon EC2."""

    region: Region = Field(description="a region, as eu-central-1")
    worker: Word = Field(default="m7i.xlarge", description="the instance type of a worker")
    head: Word = Field(default="m7i.large", description="the instance type of the head")
    ami: Annotated[str, matching(r"ami-[0-9a-f]{8,17}", "an image such as ami-0123456789abcdef0")] = Field(
        description="a machine image with docker, as ami-0123456789abcdef0"
    )
    user: User = Field(default="ubuntu", description="whom that image lets in by ssh")
    subnet: Annotated[str, matching(r"subnet-[0-9a-f]{8,17}", "a subnet such as subnet-0123456789abcdef0")] = Field(
        description="a private subnet"
    )
    spot: bool = Field(default=False, description="true: workers are spot instances, which may be taken away")
    disk: Count = Field(default=100, description="GB of each machine's disk")
    profile: Word = Field(default="minmax-node", description="the instance profile that may read and write the storage")
    head_profile: Word = Field(default="minmax-head", description="the head's, which may also start and end workers")


class Gcp(Model):
    """Google Compute Engine."""

    project: Annotated[str, matching(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project's id")] = Field(
        description="the project's id"
    )
    zone: Zone = Field(description="a zone, as europe-west4-a")
    worker: Word = Field(default="n2-standard-4", description="the machine type of a worker")
    head: Word = Field(default="n2-standard-2", description="the machine type of the head")
    accelerator: Word = Field(default="nvidia-tesla-t4", description="the kind of GPU, where gpus are asked for")
    image: Annotated[str, matching(r"projects/[a-z0-9-]+/global/images(/family)?/[a-z0-9-]+", "a machine image")] = (
        Field(
            default="projects/deeplearning-platform-release/global/images/family/common-cu128-ubuntu-2204",
            description="a machine image with docker",
        )
    )
    user: User = Field(default="ubuntu", description="whom ssh logs in as")
    spot: bool = Field(default=False, description="true: workers are spot machines, which may be taken away")
    disk: Count = Field(default=100, description="GB of each machine's disk")
    account: Annotated[str, matching(r"[a-z0-9-]+@[a-z0-9.-]+", "a service account's address")] = Field(
        description="the service account that may read and write the storage"
    )


class Onprem(Model):
    """Machines that are there."""

    head: Host = Field(description="the head's address")
    workers: Annotated[list[Host], Field(min_length=1)] = Field(description="the workers' addresses")
    user: User = Field(default="sweeps", description="whom ssh logs in as")
    key: Path | None = Field(default=None, description="the file of ssh's private key; else ssh's own choice")
