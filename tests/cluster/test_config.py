"""``cluster.yaml``: what is wrong with it, and where; and that a value is checked when it is set."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from configured import FULL, configured, rendered
from pydantic import BaseModel, ValidationError

from cluster.config import Cluster, Workers, load
from cluster.render import KINDS, summary
from cluster.source import ConfigErrors

ROOT = Path(__file__).parents[2]


def told(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    """What is said of a file, without its folder."""
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        load(path, overrides)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cpu: 3", "cluster.yaml:2: cpu: unknown key; did you mean 'cpus'? known: name, workers, cpus, "),
        ("cpus: 0", "cluster.yaml:2: cpus: is 0; 1 or more is allowed"),
        ("cpus: '4'", "cluster.yaml:2: cpus: is '4'; a whole number is allowed"),
        ("cpus: true", "cluster.yaml:2: cpus: is true; a whole number is allowed"),
        ("workers: -1", "cluster.yaml:2: workers: is -1; a whole number, or {min: 0, max: 8}, is allowed"),
        ("workers: {min: 3, max: 1}", "cluster.yaml:2: workers: min 3 is above max 1; min <= max is allowed"),
        ("workers: {min: 3}", "cluster.yaml:2: workers.max: is missing; as many at most"),
        ("memory: 16", "cluster.yaml:2: memory: is 16; a size such as 500MB, 16GB or 4GiB is allowed"),
        ("memory: 0GB", "cluster.yaml:2: memory: is '0GB'; a size"),
        ("image: sweeps:latest", "cluster.yaml:2: image: is 'sweeps:latest'; an image with its tag (not latest)"),
        ("image: sweeps", "cluster.yaml:2: image: is 'sweeps'; an image with its tag"),
        ("storage: ftp://host/x", "cluster.yaml:2: storage: is 'ftp://host/x'; a folder, or an address such as"),
        ('storage: "/a\\nb"', r"cluster.yaml:2: storage: is '/a\nb'; printable text of one line is allowed"),
        ("studies: postgresql://me:pw@db/x", "cluster.yaml:2: studies: holds a secret; ${env:NAME} in its place"),
        ("studies: postgresql://db/x?password=pw", "cluster.yaml:2: studies: holds a secret; ${env:NAME} in its"),
        ("tracking: https://u:pw@host", "cluster.yaml:2: tracking: holds a secret; ${env:NAME} in its place"),
        ("secrets: [a=b]", "cluster.yaml:2: secrets[0]: is 'a=b'; the name of an environment variable"),
        ("secrets: {KEY: abc}", "cluster.yaml:2: secrets: is a mapping; a list is allowed"),
        ("ports: {gcs: 22}", "cluster.yaml:2: ports.gcs: is 22; 1024 or more is allowed"),
        ("ports: {gcs: 8265}", "cluster.yaml:2: ports: two of the ports are the same; each port once is allowed"),
        ("network: {nodes: [10.0.0.1/8]}", "cluster.yaml:2: network.nodes[0]: is '10.0.0.1/8'; a network such as"),
        ("onprem: {head: a b, workers: [h]}", "cluster.yaml:2: onprem.head: is 'a b'; a host's name or IP address"),
        ("onprem: {head: a}", "cluster.yaml:2: onprem.workers: is missing; the workers' addresses"),
        ("name: other", "cluster.yaml:2: name: given twice, first on line 1; each key once is allowed, a word"),
        ("aws: &a {region: x}", "cluster.yaml:2: aws.region: is 'x'; a region such as"),
        ("aws: *a", "cluster.yaml:2: aliases (*name) are not allowed"),
        ("aws: !!python/object:os.system {}", "cluster.yaml:2: tags (!name) are not allowed"),
        ("aws: {", "cluster.yaml:3: cannot be read as YAML: "),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(tmp_path: Path, line: str, said: str) -> None:
    assert told(tmp_path, f"name: lab\n{line}\n")[0].startswith(said)


def test_all_is_said_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    lines = told(tmp_path, "cpus: 0\nname: A\ngpus: -1\n")
    assert [line.split(": ")[0] for line in lines] == ["cluster.yaml:1", "cluster.yaml:2", "cluster.yaml:3"]


def test_a_secret_is_not_repeated(tmp_path: Path) -> None:
    assert "hush" not in "".join(told(tmp_path, "studies: postgresql://me:hush@db/x\n"))


def test_an_option_is_checked_when_it_is_set(tmp_path: Path) -> None:
    said = told(tmp_path, "name: lab\n", "nothing")
    assert said == ["--set nothing: sets nothing; --set key=value or key.key=value is allowed"]
    said = told(tmp_path, "name: lab\nworkers: 2\n", "workers=-1", "ports.gcs=22")
    assert said == [
        "--set workers=-1: workers: is -1; a whole number, or {min: 0, max: 8}, is allowed",
        "--set ports.gcs=22: ports.gcs: is 22; 1024 or more is allowed",
    ]


def test_options_are_over_the_file(tmp_path: Path) -> None:
    cluster = configured(tmp_path, "workers=3", "network.people=[]", "aws.spot=false")
    assert (cluster.workers, cluster.network.people) == (Workers(min=3, max=3), [])
    assert cluster.aws is not None and not cluster.aws.spot and cluster.aws.region == "eu-central-1"


def test_no_value_is_set_but_through_its_checks() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Cluster().cpus = 0


@pytest.mark.parametrize(
    ("kind", "override", "said"),
    [
        ("ray-aws", "aws=null", "aws: is missing; {region: …, ami: …, subnet: …} is allowed"),
        ("ray-aws", "storage=/home/me", "storage: is '/home/me', which the machines of a cloud do not share; s3://"),
        ("ray-aws", "network.nodes=[10.0.0.0/8]", "network.nodes: a certificate for 16,777,216 addresses; subnets"),
        ("ray-gcp", "gcp=null", "gcp: is missing; {project: …, zone: …, account: …} is allowed"),
        ("ray-onprem", "onprem=null", "onprem: is missing; {head: address, workers: [addresses]} is allowed"),
        ("ray-onprem", "storage=runs", "storage: is 'runs', which machines do not share; /folder on a shared file"),
        ("ray-onprem", "storage=/a,b", "storage: is '/a,b'; a folder without , and \" in its name is allowed"),
        ("ray-onprem", "onprem.workers=[node7]", "onprem.workers[0]: is 'node7', and a certificate is for addresses"),
        ("raycluster", "storage=runs", "storage: is 'runs', which pods do not share; /folder or s3://… is allowed"),
        ("raycluster", "storage=/runs", "kubernetes.claim: is missing; the name of a ReadWriteMany claim, to be "),
        ("raycluster", "kubernetes.reach=[]", "kubernetes.reach: is empty, and pods reach nothing else: no storage, "),
        ("raycluster", "kubernetes.api=null", "kubernetes.api: is missing, and workers that come and go need it; "),
        ("rayjob", "job=null", "job: is missing; {spec: file, modules: [files]} is allowed"),
        ("rayjob", "job.modules=[a-b.py]", "job.modules[0]: is 'a-b.py'; a file name.py, each name once, is allowed"),
        (
            "ray-aws",
            "aws.worker=m7i.xlarge",
            "aws.worker: m7i.xlarge has no GPUs, and gpus is 1; an instance type that has them is al",
        ),
        (
            "ray-gcp",
            "gcp.worker=n2-standard-4",
            "gcp.worker: n2-standard-4 takes no GPUs, and gpus is 1; a machine type that does (n1-",
        ),
        ("rayjob", "job.spec=/none", "job.spec: '/none' cannot be read: No such file or directory; a file from here"),
    ],
)
def test_what_a_kind_lacks_is_said_too(tmp_path: Path, kind: str, override: str, said: str) -> None:
    cluster = configured(tmp_path, override)
    with pytest.raises(ConfigErrors) as caught:
        rendered(kind, cluster)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(FULL)
    dry = run("render", "firewall", "--dry-run", cwd=tmp_path)
    assert (dry.returncode, dry.stderr) == (0, "") and "table inet lab_1" in dry.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.yaml"]
    wet = run("render", "firewall", "--out", "made", cwd=tmp_path)
    assert wet.stdout == "made/lab-1.nft\n" and (tmp_path / "made/lab-1.nft").read_text() in dry.stdout
    bad = run("render", "firewall", "--set", "cpus=none", cwd=tmp_path)
    assert (bad.returncode, bad.stderr) == (2, "--set cpus=none: cpus: is 'none'; a whole number is allowed\n")
    none = run("render", "nothing", cwd=tmp_path)
    assert none.returncode == 2 and "'nothing' is no kind; known: " in none.stderr
    gone = run("render", "firewall", "--config", "no.yaml", cwd=tmp_path)
    assert (gone.returncode, gone.stderr) == (2, "no.yaml: cannot be read: No such file or directory\n")


def test_kinds_are_listed_with_what_they_make(tmp_path: Path) -> None:
    assert all(summary(kind).endswith(".") for kind in KINDS)
    assert all(f"{kind} " in run("render", cwd=tmp_path).stdout for kind in KINDS)


def test_the_page_lists_every_kind_and_every_key() -> None:
    page = (ROOT / "docs/cluster.md").read_text()
    kinds = re.findall(r"^\| `([\w-]+)` \|", page.partition("| kind | what it makes |")[2].partition("\n\n")[0], re.M)
    assert kinds == [kind for kind in kinds if kind in KINDS] and set(kinds) == set(KINDS)
    table = page.partition("| key | what it says | default |\n")[2].partition("\n\n")[0]
    assert table == "|---|---|---|\n" + "\n".join(keys(Cluster)), "\n".join(keys(Cluster))


def keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """The rows of the page's table."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *(() if get_origin(field.annotation) is list else get_args(field.annotation)))
        part = next((it for it in kinds if isinstance(it, type) and issubclass(it, BaseModel)), None)
        default = field.get_default(call_default_factory=True)
        if part is None or part is Workers:
            said = "required" if field.is_required() else _said(model, name, default)
            yield f"| `{above}{name}` | {field.description} | {said} |"
        else:
            yield from keys(part, f"{above}{name}.")


def _said(model: type[BaseModel], name: str, default: object) -> str:
    if default is None or default == []:
        return "none"
    if isinstance(default, Workers):
        return f"`{default.max}`"
    made = model.model_construct().model_dump(mode="json", include={name})[name]
    return f"`{json.dumps(made) if not isinstance(made, str) else made}`"
