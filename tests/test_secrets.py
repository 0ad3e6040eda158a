"""Twenty secrets in the environment, addresses, the spec and git: none is found in what a sweep leaves."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
from driving import OUTPUT, alone, started
from services import Bucket, Mlflow, Postgres, mlflow_server, needs_postgres, postgres, s3

from sweeps.run.scratch import PLACE, PREFIX

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::botocore")]

CANARY = "canary"  # in every secret
SECRETS = {
    "AWS_SESSION_TOKEN": "canary-aws-session",
    "GITHUB_TOKEN": "canary-github",
    "HF_TOKEN": "canary-hf",
    "OPENAI_API_KEY": "canary-openai",
    "WANDB_API_KEY": "canary-wandb",
    "COMET_API_KEY": "canary-comet",
    "SLACK_WEBHOOK_URL": "https://hooks.example.org/canary-slack",
    "PGPASSWORD": "canary-pgpassword",
    "DATABASE_URL": "mysql://me:canary-mysql@db/x",
    "REDIS_URL": "redis://:canary-redis@cache/0",
    "SMTP_PASSWORD": "canary-smtp",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "canary-flask",
    "PLACE": "canary-place",  # in the spec's storage
}
SPEC = """
name: secret
game: {data: {name: gaussians, modes: 2, std: 0.3, count: 500}, net: {name: mlp, widths: [8]}, batch: 8, latent: 2}
length: 50
seeds: 2
optimizers: [extragradient]
trials: 2
space: {lr: {log: [1.0e-3, 1.0e-1]}}
objective: {maximize: mean.high_quality}
report_every: 10
confirm: {seeds: 3}
storage: "s3://bucket/${env:PLACE}"
studies: ${env:STUDIES_URL}
tracking: "http://me:${env:TRACKING_PASSWORD}@127.0.0.1:${env:TRACKING_PORT}"
"""
LEAKY = '''
"""A metric that fails after a while, and says an address with its password."""
from pathlib import Path
import torch
from minmax.types import Goal, Metric

def measure(game, players, generator):
    if Path("failing").exists():
        raise RuntimeError("no answer from postgresql://me:canary-of-the-user@db/x, token=canary-token")
    return {"quiet": torch.zeros(len(next(iter(players["generator"].values()))["weight"]))}

def leaky():
    return Metric(measure=measure, outputs={"quiet": Goal("minimize", 0.0, 1.0)})
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory: a repository whose remote holds a token."""
    folder = tmp_path_factory.mktemp("secrets") / "work"
    folder.mkdir()
    (folder / "spec.yaml").write_text(SPEC)
    remote = "https://canary-git-token@example.org/me/mine.git"
    for arguments in (["init", "--quiet"], ["remote", "add", "origin", remote]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


@contextmanager
def reading(seen: dict[str, bytes]) -> Iterator[None]:
    """Takes down what the files in Ray's folders hold while there are any; they go with the driver."""
    ended = threading.Event()
    before = set(PLACE.glob(f"{PREFIX}*"))

    def read() -> None:
        while not ended.wait(0.3):
            for folder in set(PLACE.glob(f"{PREFIX}*")) - before:
                for path in folder.rglob("*"):
                    try:
                        if path.is_file():
                            seen[str(path)] = path.read_bytes()
                    except OSError:
                        continue

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def left_behind(place: Path, server: Postgres, tracking: Mlflow) -> Iterator[tuple[str, bytes]]:
    """All that the sweep left: files, objects, and what both servers keep; not their own logs, nor the inputs."""
    for folder in (place, tracking.folder, server.folder):
        for path in folder.rglob("*"):
            inputs = path.name in ("server.log", "password", "said", "leaky.py") or ".git" in path.parts
            if path.is_file() and not inputs:
                yield str(path), path.read_bytes()
    remote = fsspec.filesystem("s3", use_listings_cache=False)
    for path in remote.find("bucket"):
        yield "object", remote.cat_file(path)


@needs_postgres
def test_no_secret_is_left_anywhere(
    place: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket: Bucket
    with (
        s3(tmp_path_factory.mktemp("s3")) as bucket,
        postgres("canary-pg-password") as server,
        mlflow_server(tmp_path_factory.mktemp("mlflow")) as tracking,
    ):
        secrets = {**SECRETS, **bucket.environment, "STUDIES_URL": server.url()}
        secrets |= {"TRACKING_PASSWORD": "canary-tracking", "TRACKING_PORT": str(tracking.port)}
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        fsspec.filesystem("s3").clear_instance_cache()
        assert sum(CANARY in value for value in secrets.values()) >= 17  # and three more: the remote's, the two said

        seen: dict[str, bytes] = {}
        with reading(seen), started(place, "run", "spec.yaml", "--plain") as driver:
            assert driver.wait() == 0, (place / OUTPUT).read_text()
        assert any("/logs/" in path for path in seen), "Ray's logs were not seen"

        (place / "leaky.py").write_text(LEAKY)
        failing = ["--set", "name=failing", "--set", "metrics=['leaky:leaky']", "--serial", "--plain"]
        (place / "failing").touch()
        assert alone(place, "run", "spec.yaml", *failing) == 2, "it is found by trying"
        (place / "failing").unlink()
        assert alone(place, "run", "spec.yaml", *failing) == 0, (place / OUTPUT).read_text()
        (place / "failing").touch()
        assert alone(place, "run", "spec.yaml", *(word.replace("failing", "failed") for word in failing)) == 2
        monkeypatch.setenv("STUDIES_URL", server.url().replace("canary-pg", "another-canary"))
        assert alone(place, "status", "secret", "--storage", "s3://bucket/${env:PLACE}") == 1

        said = (place / OUTPUT).read_text()
        assert "no answer from postgresql://me:***@db/x" in said and "password authentication failed" in said
        found = [*left_behind(place, server, tracking), *seen.items()]
        assert sum(name == "object" for name, _ in found) > 50
        assert any(name.endswith("server.db") and b"extragradient" in data for name, data in found)
        hits = sorted({name for name, data in found if CANARY.encode() in data})
        assert hits == [], hits
