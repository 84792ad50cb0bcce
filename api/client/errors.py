"""What the client raises.

::

    LossfitError
    └── ServiceError            the service refused, or cannot be reached
        ├── StrangerError           what answers is not lossfit: a login page, a proxy's error
        ├── JobError                a job ended without a result
        └── JobTimeoutError         a job did not end in time (also a TimeoutError)
"""

from api.job_schemas import JobDetail
from surrogate_zoo.errors import LossfitError

_PASSING = frozenset({None, 502, 503, 504})


class ServiceError(LossfitError):
    """The service refused a request, or cannot be reached; the message says what to do.

    Attributes:
        status: The HTTP status; None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether a restart of the service looks like this: the same request may succeed later."""
        return self.status in _PASSING


class StrangerError(ServiceError):
    """What answered is not lossfit."""


class JobError(ServiceError):
    """A job failed or was cancelled.

    Attributes:
        job: The job as it ended.
    """

    def __init__(self, job: JobDetail) -> None:
        ended = job.state if job.state == "failed" else f"was {job.state}"
        reason = f": {job.error}" if job.error else "."
        super().__init__(f"The {job.kind} {job.id} {ended}{reason}")
        self.job = job


class JobTimeoutError(ServiceError, TimeoutError):
    """A job did not end in the time that the caller waits; it goes on."""
