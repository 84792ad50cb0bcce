"""What a retraining may be asked for beside its schedule: to end early, and logs."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from surrogate_zoo.sums import is_sum, parse_sum
from workers.spec_base import Fraction, Spec


def _is_metric(text: str) -> str:
    """Check the form of a metric's name or of a weighted sum; whether it exists is seen later."""
    if is_sum(text):
        parse_sum(text)
    return text


class EarlyStopSpec(Spec):
    """Looks at a hold-out set, cut from the training split, which is not trained on.

    The split that the result is scored on is never looked at. The weights of the best look are
    kept; a schedule that ends first keeps them too.

    Attributes:
        metric: What is looked at: the name of a metric, or a weighted sum of several.
        hold_out: Share of the training split that is held out.
        every: Iterations between two looks; the schedule's end is looked at in any case.
        patience: Looks in a row without a better score after which the training ends.
    """

    metric: Annotated[str, AfterValidator(_is_metric)] = "miou"
    hold_out: Fraction = 0.1
    every: Annotated[int, Field(ge=1)] = 500
    patience: Annotated[int, Field(ge=1)] = 5


Log = Literal["tensorboard"]
"""A log that a retraining can write into its folder."""


class MlflowSpec(Spec):
    """Where a retraining is logged by MLflow.

    Attributes:
        tracking_uri: As MLflow reads it: ``http://host:5000``, ``sqlite:////path/mlflow.db``, ...
        run: Name of the run; a retraining that goes on continues the newest run of its name.
        experiment: Name of the experiment; made if it is not there.
    """

    tracking_uri: Annotated[str, Field(min_length=1)]
    run: str
    experiment: str = "segloss"
