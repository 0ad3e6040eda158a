"""What is rendered for Slurm: as shellcheck likes it, with nothing in it that a value could break out of."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeping import wait_for

from cluster.config import Cluster, load
from cluster.render import render
from cluster.source import ConfigErrors

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
SHELLCHECK = shutil.which("shellcheck")
FULL = {
    "name": "lab",
    "workers": {"min": 2, "max": 4},
    "cpus": 8,
    "gpus": 2,
    "memory": "32GB",
    "job": {"spec": "digits.yaml"},
    "storage": "/shared/my sweeps",
    "studies": "${env:STUDIES}",
    "tracking": "https://mlflow.example.org",
    "secrets": ["STUDIES"],
    "slurm": {
        "partition": "gpu",
        "account": "physics",
        "qos": "long",
        "constraint": "ib",
        "gpu": "a100",
        "exclusive": True,
        "mail": "someone@example.org",
        "interface": "ib0",
        "time": "36h",
        "warn": "10m",
        "environment": "/shared/my env",
    },
}
SMALL = {"job": {"spec": "digits.yaml"}}


def configured(said: dict[str, Any]) -> Cluster:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(json.dumps(said))  # which is YAML, whatever characters there are
        return load(path)


def rendered(said: dict[str, Any]) -> str:
    (file,) = render("slurm", configured(said))
    assert file.executable
    return file.text


def options(text: str) -> list[str]:
    return re.findall(r"^#SBATCH --(.*)$", text, re.MULTILINE)


@pytest.mark.skipif(SHELLCHECK is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("said", [SMALL, FULL], ids=["small", "full"])
def test_shellcheck_has_nothing_to_say(said: dict[str, Any]) -> None:
    command = [str(SHELLCHECK), "--shell=bash", "-"]
    done = subprocess.run(command, input=rendered(said), capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_what_slurm_is_asked_for() -> None:
    assert options(rendered(FULL)) == [
        "job-name=lab", "nodes=2-4", "ntasks-per-node=1", "cpus-per-task=8", "mem=30517M", "gres=gpu:a100:2",
        "partition=gpu", "account=physics", "qos=long", "constraint=ib", "mail-user=someone@example.org",
        "mail-type=END,FAIL,REQUEUE", "exclusive", "time=1-12:00:00", "signal=B:USR1@600", "requeue", "no-kill",
        "open-mode=append", "output=lab-%j.log",
    ]  # fmt: skip


def test_a_job_that_says_little_asks_for_little() -> None:
    asked = options(rendered(SMALL))
    assert not [option for option in asked if re.match("gres|partition|account|qos|mail|exclusive|array", option)]
    assert {"nodes=1", "time=1-00:00:00", "signal=B:USR1@300"} <= set(asked)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, "job: is missing; the sweep that the job runs"),
        ({**SMALL, "slurm": {"time": "5m", "warn": "5m"}}, "slurm: warn, 300 s, is not below time, 300 s; a warning"),
        ({**SMALL, "slurm": {"partition": "a b"}}, "slurm.partition: is 'a b'; a word"),
        ({**SMALL, "slurm": {"mail": "a@b\n#SBATCH --uid=0"}}, "slurm.mail: "),
        (
            {**SMALL, "slurm": {"environment": "/a:/b"}},
            "slurm.environment: is '/a:/b'; an absolute path without a colon",
        ),
        ({**SMALL, "job": {"spec": "a\nb"}}, "job.spec: "),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(said: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigErrors, match=error):
        rendered(said)


HOSTILE = st.one_of(
    st.sampled_from(
        ["$(touch /tmp/broken)", "`id`", "'; id; '", '"; id; "', "a b", "\\", "-x", "$HOME", "#", "a\tb", "é"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.text("'\"\\$`;&|<>(){}[]*?!~# \n\t%", min_size=1, max_size=12),
)


def accepted(said: dict[str, Any]) -> str | None:
    try:
        return rendered(said)
    except ConfigErrors:
        return None


@settings(max_examples=150, deadline=None)
@given(spec=HOSTILE, storage=HOSTILE, environment=HOSTILE)
def test_a_value_is_one_word_whatever_it_is(spec: str, storage: str, environment: str) -> None:
    """What the shell makes of the driver's line is what the file says, and nothing else is in the script."""
    slurm = {"environment": f"/env{environment}"}
    text = accepted({"job": {"spec": spec}, "storage": f"/shared{storage}", "slurm": slurm})
    if text is None:  # a line break, or no printable text: refused, as the test above shows
        return
    (words,) = re.findall(r"setsid (sweeps run (?:[^\n]|\\\n)*) &\n", text)
    (path,) = re.findall(r"^export PATH=(.*):\$PATH$", text, re.MULTILINE)
    shell = f"printf '%s\\0' {path} {words}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, env={}, check=True)
    got = done.stdout.decode().split("\0")[:-1]
    setting = got.pop(6)
    assert got == [f"/env{environment}/bin", "sweeps", "run", "--or-resume", "--plain", "--set", "--", spec]
    assert setting.startswith("storage=")
    assert yaml.safe_load(setting.removeprefix("storage=")) == f"/shared{storage}"
    assert skeleton(text) == skeleton(rendered({**SMALL, "storage": "/shared", "slurm": {"environment": "/env"}}))


