"""What trainings may be asked for where objects are scored: several ways to make them, tuned alike."""

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from surrogate_zoo.metrics.instances.scores import INSTANCE_SCORES
from workers.tasks.base import Spec
from workers.tasks.described import Described
from workers.tasks.hold_out import HoldOut
from workers.tasks.instances import EMBEDDED, MOST_RADIUS, ClusteringSpec
from workers.tasks.scoring import ScoringSpec

OracleName = Literal["oracle-semantic", "oracle-centres", "oracle-semantic-centres"]
"""A clustering that is told a part of the truth (see ``workers.instances.oracles``)."""

OF_CENTRES: frozenset[OracleName] = frozenset({"oracle-centres", "oracle-semantic-centres"})
"""Oracles that are told the true means of embeddings."""

ClusteringName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
"""What a way to make objects is called: lower-case letters, digits, dots, dashes and underscores."""


def _ranks(score: str) -> str:
    """Refuse what is no score of objects, or has no better way."""
    ranking = [
        name for name, entry in INSTANCE_SCORES.items() if entry.higher_is_better is not None
    ]
    if score not in ranking:
        raise ValueError(f"objects are told apart by one of {', '.join(ranking)}, not by {score!r}")
    return score


RankingScore = Annotated[str, AfterValidator(_ranks)]
"""Name of a score of objects of which one way is better."""


class ClusteringTuning(Spec):
    """Radius and smallest object of every clustering, chosen on a hold-out set.

    That set is not trained on, and the split that the result is scored on plays no part. All
    clusterings have as many tries: rivals are tuned as the others are.

    Attributes:
        score: The score of objects that is to be best.
        hold_out: What they are chosen on, most often a part of the training split.
        factors: Radii to try, in multiples of a clustering's own; of ``watershed`` in whole pixels.
            Of no account for methods that have none.
        min_pixels: Smallest objects to try; none of them keeps a clustering's own.
    """

    score: RankingScore = "sbd"
    hold_out: HoldOut = HoldOut(share=0.1)
    factors: Annotated[
        tuple[Annotated[float, Field(gt=0, le=100)], ...], Field(min_length=1, max_length=32)
    ] = (0.5, 0.75, 1.0, 1.5, 2.0)
    min_pixels: Annotated[
        tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...], Field(max_length=32)
    ] = (1, 5, 20)

    def radii(self, clustering: ClusteringSpec) -> tuple[float, ...]:
        """The radii to try, each once; empty for a method that has none."""
        if clustering.radius is None:
            return ()
        radii = [factor * clustering.radius for factor in self.factors]
        if clustering.method == "watershed":
            radii = [float(max(1, round(radius))) for radius in radii]
        return tuple(dict.fromkeys(min(radius, MOST_RADIUS) for radius in radii))


class ObjectOptions(Spec):
    """How objects are made of a network's predictions and scored beside the labels, in several ways.

    Attributes:
        scoring: Options of the metrics; its ``clustering`` is the first way, whose scores stand among
            the metrics.
        clustering_name: What that way is called; None calls it by its method.
        clusterings: Further ways to make objects of the same network, by name.
        tune_clustering: Choose radius and smallest object of every way on a hold-out set, which is not
            trained on, after the training; None takes them as they are.
        oracles: Clusterings by ``scoring.clustering`` that are told a part of the truth, for what is
            left to win; never ranked.
    """

    scoring: ScoringSpec = ScoringSpec()
    clustering_name: ClusteringName | None = None
    clusterings: Annotated[dict[ClusteringName, ClusteringSpec], Field(max_length=16)] = Field(
        default_factory=dict
    )
    tune_clustering: ClusteringTuning | None = None
    oracles: tuple[OracleName, ...] = ()

    @property
    def ways(self) -> dict[str, ClusteringSpec]:
        """All ways by name, that of ``scoring.clustering`` first; empty where no objects are made."""
        first = self.scoring.clustering
        if first is None:
            return {}
        return {self.clustering_name or first.method: first} | self.clusterings

    @model_validator(mode="after")
    def _ways_have_a_first_and_names_of_their_own(self) -> Self:
        first = self.scoring.clustering
        if first is None:
            fields = ("clustering_name", "clusterings", "oracles", "tune_clustering")
            if further := [name for name in fields if getattr(self, name)]:
                raise ValueError(
                    f"{further[0]} goes with objects, and none are made: set scoring.clustering too"
                )
            return self
        name = self.clustering_name or first.method
        names = [name, *self.clusterings, *get_args(OracleName)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(
                f"two ways to make objects are called {twice[0]!r}: rename one of clusterings"
            )
        centres = OF_CENTRES.intersection(self.oracles)
        if centres and first.method not in EMBEDDED:
            raise ValueError(
                f"{min(centres)} needs the radius of mean-shift or threshold as scoring.clustering, "
                f"not {first.method}"
            )
        return self


class TuningReport(Described):
    """How the ways to make objects were tuned.

    Attributes:
        score: The score of objects that was to be best.
        hold_out: What they were chosen on, in a sentence.
        scores: The best that each way reached there.
    """

    score: str
    hold_out: str
    scores: dict[str, float]


class ObjectReport(Described):
    """What a retraining tells of objects.

    Attributes:
        things: Labels of the classes that have objects.
        clusterings: Every way to make objects, by name, as it was scored.
        scores: Scores of every way, by name.
        oracles: Scores of the ways that were told a part of the truth, by name.
        tuning: How the ways were tuned; null where they were not.
    """

    things: list[int] = Field(default_factory=list)
    clusterings: dict[str, ClusteringSpec] = Field(default_factory=dict)
    scores: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    oracles: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    tuning: TuningReport | None = None
