"""The manifests of ``deploy/kubernetes``: valid, safe, and the service of ``docker-compose.yml``."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from search_service.settings import Settings
from tests.conftest import CHECKOUT
from tests.deploy.kustomize import Manifest, rendered
from tests.deploy.schemas import faults_of

DEPLOY = CHECKOUT / "deploy" / "kubernetes"
VARIANTS = ("base", "autoscaling")
RENDERED = {name: rendered(DEPLOY / name) for name in VARIANTS}
EVERY = [
    pytest.param(each, id=f"{variant}-{each['kind']}-{each['metadata']['name']}")
    for variant, objects in RENDERED.items()
    for each in objects
]
COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
SECRETS = {
    "lossfit": {"LOSSFIT_TOKEN", "LOSSFIT_DATABASE_URL"},
    "lossfit-s3": {
        "LOSSFIT_ARTIFACTS",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "FSSPEC_S3_ENDPOINT_URL",
    },
    "lossfit-ray": {"auth_token"},
}
"""The Secrets that the guide has made, and their keys."""

SIZED_FOR_KUBERNETES = {"LOSSFIT_ACTORS", "LOSSFIT_GPUS_PER_ACTOR", "LOSSFIT_LOG_FORMAT"}
"""Set there, and not in the compose file, which takes what one machine has."""


def find(kind: str, name: str, variant: str = "base") -> Manifest:
    (found,) = [
        each
        for each in RENDERED[variant]
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
    ]
    return found


def pods(variant: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name of its service in the compose file, pod template) of every pod."""
    for name in ("api", "controller"):
        yield name, find("Deployment", f"lossfit-{name}", variant)["spec"]["template"]
    spec = find("RayCluster", "lossfit", variant)["spec"]
    yield "ray-head", spec["headGroupSpec"]["template"]
    for group in spec["workerGroupSpecs"]:
        yield f"{group['groupName']}-worker", group["template"]


PODS = [
    pytest.param(name, pod, id=f"{variant}-{name}")
    for variant in VARIANTS
    for name, pod in pods(variant)
]


def container_of(pod: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod["spec"]["containers"]
    return dict(container)


def environment_of(pod: dict[str, Any], variant: str = "base") -> set[str]:
    """Names of the variables that a pod's container has, those of optional Secrets included."""
    container = container_of(pod)
    names = {each["name"] for each in container.get("env", ())}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            names |= find("ConfigMap", source["configMapRef"]["name"], variant)["data"].keys()
        else:
            names |= SECRETS[source["secretRef"]["name"]]
    return names


@pytest.mark.parametrize("manifest", EVERY)
def test_a_manifest_is_what_kubernetes_takes(manifest: Manifest) -> None:
    assert faults_of(manifest) == []


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("Deployment", "lossfit-api", ("spec", "template", "spec", "containers", 0, "imgae"), "x"),
        ("Deployment", "lossfit-api", ("spec", "replicas"), "two"),
        ("RayCluster", "lossfit", ("spec", "workerGroupSpecs", 0, "minReplica"), 1),
        ("RayCluster", "lossfit", ("spec", "headGroupSpec", "rayStartParams", "num-cpus"), 0),
        (
            "RayCluster",
            "lossfit",
            ("spec", "headGroupSpec", "template", "spec", "containers", 0, "livenesProbe"),
            {},
        ),
    ],
)
def test_a_slip_of_the_pen_would_be_found(
    kind: str, name: str, path: tuple[str | int, ...], value: object
) -> None:
    spoiled = copy.deepcopy(find(kind, name))
    place: Any = spoiled
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert len(faults_of(spoiled)) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_name_is_of_something_that_is_there(variant: str) -> None:
    claims = {e["metadata"]["name"] for e in RENDERED[variant] if e["kind"].endswith("Claim")}
    used: set[str] = set()
    for _, pod in pods(variant):
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
        mounts = container_of(pod)["volumeMounts"]
        assert {mount["name"] for mount in mounts} == volumes.keys()
        used |= {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in volumes.values()
            if "persistentVolumeClaim" in volume
        }
        for each in container_of(pod).get("env", ()):
            if "valueFrom" in each:
                reference = each["valueFrom"]["secretKeyRef"]
                assert reference["key"] in SECRETS[reference["name"]]
    assert used == claims


