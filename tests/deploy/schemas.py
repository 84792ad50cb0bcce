"""What Kubernetes and KubeRay take: JSON schemas of the kinds that ``deploy/kubernetes`` has."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

DEFINITIONS: dict[str, Any] = json.loads(Path(__file__).with_name("kubernetes.json").read_text())[
    "$defs"
]

CORE = "io.k8s.api.core.v1"
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
KINDS = {
    ("apps/v1", "Deployment"): "io.k8s.api.apps.v1.Deployment",
    ("networking.k8s.io/v1", "NetworkPolicy"): "io.k8s.api.networking.v1.NetworkPolicy",
    ("v1", "ConfigMap"): f"{CORE}.ConfigMap",
    ("v1", "Namespace"): f"{CORE}.Namespace",
    ("v1", "PersistentVolumeClaim"): f"{CORE}.PersistentVolumeClaim",
    ("v1", "Service"): f"{CORE}.Service",
    ("ray.io/v1", "RayCluster"): "RayCluster",
}
"""(apiVersion, kind) -> its definition."""


def _of(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def _object(required: tuple[str, ...] = (), **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNT = {"type": "integer", "minimum": 0}
_GROUP = {"rayStartParams": _STRINGS, "template": _of(f"{CORE}.PodTemplateSpec")}

RAY_CLUSTER = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayCluster"},
    metadata=_of(META),
    spec=_object(
        ("headGroupSpec",),
        rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        suspend={"type": "boolean"},
        managedBy={"enum": ["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"]},
        enableInTreeAutoscaling={"type": "boolean"},
        autoscalerOptions=_object(
            resources=_of(f"{CORE}.ResourceRequirements"),
            image={"type": "string"},
            imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
            env={"type": "array", "items": _of(f"{CORE}.EnvVar")},
            envFrom={"type": "array", "items": _of(f"{CORE}.EnvFromSource")},
            volumeMounts={"type": "array", "items": _of(f"{CORE}.VolumeMount")},
            securityContext=_of(f"{CORE}.SecurityContext"),
            idleTimeoutSeconds=_COUNT,
            upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
        ),
        headServiceAnnotations=_STRINGS,
        headGroupSpec=_object(
            ("rayStartParams", "template"),
            serviceType={"type": "string"},
            headService=_of(f"{CORE}.Service"),
            enableIngress={"type": "boolean"},
            **_GROUP,
        ),
        workerGroupSpecs={
            "type": "array",
            "items": _object(
                ("groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"),
                groupName={"type": "string"},
                replicas=_COUNT,
                minReplicas=_COUNT,
                maxReplicas=_COUNT,
                numOfHosts={"type": "integer", "minimum": 1},
                idleTimeoutSeconds=_COUNT,
                **_GROUP,
            ),
        },
    ),
)
"""A ``RayCluster`` of KubeRay 1.3 and later: the fields of its type that one writes, fewer than there are.

After the operator's reference, https://ray-project.github.io/kuberay/reference/api/; its pods are
Kubernetes's.
"""


def faults_of(manifest: dict[str, Any]) -> list[str]:
    """What a manifest says that Kubernetes would refuse, or silently drop."""
    validator = _validator(KINDS[manifest["apiVersion"], manifest["kind"]])
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(manifest)]


@cache
def _validator(definition: str) -> jsonschema_rs.Draft202012Validator:
    schema = {"$defs": DEFINITIONS | {"RayCluster": RAY_CLUSTER}, **_of(definition)}
    return jsonschema_rs.Draft202012Validator(schema)
