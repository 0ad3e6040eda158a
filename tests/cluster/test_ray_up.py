"""``ray up`` files: by Ray's own schema, by what Ray itself makes of them, and by what the schema does not look at."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from configured import configured, documents, placed, rendered
from jsonschema import Draft7Validator

KINDS = ("ray-aws", "ray-gcp", "ray-onprem")
RAY = Path(next(iter(getattr(importlib.util.find_spec("ray"), "submodule_search_locations", None) or [""])))
VARIANTS: list[tuple[str, ...]] = [
    (),
    ("gpus=0", "workers=3", "tls=false", "secrets=[]", "network.people=[]", "aws.spot=false", "gcp.spot=false"),
    ("workers=0", "onprem.key=null"),
]


def config(kind: str, folder: Path, *overrides: str) -> dict[str, Any]:
    made: dict[str, Any]
    (made,) = documents(rendered(kind, configured(folder, *overrides))[f"{kind}/cluster.yaml"])
    return made


def by_schema(made: dict[str, Any]) -> list[str]:
    schema = json.loads((RAY / "autoscaler/ray-schema.json").read_text())
    errors = Draft7Validator(schema).iter_errors(made)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


@pytest.mark.parametrize("overrides", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_rays_own_schema_takes_it(tmp_path: Path, kind: str, overrides: tuple[str, ...]) -> None:
    extra = {"min_workers"} if kind == "ray-onprem" else set()  # which `ray up` takes out before it looks
    made = config(kind, tmp_path, *overrides)
    assert by_schema({key: value for key, value in made.items() if key not in extra}) == []


def test_ray_itself_makes_of_them_what_is_meant(tmp_path: Path) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    for kind in KINDS:
        for overrides in VARIANTS:
            prepared = prepare_config(config(kind, tmp_path, *overrides))
            validate_config(prepared)
            types = prepared["available_node_types"]
            counts = {name: (it.get("min_workers"), it.get("max_workers")) for name, it in types.items()}
            workers = {(): (0, 4), VARIANTS[1]: (3, 3)}.get(overrides)
            if kind == "ray-onprem":
                assert list(counts.values()) == [(2, 2)]
            elif workers:
                assert counts["worker"] == workers
            assert not any("ray stop" in command for command in prepared["head_start_ray_commands"])


def loose(made: dict[str, Any]) -> Iterator[str]:
    """What the schema lets pass and a cluster cannot have."""
    provider = made["provider"]
    known = {
        "aws": {"type", "region", "use_internal_ips", "cache_stopped_nodes", "security_group"},
        "gcp": {"type", "region", "availability_zone", "project_id", "use_internal_ips", "cache_stopped_nodes"},
        "local": {"type", "head_ip", "worker_ips"},
    }[provider["type"]]
    yield from (f"provider.{key}" for key in provider if key not in known)
    if provider["type"] != "local" and not provider.get("use_internal_ips"):
        yield "public addresses"
    for rule in provider.get("security_group", {}).get("IpPermissions", []):
        if (rule["FromPort"], rule["ToPort"]) != (22, 22):
            yield "a port that is not ssh's"
        if any(ipaddress.ip_network(it["CidrIp"]).prefixlen < 8 for it in rule["IpRanges"]):
            yield "ssh from everywhere"
    for name, machine in made.get("available_node_types", {}).items():
        node = machine["node_config"]
        if provider["type"] == "aws" and node.get("MetadataOptions", {}).get("HttpTokens") != "required":
            yield f"{name}: credentials for whoever asks"
        if any(not it["Ebs"].get("Encrypted") for it in node.get("BlockDeviceMappings", [])):
            yield f"{name}: a disk in the clear"
    commands = [*made["head_start_ray_commands"], *made["worker_start_ray_commands"], *made["setup_commands"]]
    if any(word in command for command in commands for word in ("ray stop", "pkill", "--dashboard-host=0.0.0.0")):
        yield "a command that stops or opens what is not ours"
    if not {"--security-opt=no-new-privileges", "--cap-drop=ALL"} <= set(made["docker"]["run_options"]):
        yield "a container with privileges"


@pytest.mark.parametrize("overrides", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_locked(tmp_path: Path, kind: str, overrides: tuple[str, ...]) -> None:
    assert list(loose(config(kind, tmp_path, *overrides))) == []


FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "provider.regoin": lambda it: it["provider"].update(regoin="x"),
    "public addresses": lambda it: it["provider"].update(use_internal_ips=False),
    "a port that is not ssh's": lambda it: it["provider"]["security_group"]["IpPermissions"][0].update(ToPort=8265),
    "ssh from everywhere": lambda it: it["provider"]["security_group"]["IpPermissions"][0].update(
        IpRanges=[{"CidrIp": "0.0.0.0/0"}]
    ),
    "worker: credentials for whoever asks": lambda it: it["available_node_types"]["worker"]["node_config"].pop(
        "MetadataOptions"
    ),
    "a command that stops or opens what is not ours": lambda it: it["head_start_ray_commands"].insert(0, "ray stop"),
    "a container with privileges": lambda it: it["docker"]["run_options"].clear(),
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_planted_fault_is_found(tmp_path: Path, said: str) -> None:
    made = config("ray-aws", tmp_path)
    FAULTS[said](made)
    assert said in list(loose(made))


def test_the_schema_finds_a_planted_fault(tmp_path: Path) -> None:
    made = config("ray-aws", tmp_path)
    made["available_node_types"]["worker"]["resources"]["CPU"] = "8"
    made["max_worker"] = 3
    assert len(by_schema(made)) == 2


def test_the_container_has_the_folder_that_machines_share(tmp_path: Path) -> None:
    from ray.autoscaler._private.docker import docker_start_cmds

    for storage, there in (("/shared/my runs", True), ("s3://bucket/runs", False)):
        docker = config("ray-onprem", tmp_path, f"storage={storage}")["docker"]
        options = docker["run_options"]
        command = docker_start_cmds("sweeps", docker["image"], {}, "lab", options, "lab", "/home/sweeps", "docker")
        assert (f"--mount=type=bind,source={storage},target={storage}" in shlex.split(command)) == there, command


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_secrets_are_private_files_and_a_certificate_is_for_every_node(tmp_path: Path) -> None:
    placed("ray-onprem", configured(tmp_path), tmp_path)
    folder, value = tmp_path / "ray-onprem", "it's $HOME \"`x`"
    names = ("STUDIES", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY")
    environment = {"PATH": os.environ["PATH"], **dict.fromkeys(names, value)}

    def run(**changes: str) -> subprocess.CompletedProcess[str]:
        made = {**environment, **changes}
        command = [str(folder / "make-secrets.sh")]
        return subprocess.run(command, env=made, capture_output=True, text=True, check=False)

    done = run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    node = folder / "node"
    token = (node / "token").read_text()
    for path in [*node.iterdir(), *(folder / "ca").iterdir()]:
        assert path.name == "start.sh" or path.stat().st_mode & 0o77 == 0, path
    said = subprocess.run(
        ["sh", "-c", f'. {node}/environment; printf %s "$STUDIES"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == value
    for address, fits in {"10.0.0.2": True, "10.0.0.4": True, "10.0.0.5": False}.items():
        verify = ["openssl", "verify", "-CAfile", "ca.crt", "-purpose", "sslserver", "-verify_ip", address, "node.crt"]
        assert (subprocess.run(verify, cwd=node, capture_output=True, check=False).returncode == 0) is fits
    assert not (node / "ca.key").exists()
    assert run().returncode == 0 and (node / "token").read_text() == token and len(token) == 64
    del environment["STUDIES"]
    missing = run()
    assert missing.returncode == 2 and missing.stderr == "STUDIES: is not set; `export STUDIES=…` before is allowed\n"


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    placed("ray-onprem", configured(tmp_path), tmp_path)
    node = tmp_path / "ray-onprem/node"
    (node / "token").write_text("x")
    (node / "token").chmod(0o644)
    done = subprocess.run(["sh", node / "start.sh", "head"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "others may read it; mode 0600 is allowed" in done.stderr
