"""What is rendered for Kubernetes: by the CRDs' own schemas, and by what a locked cluster must and must not have."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import crds
import pytest
import yaml
from configured import SPEC, configured, documents, rendered
from policies import Pod, allows

KINDS = {"raycluster": "RayCluster", "rayjob": "RayJob"}
VARIANTS: list[tuple[str, ...]] = [
    (),
    ("gpus=0", "workers=3", "kubernetes.api=null", "kubernetes.gpu_label=null", "tls=false", "secrets=[]"),
    ("workers=0", "storage=/shared/runs", "kubernetes.claim=runs", "network.people=[]", "kubernetes.pull_secret=null"),
]


def manifests(kind: str, folder: Path, *overrides: str) -> list[dict[str, Any]]:
    (text,) = rendered(kind, configured(folder, *overrides)).values()
    return documents(text)


def of_kind(kind: str, all_of: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = [manifest for manifest in all_of if manifest["kind"] == kind]
    return one


def ray_spec(all_of: list[dict[str, Any]]) -> dict[str, Any]:
    """The spec of the cluster, also of a job's."""
    spec: dict[str, Any] = next(manifest["spec"] for manifest in all_of if manifest["kind"].startswith("Ray"))
    return spec.get("rayClusterSpec", spec)


def pods(all_of: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod template, by what it is for."""
    spec = ray_spec(all_of)
    yield "head", spec["headGroupSpec"]["template"]
    yield from (("worker", group["template"]) for group in spec.get("workerGroupSpecs", []))
    yield "redis", of_kind("StatefulSet", all_of)["spec"]["template"]


@crds.needed
@pytest.mark.parametrize("overrides", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_crd_takes_it(tmp_path: Path, kind: str, overrides: tuple[str, ...]) -> None:
    made = manifests(kind, tmp_path, *overrides)
    assert crds.problems(of_kind(KINDS[kind], made)) == []
    assert crds.against(crds.pod_template(), of_kind("StatefulSet", made)["spec"]["template"]) == []
    for policy in (manifest["spec"] for manifest in made if manifest["kind"] == "NetworkPolicy"):
        assert set(policy) <= {"podSelector", "policyTypes", "ingress", "egress"}
        for way in {"ingress", "egress"} & set(policy):
            assert crds.against(crds.network_rules(way), policy[way]) == []


FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "spec: Additional properties are not allowed ('headGroup' was": lambda it: it["spec"].update(headGroup={}),
    "spec.authOptions.mode: 'Token' is not one of": lambda it: it["spec"]["authOptions"].update(mode="Token"),
    "spec.workerGroupSpecs.0: 'maxReplicas' is a required": lambda it: it["spec"]["workerGroupSpecs"][0].pop(
        "maxReplicas"
    ),
    "spec.headGroupSpec.rayStartParams.num-cpus: 0 is not of type 'string'": lambda it: it["spec"]["headGroupSpec"][
        "rayStartParams"
    ].update({"num-cpus": 0}),
    "spec.headGroupSpec.template.spec.containers.0.securityContext: Additional": lambda it: it["spec"]["headGroupSpec"][
        "template"
    ]["spec"]["containers"][0]["securityContext"].update(readonlyRootFilesystem=True),
}


@crds.needed
@pytest.mark.parametrize("said", FAULTS)
def test_the_crd_finds_a_planted_fault(tmp_path: Path, said: str) -> None:
    manifest = copy.deepcopy(of_kind("RayCluster", manifests("raycluster", tmp_path)))
    FAULTS[said](manifest)
    (problem,) = crds.problems(manifest)
    assert problem.startswith(said)


def unlocked(all_of: list[dict[str, Any]]) -> list[str]:
    """What a locked cluster would not have, or would have."""
    spec, found = ray_spec(all_of), []
    if spec.get("authOptions", {}).get("mode") != "token" or not spec["authOptions"].get("secretName"):
        found.append("no token")
    if "valueFrom" not in spec["gcsFaultToleranceOptions"]["redisPassword"]:
        found.append("Redis' password in the clear")
    if spec["headGroupSpec"].get("serviceType") != "ClusterIP" or spec["headGroupSpec"].get("enableIngress"):
        found.append("the head is open to the outside")
    for name, template in pods(all_of):
        found += [f"{name}: {what}" for what in _unlocked_pod(name, template["spec"], spec)]
    space = of_kind("Namespace", all_of)["metadata"]
    if space["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
        found.append("the namespace takes any pod")
    denies = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    if not any(it["kind"] == "NetworkPolicy" and it["spec"] == denies for it in all_of):
        found.append("the network is open")
    return found


def _unlocked_pod(name: str, pod: dict[str, Any], cluster: dict[str, Any]) -> Iterator[str]:
    own = pod.get("securityContext", {})
    if not own.get("runAsNonRoot") or not own.get("runAsUser"):
        yield "root"
    if own.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "any system call"
    if pod.get("automountServiceAccountToken", True) != (name == "head" and "autoscalerOptions" in cluster):
        yield "an account of Kubernetes"
    if any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "the host's network or processes"
    if any("hostPath" in volume for volume in pod.get("volumes", [])):
        yield "the host's files"
    containers = [*pod["containers"], *pod.get("initContainers", [])]
    if name == "head" and "autoscalerOptions" in cluster:
        containers.append(cluster["autoscalerOptions"])
    for container in containers:
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield "more privileges"
        if not context.get("readOnlyRootFilesystem"):
            yield "a root that can be written"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield "capabilities"
        if "memory" not in container["resources"]["limits"]:
            yield "no limit of memory"
        for variable in container.get("env", []):
            if any(word in variable["name"] for word in ("KEY", "PASSWORD", "SECRET", "TOKEN")) and "value" in variable:
                yield f"{variable['name']} in the clear"


@pytest.mark.parametrize("overrides", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_locked(tmp_path: Path, kind: str, overrides: tuple[str, ...]) -> None:
    assert unlocked(manifests(kind, tmp_path, *overrides)) == []


OPENED: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "no token": lambda it: ray_spec(it).pop("authOptions"),
    "Redis' password in the clear": lambda it: ray_spec(it)["gcsFaultToleranceOptions"].update(
        redisPassword={"value": "x"}
    ),
    "the head is open to the outside": lambda it: ray_spec(it)["headGroupSpec"].update(serviceType="LoadBalancer"),
    "the network is open": lambda it: it.pop(1),
    "the namespace takes any pod": lambda it: it[0]["metadata"].update(labels={}),
    "head: root": lambda it: dict(pods(it))["head"]["spec"]["securityContext"].pop("runAsNonRoot"),
    "worker: a root that can be written": lambda it: dict(pods(it))["worker"]["spec"]["containers"][0][
        "securityContext"
    ].pop("readOnlyRootFilesystem"),
    "redis: capabilities": lambda it: dict(pods(it))["redis"]["spec"]["containers"][0]["securityContext"].pop(
        "capabilities"
    ),
    "worker: an account of Kubernetes": lambda it: dict(pods(it))["worker"]["spec"].pop("automountServiceAccountToken"),
    "worker: the host's network or processes": lambda it: dict(pods(it))["worker"]["spec"].update(hostNetwork=True),
    "head: A_TOKEN in the clear": lambda it: dict(pods(it))["head"]["spec"]["containers"][0]["env"].append(
        {"name": "A_TOKEN", "value": "x"}
    ),
    "head: more privileges": lambda it: ray_spec(it)["autoscalerOptions"].pop("securityContext"),
}


@pytest.mark.parametrize("said", OPENED)
def test_what_is_opened_is_found(tmp_path: Path, said: str) -> None:
    made = manifests("raycluster", tmp_path)
    OPENED[said](made)
    assert said in unlocked(made)


def test_only_the_head_has_what_only_the_driver_needs(tmp_path: Path) -> None:
    def secrets(template: dict[str, Any]) -> set[str]:
        return {it["name"] for it in template["spec"]["containers"][0]["env"] if "valueFrom" in it}

    by_name = dict(pods(manifests("raycluster", tmp_path)))
    assert secrets(by_name["worker"]) == {"AWS_SECRET_ACCESS_KEY"}
    assert secrets(by_name["head"]) == {"AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "STUDIES"}


def test_workers_grow_and_shrink_with_gpus(tmp_path: Path) -> None:
    spec = ray_spec(manifests("raycluster", tmp_path))
    (group,) = spec["workerGroupSpecs"]
    assert spec["enableInTreeAutoscaling"] and (group["minReplicas"], group["maxReplicas"]) == (0, 4)
    pod = group["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert (
        pod["nodeSelector"] == {"nvidia.com/gpu.product": "A100"} and pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    )
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    fixed = ray_spec(manifests("raycluster", tmp_path, *VARIANTS[1]))
    assert "enableInTreeAutoscaling" not in fixed and fixed["workerGroupSpecs"][0]["replicas"] == 3
    assert "nvidia.com/gpu" not in yaml.safe_dump(fixed)


def test_who_reaches_whom(tmp_path: Path) -> None:
    made = manifests("raycluster", tmp_path)
    policies = [manifest for manifest in made if manifest["kind"] == "NetworkPolicy"]
    by_name = {name: Pod("minmax", template["metadata"]["labels"]) for name, template in pods(made)}
    by_name["head"].labels.update({"ray.io/node-type": "head"})  # type: ignore[union-attr]  # as the operator does
    head, worker, redis = by_name["head"], by_name["worker"], by_name["redis"]
    stranger, neighbour = Pod("other", {"app": "x"}), Pod("minmax", {"app": "x"})
    operator = Pod("kuberay-operator", {"app.kubernetes.io/name": "kuberay-operator"})
    names = Pod("kube-system", {"k8s-app": "kube-dns"})
    person, passer_by = Pod(address="10.9.1.1"), Pod(address="8.8.8.8")
    for source, target, port in [
        (worker, head, 6379), (head, worker, 31234), (worker, worker, 10002), (operator, head, 8265),
        (person, head, 8265), (head, redis, 6379), (worker, Pod(address="10.1.2.4"), 443),
        (head, Pod(address="172.18.0.2"), 6443),
    ]:  # fmt: skip
        assert allows(policies, source, target, port), (source, target, port)
    assert allows(policies, worker, names, 53, "UDP")
    for source, target, port in [
        (stranger, head, 8265), (neighbour, head, 8265), (passer_by, head, 8265), (person, head, 6379),
        (stranger, worker, 10002), (operator, head, 6379), (operator, worker, 8265), (worker, redis, 6379),
        (stranger, redis, 6379), (worker, passer_by, 443), (head, passer_by, 443), (redis, passer_by, 443),
        (redis, head, 6379), (neighbour, passer_by, 443), (worker, Pod(address="172.18.0.2"), 6443),
        (worker, Pod(address="169.254.169.254"), 80),
    ]:  # fmt: skip
        assert not allows(policies, source, target, port), (source, target, port)


def test_a_job_has_its_spec_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def game():\n    return '\\t: #'\n")
    made = manifests("rayjob", tmp_path, f"job.modules=[{tmp_path}/mine.py]")
    data = of_kind("ConfigMap", made)["data"]
    assert {**data, "run.yaml": ""} == {
        "spec.yaml": SPEC,
        "mine.py": (tmp_path / "mine.py").read_text(),
        "run.yaml": "",
    }
    job = of_kind("RayJob", made)["spec"]
    assert job["entrypoint"] == "python -m sweeps.submit.supervise /etc/sweep/run.yaml --resume"
    assert importlib.util.find_spec("sweeps.submit.supervise") and job["backoffLimit"] > 0
    for _, template in list(pods(made))[:2]:
        container = template["spec"]["containers"][0]
        assert {"name": "PYTHONPATH", "value": "/etc/sweep"} in container["env"]
        assert {"name": "sweep", "mountPath": "/etc/sweep", "readOnly": True} in container["volumeMounts"]


def test_the_spec_of_a_job_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the driver reads it: what the user wrote, kept where the cluster keeps things."""
    from sweeps.spec.sweep import load

    monkeypatch.setenv("STUDIES", "postgresql://sweeps:hush@db/studies")
    spec = SPEC + "objective: {minimize: mean.distance}\nstorage: ./elsewhere\n"
    (tmp_path / "mine.yaml").write_text(spec)
    for name, text in of_kind("ConfigMap", manifests("rayjob", tmp_path, f"job.spec={tmp_path}/mine.yaml"))[
        "data"
    ].items():
        assert "hush" not in text
        (tmp_path / name).write_text(text)
    sweep = load(tmp_path / "run.yaml")
    assert (sweep.name, sweep.storage, sweep.studies) == ("saddle", "s3://bucket/runs", "${env:STUDIES}")
    assert sweep.tracking == "https://mlflow.example.org"
