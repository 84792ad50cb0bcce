"""What a caller may ask for, as API and command line both check it; needs pydantic alone."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from surrogate_zoo.loss_file import NAME
from surrogate_zoo.sums import is_sum, parse_sum
from workers.loss_networks.specs import LossNetworkSpec
from workers.specs import (
    QUICK_HOLD_OUT,
    QUICK_NETWORK,
    QUICK_PROXY,
    QUICK_SCORING,
    DatasetSource,
    Fraction,
    NetworkSpec,
    ScoringSpec,
    Seed,
    Spec,
    TrainingSpec,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=128)]
"""A name in the zoo: lower-case letters, digits, dots, dashes and underscores."""

DatasetName = Annotated[Name, StringConstraints(max_length=100)]
"""A dataset's name: as in the zoo, and shorter, since the name of a loss may contain it."""

Priority = Annotated[int, Field(ge=-1000, le=1000)]
"""Order among waiting jobs: a higher priority starts first, equals start in the order they came."""

Version = Annotated[int, Field(ge=1, lt=2**31)]

Preset = Literal["released", "paper", "quick"]


def _names_losses(text: str) -> str:
    """Check a loss's name or a weighted sum; a sum comes back without white space."""
    if is_sum(text):
        parse_sum(text)
        return "".join(text.split())
    if not NAME.fullmatch(text):
        raise ValueError(f"a loss's name must match {NAME.pattern}; a weighted sum needs + or *")
    return text


LossTerms = Annotated[
    str, StringConstraints(min_length=1, max_length=2500), AfterValidator(_names_losses)
]
"""A name in the zoo, or a weighted sum of such names, as :func:`surrogate_zoo.sums.parse_sum` reads it."""


def _filled(given: object, presets: dict[str, dict[str, Any]]) -> object:
    """Put the preset's values where ``given`` has none; leave what is no object to pydantic."""
    if not isinstance(given, dict) or not isinstance(given.get("preset", "released"), str):
        return given
    preset = presets.get(given.get("preset", "released"), {})
    filled = {**preset, **given}
    if isinstance(preset.get("training"), dict) and isinstance(given.get("training"), dict):
        filled["training"] = {**preset["training"], **given["training"]}
    return filled


_PPO2_PRESETS: dict[str, dict[str, Any]] = {
    "released": {},
    "paper": {"steps": 20, "updates": 100, "clip": 0.1, "ratio": "joint", "baseline": "mean"},
    # Eight samples are too few to lean on the score of one of them.
    "quick": {"steps": 5, "samples": 8, "baseline": "mean"},
}


class PPO2Spec(Spec):
    """PPO2 over a truncated normal policy; the defaults are the released search's.

    Attributes:
        preset: Where the fields that are not given come from: ``released`` (the authors' code),
            ``paper`` (Auto Seg-Loss, appendix; the ratio of the textbook, and the start of the
            released code, since the paper tells neither), ``quick`` (a first look).
        steps: Generations; the policy is updated after each.
        samples: Proposals a generation, M.
        updates: Gradient steps on one generation's scores.
        sigma: Standard deviation of the normal before it is truncated to [0, 1].
        learning_rate: Adam's, on logit(mu).
        clip: The ratio's clip range.
        ratio: ``per-dimension`` clips every parameter's ratio on its own, ``joint`` their product.
        baseline: ``mu`` evaluates mu itself as each generation's first proposal and takes its score
            as the baseline; ``mean`` takes the generation's mean score.
    """

    name: Literal["ppo2"] = "ppo2"
    preset: Preset = "released"
    steps: Annotated[int, Field(ge=1, le=10_000)] = 12
    samples: Annotated[int, Field(ge=2, le=10_000)] = 32
    updates: Annotated[int, Field(ge=1, le=10_000)] = 60
    sigma: Annotated[float, Field(ge=0.01, le=1.0)] = 0.2
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.2
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    ratio: Literal["per-dimension", "joint"] = "per-dimension"
    baseline: Literal["mu", "mean"] = "mu"

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: object) -> object:
        return _filled(given, _PPO2_PRESETS)

    @property
    def trials(self) -> int:
        """Proposals in total."""
        return self.steps * self.samples


class RandomSpec(Spec):
    """Independent uniform proposals, the straight line first: the control of every other sampler.

    Attributes:
        trials: Proposals in total.
        batch: Proposals that are evaluated together.
    """

    name: Literal["random"] = "random"
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 384
    batch: Annotated[int, Field(ge=1, le=10_000)] = 32


SamplerSpec = Annotated[PPO2Spec | RandomSpec, Field(discriminator="name")]

RELEASED_NETWORK = NetworkSpec(architecture="DeepLabV3Plus", encoder="resnet50", weights="imagenet")
"""The proxy network of the paper and of the released search."""

