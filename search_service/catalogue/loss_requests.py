"""What a caller may ask of the zoo; needs pydantic alone."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, RootModel, Tag

from search_service.jobs.fields import Name, Sha256, Version
from workers.tasks.base import Spec
from workers.tasks.described import Described, DescribedAs, Setting


class EntryRequest(Spec):
    """A handmade loss with parameters of one's own.

    Attributes:
        name: Its name in the zoo.
        loss: The entry that it is made of.
        parameters: Those that differ from the entry's; ``GET /v1/losses/{loss}`` tells what each may be.
        title: A line for people; made of the entry's if not given.
        scale: What the loss is multiplied by; None takes the entry's, which was measured with the
            entry's own parameters.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "my-tversky",
                    "loss": "tversky",
                    "parameters": {"alpha": 0.5, "beta": 0.5},
                },
            ]
        }
    )

    name: Name
    loss: Name
    parameters: Annotated[dict[str, Any], DescribedAs(dict[str, Setting])] = Field(
        default_factory=dict
    )
    title: Annotated[str, Field(max_length=500)] = ""
    scale: Annotated[float, Field(gt=0)] | None = None


class LossFile(Described):
    """A whole loss file, as it was downloaded; its other fields follow from its kind.

    Attributes:
        name: Its name in the zoo.
        kind: What the loss is made of: a metric, a formula, or other losses.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    schema_: Literal["lossfit/loss/v1"] = Field(alias="schema")
    name: Name
    kind: Literal["surrogate", "handmade", "sum"]
    sha256: Sha256 = Field(
        description="Over the canonical body; a file that was changed does not fit it any more."
    )

    @property
    def document(self) -> dict[str, Any]:
        """The file's content."""
        return self.model_dump(by_alias=True)


class AliasRequest(Spec):
    """An alias of a loss: a second name that requests may say in its place.

    Attributes:
        name: The alias; no loss has that name.
        loss: The loss that it stands for from now on, or another alias of it.
        version: Its version; None takes the newest at the time of the request, or the other alias's.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "production", "loss": "asl-miou-voc", "version": 1}]
        }
    )

    name: Name
    loss: Name
    version: Version | None = None


def _form(body: object) -> str:
    """Which of the two forms a body has."""
    if isinstance(body, LossFile):
        return "file"
    return "file" if isinstance(body, dict) and "schema" in body else "entry"


class LossRequest(
    RootModel[
        Annotated[
            Annotated[EntryRequest, Tag("entry")] | Annotated[LossFile, Tag("file")],
            Discriminator(_form),
        ]
    ]
):
    """A loss for the zoo: an entry with parameters, or a whole loss file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "my-tversky", "loss": "tversky", "parameters": {"alpha": 0.5}}]
        }
    )
