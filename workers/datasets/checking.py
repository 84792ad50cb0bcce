"""What registering a dataset would say of it, from a source as a request has it."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workers.datasets.reports.report import examine
from workers.tasks.datasets import DatasetSource
from workers.tasks.file_sources import FilesSource, Registered

_SOURCES: TypeAdapter[DatasetSource] = TypeAdapter(DatasetSource)


def check_source(given: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """Read a dataset through; links may lead anywhere.

    Args:
        given: The fields of its source.

    Returns:
        The report as JSON, None where something is wrong, and all that is wrong, a sentence each.
    """
    try:
        source = _SOURCES.validate_python(
            {**given, "registered": None} if "root" in given else given
        )
    except ValidationError as error:
        return None, tuple(_sentence(one) for one in error.errors(include_url=False))
    if isinstance(source, FilesSource):
        source = source.model_copy(update={"registered": Registered(links=("/",))})
    found = examine(source)
    return (None if found.report is None else found.report.model_dump_json()), found.faults


def _sentence(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors: the field, and what is wrong with it."""
    field = ".".join(str(part) for part in error["loc"][1:]) or "layout"
    return f"{field}: {error['msg'].removeprefix('Value error, ')}."