_SEARCH_PRESETS: dict[str, dict[str, Any]] = {
    "released": {"sampler": PPO2Spec(), "network": RELEASED_NETWORK, "training": {}},
    "paper": {"sampler": PPO2Spec(preset="paper"), "network": RELEASED_NETWORK, "training": {}},
    "quick": {
        "sampler": PPO2Spec(preset="quick"),
        "network": QUICK_NETWORK,
        "training": QUICK_PROXY.model_dump(),
        "scoring": QUICK_SCORING,
        "hold_out": QUICK_HOLD_OUT,
    },
}


class SearchRequest(Spec):
    """A search for the loss that fits a metric on a dataset.

    Attributes:
        name: Name in the zoo of the loss that is found; ``asl-<metric>-<dataset>`` if not given.
        metric: Name of the metric that scores the hold-out set.
        dataset: Name of a registered dataset.
        family: Curve family.
        segments: Segments a curve; None takes the metric's own.
        preset: What sampler, network, training, scoring and hold_out are where they are not given:
            ``released`` and ``paper`` are for GPUs, ``quick`` takes minutes on two CPU cores.
        sampler: What proposes candidates.
        network: The proxy network.
        training: Its schedule; single fields that are not given are the preset's too.
        scoring: Options of the metric.
        hold_out: Share of the training split that is held out for the score.
        seed: Seeds the sampler and, shared by all candidates, the proxy task.
        priority: See :data:`Priority`.
    """

    name: Name | None = None
    metric: str
    dataset: DatasetName
    family: str = "bezier"
    segments: Annotated[int, Field(ge=1, le=8)] | None = None
    preset: Preset = "released"
    sampler: SamplerSpec = PPO2Spec()
    network: NetworkSpec = RELEASED_NETWORK
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    hold_out: Fraction = 0.2
    seed: Seed = 0
    priority: Priority = 0

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: object) -> object:
        return _filled(given, _SEARCH_PRESETS)

    @model_validator(mode="after")
    def _name_the_result(self) -> Self:
        if self.name is None:
            object.__setattr__(self, "name", f"asl-{self.metric}-{self.dataset}")
        return self

    @property
    def loss_name(self) -> str:
        """Name in the zoo of the loss that is found."""
        return str(self.name)


class RetrainingRequest(Spec):
    """A full training with a loss of the zoo, or with a weighted sum of several.

    Attributes:
        loss: Name of the loss in the zoo, or a weighted sum: ``0.5*cross-entropy+0.5*dice``.
        version: Its version; None takes the newest at the time of the request.
        versions: Versions of a weighted sum's terms, by name; a term that is left out takes the
            newest at the time of the request.
        dataset: Name of a registered dataset.
        network: The network.
        training: Its schedule.
        scoring: Options of the metrics.
        split: Split that the result is scored on.
        seed: Seeds initial weights, batches and augmentation.
        checkpoint_every: Steps between two checkpoints.
        priority: See :data:`Priority`.
    """

    loss: LossTerms
    version: Version | None = None
    versions: dict[Name, Version] = Field(default_factory=dict)
    dataset: DatasetName
    network: NetworkSpec = NetworkSpec()
    training: TrainingSpec = TrainingSpec()
    scoring: ScoringSpec = ScoringSpec()
    split: Literal["val", "test"] = "val"
    seed: Seed = 0
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    priority: Priority = 0

    @model_validator(mode="after")
    def _versions_fit(self) -> Self:
        if self.version is not None and is_sum(self.loss):
            raise ValueError(
                "version is of a single loss; give the versions of a weighted sum's terms as "
                'versions, such as {"dice": 1}'
            )
        if strange := sorted(set(self.versions) - set(self.terms)):
            raise ValueError(
                f"versions names what is no term of a weighted sum: {', '.join(strange)}"
            )
        return self

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of a weighted sum's terms, each once; none of a single loss."""
        if not is_sum(self.loss):
            return ()
        return tuple(dict.fromkeys(name for _, name in parse_sum(self.loss)))


class LossNetworkRequest(Spec):
    """The training of a loss network on the masks of a dataset's training split.

    Attributes:
        dataset: Name of a registered dataset.
        network: What to train, and how.
        hold_out: Share of the training masks that the result is measured on.
        seed: Seeds the hold-out cut, weights, batches and noise.
        priority: See :data:`Priority`.
    """

    dataset: DatasetName
    network: LossNetworkSpec
    hold_out: Fraction = 0.2
    seed: Seed = 0
    priority: Priority = 0


class DatasetRequest(Spec):
    """A dataset to register.

    Attributes:
        name: What requests will call it.
        source: Where its images and masks are.
    """

    name: DatasetName
    source: DatasetSource
