"""What a caller may ask to be registered; needs pydantic alone."""

from search_service.jobs.fields import DatasetName
from workers.tasks.base import Spec
from workers.tasks.datasets import DatasetSource


class DatasetRequest(Spec):
    """A dataset to register.

    Attributes:
        name: What requests will call it.
        source: Where its images and masks are.
    """

    name: DatasetName
    source: DatasetSource
