"""What a caller may ask to be registered, as a job; needs pydantic alone."""

from pydantic import ConfigDict

from search_service.catalogue.request import DatasetRequest
from search_service.jobs.fields import JobRequest


class RegistrationRequest(DatasetRequest, JobRequest):
    """A dataset to register: every file of it is read and checked, however long that takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "few-shapes",
                    "source": {"layout": "shapes", "train": 8, "val": 2, "test": 2},
                },
                {
                    "name": "cells",
                    "source": {
                        "layout": "folder",
                        "root": "/data/cells",
                        "classes": ["ground", "cell"],
                    },
                },
            ]
        }
    )

    @property
    def aside(self) -> bool:
        """It trains nothing, and so takes no place of those who do."""
        return True
