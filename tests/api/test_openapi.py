"""Schemathesis: whatever is asked, no operation fails, and every answer is as documented."""

import json
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import GenerationMode
from schemathesis.core.result import Err, Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import create_app
from search_service.settings import Settings
from surrogate_zoo.curves.families import CURVE_FAMILIES
from tests.api.conftest import Live
from tests.conftest import DEADLINE

EXAMPLES = 10
LAYOUTS = [
    "ShapesSource",
    "CocoSource",
]  # one that reads no files, so is sound here, and one that does
NAMES = {
    ("SearchRequest", "metric"): {"enum": ["macc", "bf1", "macc+bf1"]},
    ("SearchRequest", "dataset"): {"enum": ["shapes"]},
    ("SearchRequest", "priors"): {"maxItems": 0},
    ("SearchRequest", "trainer"): {"enum": ["service"]},
    ("SearchRequest", "num_classes"): {"anyOf": [{"type": "null"}]},
    ("SearchRequest", "steps"): {"anyOf": [{"type": "null"}]},
    ("SearchRequest", "class_pixels"): {"anyOf": [{"type": "null"}]},
    ("SearchRequest", "class_image_pixels"): {"anyOf": [{"type": "null"}]},
    ("SearchRequest", "family"): {"enum": list(CURVE_FAMILIES)},
    ("RetrainingRequest", "loss"): {"enum": ["dice", "asl-miou-voc", "dice+2*lovasz"]},
    ("RetrainingRequest", "dataset"): {"enum": ["shapes"]},
    ("RetrainingRequest", "versions"): {"maxProperties": 0},
    ("ComparisonRequest", "losses"): {"items": {"enum": ["dice", "focal"]}, "uniqueItems": True},
    ("ComparisonRequest", "dataset"): {"enum": ["shapes"]},
    ("ComparisonRequest", "metric"): {"enum": ["miou", "bf1"]},
    ("ComparisonRequest", "versions"): {"maxProperties": 0},
    ("LossNetworkRequest", "dataset"): {"enum": ["shapes"]},
    ("EntryRequest", "loss"): {"enum": ["dice", "focal"]},
    ("EntryRequest", "parameters"): {"maxProperties": 0},
    ("RetrainingRequest", "loss_networks"): {"maxProperties": 0},
    ("ComparisonRequest", "loss_networks"): {"maxProperties": 0},
    ("RegistrationRequest", "source"): {
        "oneOf": [{"$ref": f"#/components/schemas/Asked{layout}"} for layout in LAYOUTS]
    },
    ("ShapesSource", "train"): {"maximum": 20},
    ("ShapesSource", "val"): {"maximum": 3},
    ("ShapesSource", "test"): {"maximum": 3},
    ("ShapesSource", "height"): {"maximum": 32},
    ("ShapesSource", "width"): {"maximum": 32},
}
"""Narrows the document to names that exist and sizes that are quick, so that requests get far."""


def document() -> schemathesis.BaseSchema:
    with tempfile.TemporaryDirectory() as home:
        document = create_app(Settings(home=Path(home))).openapi()
    schemas = document["components"]["schemas"]
    schemas |= {f"Asked{name}": _asked(schema) for name, schema in schemas.items()}
    for operations in document["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"] = _asked(operation["requestBody"])
    for (model, field), narrowed in NAMES.items():
        schemas[f"Asked{model}"]["properties"][field] |= narrowed
    return schemathesis.openapi.from_dict(document)


def _asked(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document that speaks of requests alone: what is answered is not narrowed."""
    text = json.dumps(part).replace("#/components/schemas/", "#/components/schemas/Asked")
    asked: dict[str, Any] = json.loads(text)
    return asked


def operations() -> dict[str, APIOperation[Any, Any, Any, Any]]:
    """Every operation of the document by its method and path."""
    results = list(document().get_all_operations())
    assert [result.err() for result in results if isinstance(result, Err)] == []
    sound = [result.ok() for result in results if isinstance(result, Ok)]
    return {operation.label: operation for operation in sound}


OPERATIONS = operations()
MISTAKABLE = [
    label for label, takes in OPERATIONS.items() if takes.body or list(takes.iter_parameters())
]


def test_every_kind_of_job_has_the_same_operations_with_names_for_functions() -> None:
    paths = {label.split("/v1/")[1] for label in OPERATIONS if "/v1/" in label}
    life = {
        path.removeprefix("retrainings") for path in paths if path.split("/")[0] == "retrainings"
    }
    for kind in ("searches", "comparisons", "loss-networks"):
        assert {f"{kind}{path}" for path in life} <= paths
    names = [operation.definition.raw["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


def examine(live: Live, label: str, mode: GenerationMode) -> set[int]:
    """Send what schemathesis makes up for an operation; give the statuses of the answers."""
    operation = OPERATIONS[label]
    statuses = set()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        # Some rules span fields (a warm-up ends before the training), which no schema can tell.
        response = case.call_and_validate(
            base_url=str(live.http.base_url),
            timeout=DEADLINE,
            excluded_checks=[positive_data_acceptance],
        )
        statuses.add(response.status_code)

    check()
    assert live.is_healthy()
    return statuses


BOTH = ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.slow])]
"""Of tests whose requests seldom get to a database."""


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_to_a_sound_request_is_documented(any_database: Live, label: str) -> None:
    statuses = examine(any_database, label, GenerationMode.POSITIVE)
    if "{" not in label:  # made-up ids and names are those of nothing
        assert statuses & {200, 201, 202}


@pytest.mark.parametrize("any_database", BOTH, indirect=True)
@pytest.mark.parametrize("label", MISTAKABLE)
def test_every_answer_to_a_wrong_request_is_documented(any_database: Live, label: str) -> None:
    assert examine(any_database, label, GenerationMode.NEGATIVE) & {400, 404, 422}
