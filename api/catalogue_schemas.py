"""What jobs choose from: datasets, loss networks, losses, and the registries; needs pydantic alone."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from api.schemas import View
from search_service.catalogue.loss_requests import LossFile
from workers.tasks.datasets import DatasetSource
from workers.tasks.described import DescribedAs, Setting
from workers.tasks.loss_networks import LossNetworkSpec


class DatasetView(View):
    """A registered dataset: where its images are, and what was found there."""

    name: str = Field(description="What requests call it.")
    source: Annotated[dict[str, Any], DescribedAs(DatasetSource)] = Field(
        description="Where its images are, and how they are read."
    )
    report: dict[str, Any] = Field(description="What was found there.")
    created_at: datetime = Field(description="When it was registered.")

    @field_validator("source")
    @classmethod
    def _without_what_workers_alone_read(cls, source: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in source.items() if name != "registered"}


class LossNetworkView(View):
    """The weights of a network that some losses carry inside, trained on one dataset's masks."""

    id: int = Field(description="Its number.")
    kind: str = Field(description="What losses ask for: `edge_network`, `inverse_network`.")
    num_classes: int | None = Field(description="Null where it does not depend on the classes.")
    spec: Annotated[dict[str, Any], DescribedAs(LossNetworkSpec)] = Field(
        description="What was trained, and how."
    )
    seed: int = Field(description="Of its training.")
    measures: dict[str, float] = Field(description="What it reaches on held-out masks.")
    provenance: dict[str, Any] = Field(description="Where it comes from: job, dataset, versions.")
    sha256: str = Field(description="Of the weights' file, safetensors.")
    bytes: int = Field(description="Size of its file.")
    created_at: datetime = Field(description="When it was published.")


class NeedsView(View):
    """What a loss needs beyond logits and target; a retraining supplies it, or says that it cannot."""

    inputs: list[str] = Field(
        description="Tensors of every batch, by name: what heads give (`boundary_logits`, `embeddings`, "
        "`seediness`), the objects' numbers (`instances`), and distance maps."
    )
    facts: list[str] = Field(
        description="Facts about the dataset: `class_pixels` and kinds of loss networks."
    )


class OutlineView(View):
    """One curve of a loss, from x = 0 to x = 1."""

    shape: Literal["bezier", "linear"] = Field(
        description="`bezier`: every second point is the middle one of a quadratic Bezier segment; "
        "`linear`: straight lines between the points."
    )
    points: list[tuple[float, float]] = Field(description="All points in order; both in 0..1.")


class LossView(View):
    """One version of a loss in the zoo."""

    name: str = Field(description="Its name in the zoo.")
    version: int = Field(description="Counts up from 1 with each other content of the name.")
    kind: str = Field(description="What it is made of: a metric, a formula, or other losses.")
    metric: str | None = Field(
        description="The metric that it is the surrogate of; null of others."
    )
    sha256: str = Field(description="Of its document, lower-case hex.")
    tags: list[str] = Field(description="Tags that point at this version.")
    aliases: list[str] = Field([], description="Aliases that stand for this version.")
    note: str = Field("", description="What people wrote to it; may be empty.")
    curves: dict[str, OutlineView] = Field(
        {}, description="Curves of its surrogates, by name; handmade losses have none."
    )
    created_at: datetime = Field(description="When it was published.")


class AliasView(View):
    """An alias: a second name that requests may say in place of a loss's name."""

    name: str = Field(description="The alias.")
    loss: str = Field(description="Name of the loss that it stands for.")
    version: int = Field(description="Its version.")
    moved_at: datetime = Field(description="Since when it stands for that version.")


class ParameterView(View):
    """One parameter of a handmade loss."""

    name: str = Field(description="Its name, as a keyword argument.")
    value: Setting = Field(description="What it is in this loss.")
    default: Setting = Field(description="What it is in the entry that the loss is made of.")
    range: str = Field(description="What it may be, in words.")
    meaning: str = Field(description="What it does.")


class LossDetail(LossView):
    """A loss with its document, and all its versions."""

    document: Annotated[dict[str, Any], DescribedAs(LossFile)] = Field(
        description="The loss file, `lossfit/loss/v1`."
    )
    versions: list[int] = Field(description="All versions of the name.")
    needs: NeedsView = Field(description="What it needs beyond logits and target.")
    parameters: list[ParameterView] = Field(
        default=[], description="Of a handmade loss; others have none to choose."
    )
    parameter_schema: dict[str, Any] | None = Field(
        default=None,
        description="JSON schema of a handmade loss's parameters: what `POST /v1/losses` takes as "
        "`parameters`. Null for other losses.",
    )


class MetricView(View):
    """A segmentation metric that a search can aim at."""

    name: str = Field(description="What requests call it.")
    title: str = Field(description="What papers call it.")
    summary: str = Field(description="What it measures, in a sentence.")
    source: str = Field(description="Where it is defined.")
    factor: float = Field(description="What its values are multiplied by to be shown, in percent.")
    curves: list[str] = Field(description="The logical operations that get a curve each.")
    parameters: int = Field(description="Searched numbers, with the metric's own segments.")
    package: str | None = Field(description="The installed package that brings it, if another's.")


class NetworkView(View):
    """A segmentation network that can be trained."""

    name: str = Field(description="What requests call it.")
    summary: str = Field(description="What it is, in a sentence.")
    source: str = Field(description="Where it is described.")
    package: str | None = Field(description="The installed package that brings it, if another's.")


class CurveFamilyView(View):
    """A family of curves that a search may shape its surrogate with."""

    name: str = Field(description="What requests call it.")
    summary: str = Field(description="What it is, in a sentence.")
    source: str = Field(description="Where it is described.")
    segments: int | None = Field(description="Segments a curve; null takes the metric's own.")
    least: int = Field(description="The fewest segments of a curve.")
    truth_table: bool = Field(description="Keeps g(0) = 0 and g(1) = 1.")
    monotone: bool = Field(description="Keeps g from falling.")
    bounded: bool = Field(description="Whether parameters must lie between `low` and `high`.")
    low: float = Field(description="Lower end of every parameter, or of where samplers draw it.")
    high: float = Field(description="Upper end of the same.")


class SamplerView(View):
    """A sampler: what proposes the candidates of a search."""

    name: str = Field(description="What requests call it.")
    summary: str = Field(description="How it proposes, in a sentence.")
    options: dict[str, Any] = Field(
        description="JSON schema of a search's field `sampler` for this one, with the defaults."
    )
