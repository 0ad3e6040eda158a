"""A ``cluster.yaml`` that has everything, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cluster.config import Cluster, load
from cluster.render import File, render

FULL = """\
name: lab-1
workers: {min: 0, max: 4}
cpus: 8
gpus: 1
memory: 32GB
head: {cpus: 4, memory: 8GiB}
image: registry.example.org/minmax-sweeps:0.1.0
storage: s3://bucket/runs
tracking: https://mlflow.example.org
studies: ${env:STUDIES}
secrets: [STUDIES, MLFLOW_TRACKING_PASSWORD, AWS_SECRET_ACCESS_KEY]
job: {spec: SPEC}
network: {nodes: [10.0.0.0/24, "fd00::/120"], people: [10.9.0.0/16, "fd01::/64"]}
services: {host: 10.0.0.9, names: [mlflow.example.org]}
kubernetes:
  api: {to: 172.18.0.2/32, port: 6443}
  reach: [{to: 10.1.2.3/32, port: 5432}, {to: 10.1.2.4/32, port: 443}]
  pull_secret: registry
  gpu_label: nvidia.com/gpu.product=A100
aws:
  {region: eu-central-1, ami: ami-0123456789abcdef0, subnet: subnet-0123456789abcdef0, worker: g6.2xlarge, spot: true}
gcp:
  project: my-project
  zone: europe-west4-a
  account: sweeps@my-project.iam.gserviceaccount.com
  worker: n1-standard-8
  spot: true
onprem: {head: 10.0.0.2, workers: [10.0.0.3, 10.0.0.4], key: /home/me/.ssh/id}
"""
SPEC = "name: saddle\ngame: bilinear\nlength: 20\noptimizers: [extragradient]\ntrials: 2\n"


def configured(folder: Path, *overrides: str, text: str = FULL) -> Cluster:
    """The cluster of ``text``, in ``folder``."""
    (folder / "saddle.yaml").write_text(SPEC)
    path = folder / "cluster.yaml"
    path.write_text(text)
    spec = [f"job.spec={folder}/saddle.yaml"] if text is FULL else []
    return load(path, [*spec, *overrides])


def rendered(kind: str, cluster: Cluster) -> dict[str, str]:
    """The files of a kind, by name."""
    return {file.name: file.text for file in render(kind, cluster)}


def placed(kind: str, cluster: Cluster, folder: Path) -> list[Path]:
    """The files of a kind, as a person has them."""
    from cluster.render import write

    files: list[File] = render(kind, cluster)
    return [write(file, folder) for file in files]


class _Unique(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys; Kubernetes and docker refuse them."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        assert len(set(keys)) == len(keys), f"a key twice among {keys}"
        return super().construct_mapping(node, deep)


def documents(text: str) -> list[Any]:
    """A YAML file's documents, no key twice."""
    return list(yaml.load_all(text, Loader=_Unique))  # a safe loader, with one more check
