"""What people write to a job or a loss after the fact: tags to find it by, and a note."""

from typing import Annotated

from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from search_service.jobs import ledger, lifecycle
from search_service.jobs.fields import Note, TagName
from search_service.store.tables import Job
from workers.tasks.base import Spec


class AnnotationRequest(Spec):
    """What is written to a job or a loss, in place of what stood there; what is left out stays.

    Attributes:
        note: Text of any lines, why it was asked for say; an empty one removes the note. No control
            characters but tabs and ends of lines, and none that change the direction of text.
        tags: Words to find it by; an empty list removes them. What is given twice is kept once. Any number
            of jobs have a tag; of a loss's versions one has it, the last that it was written to.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"note": "Before the lens was cleaned.", "tags": ["baseline", "lens-1"]}]
        }
    )

    note: Note | None = None
    tags: Annotated[tuple[TagName, ...], Field(max_length=16)] | None = None


def annotate(session: Session, job_id: str, request: AnnotationRequest) -> Job:
    """Write tags and note to a job in whatever state.

    Args:
        session: A writing session; the caller commits.
        job_id: The job.
        request: What is written.

    Raises:
        NotFoundError: There is no such job.
    """
    job = ledger.lock(session, lifecycle.of_any_kind(session, job_id).id)
    if request.note is not None:
        job.note = request.note
    if request.tags is not None:
        job.tags = list(dict.fromkeys(request.tags))
    session.flush()
    return job
