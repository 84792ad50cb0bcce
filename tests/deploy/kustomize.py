"""``kustomize build`` for what ``deploy/kubernetes`` uses of it; anything else is an error."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

KNOWN = {"apiVersion", "kind", "namespace", "resources", "images", "patches"}
CLUSTER_WIDE = {"Namespace"}


def rendered(folder: Path) -> list[Manifest]:
    """The objects that a kustomization makes, in its order."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert said.keys() <= KNOWN, f"{folder.name}: {sorted(said.keys() - KNOWN)}"
    objects: list[Manifest] = []
    for name in said["resources"]:
        path = folder / name
        objects += rendered(path) if path.is_dir() else _documents(path)
    for each in objects:
        if each["kind"] not in CLUSTER_WIDE:
            each["metadata"]["namespace"] = said["namespace"]
        for image in said.get("images", ()):
            _name_images(each, image)
    for patch in said.get("patches", ()):
        (target,) = [each for each in objects if _is_target(each, patch["target"])]
        for operation in yaml.safe_load((folder / patch["path"]).read_text()):
            _change(target, operation)
    return objects


def _documents(path: Path) -> list[Manifest]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each is not None]


def _is_target(manifest: Manifest, target: Mapping[str, str]) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == (target["kind"], target["name"])


def _name_images(value: object, image: Mapping[str, str]) -> None:
    """Name an image's registry and tag in every container, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("containers", "initContainers"):
                for container in inner:
                    if container["image"] == image["name"]:
                        container["image"] = f"{image['newName']}:{image['newTag']}"
            else:
                _name_images(inner, image)
    elif isinstance(value, list):
        for inner in value:
            _name_images(inner, image)


def _change(manifest: Manifest, operation: Mapping[str, Any]) -> None:
    """One operation of a JSON patch (RFC 6902): add or replace."""
    assert operation.keys() == {"op", "path", "value"}
    assert operation["op"] in ("add", "replace")
    *way, last = _pointer(operation["path"])
    place: Any = manifest
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if operation["op"] == "replace":
        assert last in place, f"{operation['path']}: nothing to replace"
    else:
        assert last not in place, f"{operation['path']} is there already"
    place[last] = operation["value"]


def _pointer(path: str) -> Sequence[str]:
    """The steps of a JSON pointer (RFC 6901)."""
    assert path.startswith("/")
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
