"""The samplers that a search may ask for, with their options; needs pydantic alone."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from search_service.presets import filled
from workers.tasks.base import Spec

PPO2Preset = Literal["released", "paper", "quick"]
"""Names of presets of :class:`PPO2Spec`."""

_PPO2_PRESETS: dict[str, dict[str, Any]] = {
    "released": {},
    "paper": {"steps": 20, "updates": 100, "clip": 0.1, "ratio": "joint", "baseline": "mean"},
    # Eight samples are too few to lean on the score of one of them.
    "quick": {"steps": 5, "samples": 8, "baseline": "mean"},
}


class SamplerOptions(Spec):
    """Base of what samplers may be asked for.

    Attributes:
        seeks_trade_off: Whether it searches the trade-off between several metrics, rather than the
            highest score.
        learns_from_whole_generations: Whether a generation that was cut short changes what comes after
            it, so that budgets grow by whole ones alone.
    """

    seeks_trade_off: ClassVar[bool] = False
    learns_from_whole_generations: ClassVar[bool] = False

    @property
    def generation(self) -> int:
        """Proposals that are evaluated together."""
        return int(getattr(self, "batch"))  # noqa: B009 - most samplers call it that

    def with_trials(self, trials: int) -> Self:
        """The same sampler with another budget."""
        return self.model_copy(update={"trials": trials})


class PPO2Spec(SamplerOptions):
    """PPO2 over a truncated normal policy; the defaults are the released search's.

    Attributes:
        preset: Where the fields that are not given come from: ``released`` (the authors' code),
            ``paper`` (Auto Seg-Loss, appendix; the ratio of the textbook, and the start of the
            released code, since the paper tells neither), ``quick`` (a first look).
        steps: Generations; the policy is updated after each.
        samples: Proposals a generation, M.
        updates: Gradient steps on one generation's scores.
        sigma: Standard deviation of the normal before it is truncated to [0, 1]; where theta has no
            bounds, nothing is truncated, and this is a share of the width of the space's box.
        learning_rate: Adam's, on logit(mu); on ``4 (mu - start) / width`` where theta has no bounds.
        clip: The ratio's clip range.
        ratio: ``per-dimension`` clips every parameter's ratio on its own, ``joint`` their product.
        baseline: ``mu`` evaluates mu itself as each generation's first proposal and takes its score
            as the baseline; ``mean`` takes the generation's mean score.
    """

    learns_from_whole_generations: ClassVar[bool] = True

    name: Literal["ppo2"] = "ppo2"
    preset: PPO2Preset = "released"
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
    def _fill_in_preset(cls, body: object) -> object:
        return filled(body, _PPO2_PRESETS)

    @property
    def trials(self) -> int:
        """Proposals in total."""
        return self.steps * self.samples

    @property
    def generation(self) -> int:
        """Proposals that are evaluated together."""
        return self.samples

    def with_trials(self, trials: int) -> Self:
        """The same sampler with another budget, of whole generations."""
        return self.model_copy(update={"steps": trials // self.samples})


Trials = Annotated[int, Field(ge=1, le=1_000_000)]
Batch = Annotated[int, Field(ge=1, le=10_000)]


class RandomSpec(SamplerOptions):
    """Independent uniform proposals, the start first: the control of every other sampler.

    Attributes:
        trials: Proposals in total.
        batch: Proposals that are evaluated together.
    """

    name: Literal["random"] = "random"
    trials: Trials = 384
    batch: Batch = 32


class TPESpec(SamplerOptions):
    """Optuna's tree-structured Parzen estimator, over all parameters jointly.

    What is published is smoothed over all trials, with the cube of their number, hence the limit.

    Attributes:
        trials: Proposals in total.
        batch: Proposals that are evaluated together; those of a batch keep away from each other
            (constant liar).
        startup: Scored proposals, the start among them, before the estimator takes over from
            uniform draws.
    """

    name: Literal["tpe"] = "tpe"
    trials: Annotated[int, Field(ge=1, le=2000)] = 96
    batch: Batch = 8
    startup: Annotated[int, Field(ge=1, le=10_000)] = 8


class GPSpec(SamplerOptions):
    """Optuna's Gaussian process with expected improvement; a proposal takes up to seconds.

    Its time grows with the cube of the number of trials, hence the limit.

    Attributes:
        trials: Proposals in total.
        batch: Proposals that are evaluated together; each counts on those before it (q-batch
            expected improvement).
        startup: Scored proposals, the start among them, before the process takes over from uniform
            draws.
    """

    name: Literal["gp"] = "gp"
    trials: Annotated[int, Field(ge=1, le=1000)] = 96
    batch: Batch = 8
    startup: Annotated[int, Field(ge=1, le=1000)] = 8


class CMAESSpec(SamplerOptions):
    """CMA-ES: a normal distribution whose mean and covariance follow the better half of a batch.

    Attributes:
        trials: Proposals in total; a last batch that is not full changes nothing any more.
        batch: Proposals a generation, the population size.
        sigma: Standard deviation of the first generation, as a share of each parameter's range.
    """

    name: Literal["cma-es"] = "cma-es"
    trials: Trials = 96
    batch: Annotated[int, Field(ge=4, le=10_000)] = 12
    sigma: Annotated[float, Field(ge=0.01, le=1.0)] = 0.2


class NSGA2Spec(SamplerOptions):
    """NSGA-II: the trade-off between two or more metrics, instead of one mean of them.

    What is published is smoothed over all trials, with the cube of their number, hence the limit.

    Attributes:
        trials: Proposals in total.
        population: Proposals that are evaluated together, the first ones drawn at random but the
            start; as many of all trials, the least dominated and least crowded, breed the next.
    """

    seeks_trade_off: ClassVar[bool] = True

    name: Literal["nsga-ii"] = "nsga-ii"
    trials: Annotated[int, Field(ge=1, le=2000)] = 192
    population: Annotated[int, Field(ge=2, le=1000)] = 16

    @property
    def generation(self) -> int:
        """Proposals that are evaluated together."""
        return self.population


Rate = Annotated[float, Field(gt=0, le=1000)]


class PortfolioSpec(SamplerOptions):
    """What is known to be good first, then a Gaussian process for each kind of loss that leads.

    The first generation is the portfolio: every loss of the zoo that the space holds, the surrogates
    with straight curves and with published ones, each at several learning rates. The batch after it
    takes even sums of two kinds that lead for a metric. Of later proposals half go to the kind of loss, or
    sum, that leads, a quarter to the next, and so on.

    Attributes:
        trials: Proposals after the portfolio; whole batches.
        batch: Proposals that are evaluated together; where several metrics are searched for, they take
            turns.
        rates: Factors on the schedule's peak learning rate that the portfolio is tried at.
        arms: How many kinds of loss are proposed from in one batch, at most, for a metric.
        startup: Scored points of a kind before its process takes over from uniform draws.
    """

    learns_from_whole_generations: ClassVar[bool] = True

    name: Literal["portfolio"] = "portfolio"
    trials: Annotated[int, Field(ge=0, le=10_000)] = 32
    batch: Batch = 16
    rates: Annotated[tuple[Rate, ...], Field(min_length=1, max_length=8)] = (1.0, 3.0)
    arms: Annotated[int, Field(ge=1, le=32)] = 3
    startup: Annotated[int, Field(ge=1, le=1000)] = 4

    @model_validator(mode="after")
    def _batches_are_whole(self) -> "PortfolioSpec":
        if self.trials % self.batch:
            raise ValueError(
                f"trials must be whole batches of {self.batch}: the last one could not be extended "
                "otherwise"
            )
        return self


SamplerSpec = Annotated[
    PPO2Spec | RandomSpec | TPESpec | GPSpec | CMAESSpec | NSGA2Spec | PortfolioSpec,
    Field(discriminator="name"),
]
