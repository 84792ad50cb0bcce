"""What a kind of job is: its names, its request, and the code that admits and runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from search_service.jobs.estimate import Estimate
from search_service.jobs.fields import JobRequest

if TYPE_CHECKING:  # the command line has no database
    from sqlalchemy.orm import Session

    from search_service.jobs.run import Run
    from search_service.settings import Settings
    from search_service.store.tables import Job

Request = TypeVar("Request", bound=JobRequest)


class Admission(Protocol[Request]):
    """What the API asks of a kind: the functions of its package's module ``admission``."""

    def resolved(self, settings: "Settings", request: Request) -> Request:
        """Return a request with the paths that it names in full.

        Raises:
            InputError: It names what the service may not read.
        """
        ...

    def admitted(self, session: "Session", request: Request) -> Request:
        """Check a request against what is registered, and fix the versions that it leaves open.

        Admitting what was admitted changes nothing.

        Raises:
            InputError: It names what there is not, or cannot be run.
        """
        ...

    def estimated(self, session: "Session", request: Request, *, measured: bool = True) -> Estimate:
        """Return what a request that was admitted will cost.

        Args:
            session: Reads.
            request: The request.
            measured: Also from what earlier trainings took, which are then looked through.
        """
        ...

    def progress(self, session: "Session", job: "Job") -> dict[str, Any]:
        """Return how far a job is: ``done`` and ``total``, and what else its kind tells."""
        ...


@dataclass(frozen=True)
class Kind(Generic[Request]):
    """One entry of :data:`search_service.kinds.KINDS`.

    Attributes:
        name: What a job's row calls it: ``search``.
        path: Its collection below ``/v1``: ``searches``.
        title: What people call it: ``Search``.
        request: What a caller may ask for.
        result: What one that has succeeded ends with.
        admission: Imports what checks its requests; a client of the service does not have that.
        run: Runs a job of the kind to its end; imports what that needs.
    """

    name: str
    path: str
    title: str
    request: type[Request]
    result: type[BaseModel]
    admission: "Callable[[], Admission[Request]]"
    run: "Callable[[Run], None]"