@pytest.mark.parametrize(("name", "pod"), PODS)
def test_a_pod_has_what_its_service_in_the_compose_file_has(name: str, pod: dict[str, Any]) -> None:
    service = COMPOSE[name]
    missing = set(service["environment"]) - environment_of(pod)
    assert not missing
    container = container_of(pod)
    assert container["image"].split(":")[0].rsplit("/", 1)[1] == service["image"]
    if name in ("api", "controller"):
        assert container["args"] == service["command"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]} - {"/dev/shm"}  # noqa: S108
    assert mounted == {volume.split(":")[1] for volume in service.get("volumes", ())}
    assert ("shared-memory" in {v["name"] for v in pod["spec"]["volumes"]}) == (
        "shm_size" in service
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_settings_are_those_of_the_service_and_valid(variant: str) -> None:
    known = {f"LOSSFIT_{field}".upper() for field in Settings.model_fields}
    said = find("ConfigMap", "lossfit-settings", variant)["data"]
    told = set(said) | SECRETS["lossfit"] | SECRETS["lossfit-s3"]
    assert {name for name in told if name.startswith("LOSSFIT_")} <= known
    images = {"LOSSFIT_HOME", "LOSSFIT_HOST", "LOSSFIT_PORT"}  # the images set these, for compose
    assert told == set(COMPOSE["controller"]["environment"]) - {
        "RAY_AUTH_MODE",
        "RAY_AUTH_TOKEN",
    } | (images | SIZED_FOR_KUBERNETES)


def test_the_settings_are_read_as_they_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in find("ConfigMap", "lossfit-settings")["data"].items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.dataset_roots == (Path("/datasets"),)
    cluster = find("RayCluster", "lossfit")["metadata"]["name"]
    assert settings.ray_address == f"{cluster}-head-svc:6379"
    assert settings.port == container_of(find_template("api"))["ports"][0]["containerPort"]


def find_template(name: str, variant: str = "base") -> dict[str, Any]:
    return dict(dict(pods(variant))[name])


@pytest.mark.parametrize("variant", VARIANTS)
def test_there_are_gpus_for_the_workers_that_are_asked_for(variant: str) -> None:
    said = find("ConfigMap", "lossfit-settings", variant)["data"]
    actors, gpus = int(said["LOSSFIT_ACTORS"]), float(said["LOSSFIT_GPUS_PER_ACTOR"])
    (group,) = find("RayCluster", "lossfit", variant)["spec"]["workerGroupSpecs"]
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    scales = find("RayCluster", "lossfit", variant)["spec"]["enableInTreeAutoscaling"]
    pods_there = group["maxReplicas"] if scales else group["replicas"]
    limits = container_of(group["template"])["resources"]["limits"]
    assert actors * gpus == pods_there * int(limits["nvidia.com/gpu"])
    assert actors <= pods_there * int(limits["cpu"])


def test_the_service_leads_to_the_api() -> None:
    service = find("Service", "lossfit-api")["spec"]
    template = find_template("api")
    assert service["selector"].items() <= template["metadata"]["labels"].items()
    ports = {port["name"] for port in container_of(template)["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= ports
    probed = {container_of(template)[probe]["httpGet"]["port"] for probe in ("livenessProbe",)}
    assert probed <= ports


@pytest.mark.parametrize(("name", "pod"), PODS)
def test_a_pod_has_no_rights_and_is_probed(name: str, pod: dict[str, Any]) -> None:
    """As the namespace's Pod Security Standard ``restricted`` asks."""
    spec, container = pod["spec"], container_of(pod)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"livenessProbe", "resources"} <= container.keys()
    # KubeRay would make up probes of its own, which call what the image does not have.
    assert "readinessProbe" in container or name == "controller"
    assert spec["enableServiceLinks"] is False
    user = re.search(r"useradd .*--uid (\d+)", (CHECKOUT / "docker/Dockerfile.worker").read_text())
    assert user
    assert spec["securityContext"]["runAsUser"] == int(user[1])


def test_ray_is_that_of_the_images_and_closed_to_strangers() -> None:
    (ray,) = [
        requirement
        for line in (CHECKOUT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#") and (requirement := Requirement(line)).name == "ray"
    ]
    cluster = find("RayCluster", "lossfit")["spec"]
    assert f"=={cluster['rayVersion']}" == str(ray.specifier)
    policy = find("NetworkPolicy", "lossfit-ray")["spec"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"podSelector": policy["podSelector"]}]
    closed = {
        name
        for name, pod in pods("base")
        if all(
            pod["metadata"]["labels"][one["key"]] in one["values"]
            for one in policy["podSelector"]["matchExpressions"]
        )
    }
    assert closed == {"controller", "ray-head", "gpu-worker"}


def test_secrets_are_nowhere_in_the_manifests() -> None:
    assert not [each for each in RENDERED["base"] if each["kind"] == "Secret"]
    page = (CHECKOUT / "docs" / "guide" / "team.md").read_text()
    for secret, keys in SECRETS.items():
        assert f"create secret generic {secret} " in page
        assert all(f"--from-literal={key}=" in page for key in keys)
