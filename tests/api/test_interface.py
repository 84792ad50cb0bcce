"""The description of the interface: the file under version control, and that it tells of every field."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from pydantic import BaseModel

from api.interface import as_text, described
from api.loss_schemas import ExampleRequest
from search_service.catalogue.loss_requests import LossRequest
from tests.conftest import CHECKOUT
from workers.tasks.base import Spec

FILE: Final = CHECKOUT / "docs/reference/openapi.json"

OPEN: Final = {
    "LogEntryView.body": "what a kind of event tells, of which there may be more",
    "LossDetail.parameter_schema": "a JSON schema",
    "LossNetworkView.provenance": "whatever a repeat needs: versions, dataset, job",
    "SamplerView.options": "a JSON schema",
    "TrialDetail.worker": "whatever a repeat needs: device, threads, versions",
    "TrialView.worker": "whatever a repeat needs: device, threads, versions",
}
"""Objects whose fields no schema tells, and why."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return described()


def fields_of(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property and item in a schema, by its path."""
    if not isinstance(schema, dict):
        return
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from fields_of(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(word), dict):
            yield f"{path}[]", inner
            yield from fields_of(inner, f"{path}[]")
    for word in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(word, ()):
            yield from fields_of(inner, path)


def is_open(schema: Any) -> bool:
    """Whether a schema says nothing of a value, or nothing of the fields of an object."""
    if not isinstance(schema, dict):
        return bool(schema)
    kinds = ("type", "$ref", "anyOf", "oneOf", "allOf", "const", "enum")
    if not any(word in schema for word in kinds):
        return True
    if schema.get("type") == "array" and not schema.keys() & {"items", "prefixItems"}:
        return True
    told = schema.keys() & {"properties", "patternProperties"}
    bare = schema.get("type") == "object" and not told
    if bare and is_open(schema.get("additionalProperties", True)):
        return True
    options = [one for word in ("anyOf", "oneOf") for one in schema.get(word, ())]
    return any(map(is_open, options))


def test_a_change_of_the_interface_is_seen(document: dict[str, Any]) -> None:
    kept = FILE.read_text(encoding="utf-8")
    assert as_text(document) == kept, (
        "The interface changed: run 'make openapi' and look at the difference."
    )


def test_every_field_is_described_and_typed(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    fields = [each for name, schema in schemas.items() for each in fields_of(schema, name)]
    assert len(fields) > 800
    named = [(at, field) for at, field in fields if not at.endswith("[]")]
    assert {at for at, field in named if not field.get("description")} == set()
    assert {at for at, field in fields if is_open(field)} == OPEN.keys()


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            told = [operation.get("summary"), operation.get("description")]
            told += [each.get("description") for each in operation.get("parameters", ())]
            assert all(told), operation["operationId"]


def test_a_job_is_told_by_its_kind(document: dict[str, Any]) -> None:
    answer = document["paths"]["/v1/jobs/{job_id}"]["get"]["responses"]["200"]
    union = answer["content"]["application/json"]["schema"]
    assert union["discriminator"]["propertyName"] == "kind"
    schemas = document["components"]["schemas"]
    for kind, at in union["discriminator"]["mapping"].items():
        fields = schemas[at.rpartition("/")[2]]["properties"]
        stem = at.rpartition("/")[2].removesuffix("JobDetail")
        assert fields["kind"]["const"] == kind
        assert fields["request"]["$ref"].endswith(f"/{stem}Request")
        assert fields["result"]["anyOf"][0]["$ref"].endswith(f"/{stem}Outcome")


def test_every_request_has_examples_that_it_takes(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    all_of_them: tuple[type[BaseModel], ...] = (*descendants(Spec), LossRequest, ExampleRequest)
    models = {model.__name__: model for model in all_of_them}
    operations = [each for path in document["paths"].values() for each in path.values()]
    asked = [each["requestBody"] for each in operations if "requestBody" in each]
    assert len(asked) > 10
    for body in asked:
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert schemas[name]["examples"]
        for example in schemas[name]["examples"]:
            models[name].model_validate(example)


def descendants(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield each
        yield from descendants(each)
