"""What the API takes and answers where a loss is tried on a drawn example; needs pydantic alone."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import View

_Label = Annotated[int, Field(ge=0, le=1)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Side = Field(min_length=2, max_length=48)


class ExampleRequest(BaseModel):
    """A drawn image of background and foreground, and a prediction of it."""

    model_config = ConfigDict(extra="forbid")

    truth: Annotated[list[Annotated[list[_Label], _Side]], _Side] = Field(
        description="Rows of labels: 0 is background, 1 foreground.",
        examples=[[[0, 0, 0], [0, 1, 1], [0, 1, 1]]],
    )
    scores: Annotated[list[Annotated[list[_Share], _Side]], _Side] = Field(
        description="Rows of what is predicted for the foreground, 0 to 1; as large as `truth`.",
        examples=[[[0.1, 0.1, 0.1], [0.1, 0.6, 0.9], [0.1, 0.6, 0.9]]],
    )
    steps: int = Field(
        0, ge=0, le=21, description="Points along each axis of the surface; 0 leaves it out."
    )


class DrawnView(View):
    """What a loss says of an example; null where it is not finite."""

    value: float | None
    gradient: list[list[float | None]] = Field(
        description="Rows of its derivative by the foreground's logit; where it is negative a step of the "
        "training raises the foreground."
    )
    levels: list[float] = Field(description="Probabilities that the surface's axes stand for.")
    surface: list[list[float | None]] = Field(
        description="Its value where all foreground is given `levels[i]` and all background `levels[j]`, at "
        "`[i][j]`; empty unless it was asked for."
    )