def skeleton(text: str) -> list[str]:
    """Every line but those two that hold the values."""
    kept = re.sub(r"^export PATH=.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"setsid sweeps run (?:[^\n]|\\\n)* &\n", "", kept).splitlines()


@settings(max_examples=60, deadline=None)
@given(value=HOSTILE, key=st.sampled_from(["partition", "account", "qos", "constraint", "gpu", "mail", "interface"]))
def test_an_option_is_a_word_or_refused(value: str, key: str) -> None:
    text = accepted({**SMALL, "gpus": 1, "slurm": {key: value}})
    assert text is None or re.fullmatch(r"[A-Za-z0-9_.+:@%=-]+", value)


def functions(text: str) -> str:
    """Those of the script, without what it does with them."""
    return text[text.index("say() {") : text.index("\nasked=")]


class Ports:
    """The script's own choice of ports, by the script's own words."""

    def __init__(self, cpus: int) -> None:
        self.count = 30 + 2 * cpus
        self._functions = functions(rendered({**SMALL, "cpus": cpus}))

    def first(self, job: int, nodes: int, node: int) -> int:
        known = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": str(job), "SLURM_JOB_NUM_NODES": str(nodes)}
        shell = f"set -euo pipefail\n{self._functions}\nfree_ports {node}"
        return int(subprocess.run(["bash", "-c", shell], env=known, capture_output=True, check=True).stdout)


@pytest.mark.skipif(shutil.which("ss") is None, reason="iproute2 is not installed")
def test_ports_are_free_and_no_two_nodes_ports_meet() -> None:
    listening = subprocess.run(["ss", "-Htln"], capture_output=True, text=True, check=True).stdout.splitlines()
    if any(10240 <= int(line.split()[3].rpartition(":")[2]) < 32768 for line in listening):
        pytest.skip("other programs listen among a job's ports, and blocks are shifted")
    ports = Ports(cpus=4)
    found = sorted(ports.first(job, 3, node) for job in (71, 72) for node in range(3))
    assert all(later - earlier >= ports.count for earlier, later in pairwise(found))
    assert found[0] >= 10240 and found[-1] + ports.count <= 32768
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", found[0] + ports.count - 1))
        taken.listen()
        moved = ports.first(71, 3, 0)
    assert moved >= found[0] + ports.count
    assert ports.first(71, 3, 0) == found[0]


RAY = """#!/bin/sh
# Each start is the next word of $PLAN: `slow` has not come up in Ray's time, `dead` has, and ends; `up` stays.
echo start >> "$STARTS"
set -- $PLAN
shift $(($(wc -l < "$STARTS") - 1))
[ "$1" = slow ] && echo "The current node timed out during startup." && exit 1
echo "Ray runtime started."
[ "$1" = dead ] || exec sleep 600
"""


@pytest.mark.skipif(shutil.which("ss") is None, reason="iproute2 is not installed")
@pytest.mark.parametrize(
    ("node", "plan", "starts"),
    [
        (0, "slow slow up", 3),
        (0, "slow slow slow up", 3),  # and no more
        (0, "dead up", 1),  # all that joined it is gone too
        (1, "slow up", 2),
        (1, "dead up", 2),
    ],
)
def test_a_node_that_is_slow_to_come_up_is_started_again(tmp_path: Path, node: int, plan: str, starts: int) -> None:
    """By the script's own words, with a program in Ray's place that is as slow as Ray may be."""
    (tmp_path / "ray").write_text(RAY)
    (tmp_path / "ray").chmod(0o700)
    counted, job, said = tmp_path / "starts", 10**7 + os.getpid(), tmp_path / "said"
    with socket.create_server(("127.0.0.1", 0)) as head, open(said, "wb") as stderr:
        known = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}", "PLAN": plan, "STARTS": str(counted), "batch": "none",
            "SLURM_JOB_ID": str(job), "SLURM_JOB_NUM_NODES": "2", "SLURM_NODEID": str(node),
            "head": f"127.0.0.1:{head.getsockname()[1]}",
        }  # fmt: skip
        shell = ["bash", "-euo", "pipefail", "-c", f"{functions(rendered(SMALL))}\nnode"]
        process = subprocess.Popen(shell, env=known, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        try:
            if "up" in plan.split()[:starts]:
                up = f"ray-job-{job}.{node}.*/said"
                assert wait_for(
                    lambda: (
                        counted.exists()
                        and len(counted.read_text().split()) == starts
                        and any("started" in path.read_text() for path in Path("/tmp").glob(up))
                    ),
                    120,
                ), said.read_text()
                process.send_signal(signal.SIGUSR2)
            process.wait(120)
        finally:
            process.kill()
            process.wait()
    assert len(counted.read_text().split()) == starts, said.read_text()
    ended = starts - ("up" in plan.split()[:starts])
    assert said.read_text().count(f"node {node}: Ray ended by itself") == ended
    assert not list(Path("/tmp").glob(f"ray-job-{job}.*"))


def test_the_page_shows_what_is_rendered(tmp_path: Path) -> None:
    """The section's text is the script's first lines; its commands are what renders it."""
    page = PAGE.read_text(encoding="utf-8")
    (config,) = re.findall(r"^```yaml\n(# cluster\.yaml\n.*?)^```$", page, re.DOTALL | re.MULTILINE)
    section = page[page.index("\n## Slurm\n") : page.index("\n## Kubernetes\n")]
    (asked,) = re.findall(r"^python -m cluster render slurm (.*)$", section, re.MULTILINE)
    (shown,) = re.findall(r"^```text\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    (tmp_path / "cluster.yaml").write_text(config)
    overrides = [match[0] or match[1] for match in re.findall(r"--set (?:'([^']*)'|(\S+))", asked)]
    (file,) = render("slurm", load(tmp_path / "cluster.yaml", overrides))
    assert file.text.startswith(shown) and shown.count("#SBATCH") == file.text.count("#SBATCH")
