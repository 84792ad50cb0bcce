"""What a caller may ask of a retraining; needs pydantic alone."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator

from search_service.jobs.fields import (
    DatasetName,
    JobRequest,
    LossNetworks,
    LossNetworkSpecs,
    LossTerms,
    Name,
    Version,
    check_terms,
)
from search_service.presets import filled
from search_service.retrainings.presets import RETRAINING_PRESETS, RetrainingPreset
from surrogate_zoo.sums import is_sum, term_names
from workers.tasks.retraining import SingleRetrainingOptions


class RetrainingRequest(SingleRetrainingOptions, JobRequest):
    """A full training with a loss of the zoo, or with a weighted sum of several.

    Attributes:
        loss: Name of the loss in the zoo, an alias, or a weighted sum: ``0.5*cross-entropy+0.5*dice``.
        version: Its version; None takes the newest at the time of the request.
        versions: Versions of a weighted sum's terms, by name; a term that is left out takes the
            newest at the time of the request.
        scale: What the loss is multiplied by instead of its own scale; 1 is the metric's or the literature's
            own form, as a search of curves trains it without ``space.scaled``.
        loss_networks: The loss networks that the loss is to carry, by kind: their SHA-256, or how they
            are trained; see ``loss_network_specs`` for a kind that is left out.
        loss_network_specs: How loss networks are trained, whichever the loss carries: the newest of the
            dataset that was trained just so is taken, or one is trained first. Of a kind that is left
            out the newest of the dataset is taken, and one of the default where there is none.
        dataset: Name of a registered dataset.
        preset: What network, training, scoring, inference and loss networks are where they are not
            given: a paper's schedule, see
            :data:`search_service.retrainings.presets.RETRAINING_PRESETS`. None takes the defaults.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"loss": "asl-miou-voc", "dataset": "shapes", "preset": "quick", "split": "test"},
                {"loss": "0.5*cross-entropy+0.5*dice", "dataset": "shapes", "preset": "quick"},
            ]
        }
    )

    pinned: ClassVar[tuple[str, ...]] = ("version", "versions")
    named: ClassVar[tuple[str, ...]] = ("loss", "versions")

    loss: LossTerms
    version: Version | None = None
    versions: dict[Name, Version] = Field(default_factory=dict)
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    loss_networks: LossNetworks = Field(default_factory=dict)
    loss_network_specs: LossNetworkSpecs = ()
    dataset: DatasetName
    preset: RetrainingPreset | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, body: object) -> object:
        return filled(body, RETRAINING_PRESETS)

    @model_validator(mode="after")
    def _versions_fit(self) -> Self:
        if self.version is not None and is_sum(self.loss):
            raise ValueError(
                "version is of a single loss; give the versions of a weighted sum's terms as "
                'versions, such as {"dice": 1}'
            )
        check_terms("versions", self.versions, term_names(self.loss) if is_sum(self.loss) else ())
        return self

    @property
    def loss_versions(self) -> dict[str, int]:
        """The versions that are fixed of the loss or of a weighted sum's terms, by name."""
        return self.versions if self.version is None else {self.loss: self.version}

    def at_versions(self, versions: Mapping[str, int]) -> Self:
        """The request with versions of some losses that it names, where it leaves them open."""
        return self.with_loss_versions({**versions, **self.loss_versions})

    def with_loss_versions(self, versions: dict[str, int]) -> Self:
        """The request with all versions fixed."""
        fixed = {"versions": versions} if is_sum(self.loss) else {"version": versions[self.loss]}
        return self.model_copy(update=fixed)
