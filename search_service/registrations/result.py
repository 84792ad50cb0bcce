"""What a registration ends with; needs pydantic alone."""

from workers.tasks.described import Described


class RegistrationOutcome(Described):
    """What a registration ends with.

    Attributes:
        dataset: Name of the dataset.
        images: Split -> number of images.
    """

    dataset: str
    images: dict[str, int]
