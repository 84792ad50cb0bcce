"""The OpenAPI document: FastAPI's, with every error documented as the problem it is."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.schemas import PROBLEM, Problem

_METHODS = {"get", "head", "post", "put", "patch", "delete"}


def add_openapi(app: FastAPI, *, token: bool, root_path: str) -> None:
    """Replace ``app.openapi`` by one that documents problems, the token where there is one, and the path."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, token=token)
            if root_path:
                app.openapi_schema["servers"] = [{"url": root_path}]
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, *, token: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=app.separate_input_output_schemas,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    # Mounted by hand: FastAPI would list a model given in `responses` as application/json too.
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, operations in document["paths"].items():
        for method in _METHODS & operations.keys():
            _document_problems(operations[method])
            if token and path.startswith("/v1"):
                operations[method]["security"] = [{"token": []}]
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _document_problems(operation: dict[str, Any]) -> None:
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = {"description": "The request was refused.", "content": content}
    responses["5XX"] = {"description": "The service could not answer.", "content": content}
