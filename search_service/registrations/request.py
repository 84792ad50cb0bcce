"""What a caller may ask to be registered, as a job; needs pydantic alone."""

from search_service.catalogue.request import DatasetRequest
from search_service.jobs.fields import JobRequest


class RegistrationRequest(DatasetRequest, JobRequest):
    """A dataset to register: every file of it is read and checked, however long that takes."""

    @property
    def aside(self) -> bool:
        """It trains nothing, and so takes no place of those who do."""
        return True
