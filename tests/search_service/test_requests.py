"""Requests: presets filled in, names that follow, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from search_service.catalogue.request import DatasetRequest
from search_service.loss_networks.request import LossNetworkRequest
from search_service.retrainings.request import RetrainingRequest
from search_service.samplers.specs import PPO2Spec
from search_service.searches.request import SearchRequest
from search_service.searches.space_specs import CurvesSpec
from surrogate_zoo.sums import term_names


def search(**fields: Any) -> SearchRequest:
    return SearchRequest.model_validate({"metric": "miou", "dataset": "shapes"} | fields)


def test_the_released_preset_is_the_authors_search() -> None:
    spec = PPO2Spec()
    assert (spec.steps, spec.samples, spec.updates, spec.sigma) == (12, 32, 60, 0.2)
    assert (spec.learning_rate, spec.clip, spec.ratio, spec.baseline) == (
        0.2,
        0.2,
        "per-dimension",
        "mu",
    )
    request = search(preset="released")
    assert (request.sampler, request.space) == (spec, CurvesSpec())
    assert (request.halving, request.race, request.frozen_encoder) == (None, None, False)
    assert (request.network.architecture, request.network.encoder) == ("DeepLabV3Plus", "resnet50")
    assert (request.training.iterations, request.training.batch_size) == (1000, 32)
    assert request.training.auxiliary_weight == 0.4
    assert (request.training.crop, request.proxy_size) == ((128, 128), 128)
    assert request.schedule.augmentation.short_side == 128
    assert search(preset="released", proxy_size=None).schedule.augmentation.short_side is None


def test_the_paper_preset_is_the_papers_search() -> None:
    spec = PPO2Spec(preset="paper")
    assert (spec.steps, spec.samples, spec.updates, spec.clip) == (20, 32, 100, 0.1)
    assert (spec.ratio, spec.baseline) == ("joint", "mean")
    assert spec.trials == 640
    assert search(preset="paper").proxy_size == 128
    assert search(preset="quick").proxy_size is None


def test_a_frozen_encoder_is_a_pretrained_one() -> None:
    assert (search().network.weights, search().frozen_encoder) == ("packaged", True)
    assert not search(frozen_encoder=False).frozen_encoder
    assert not search(network={"encoder": "resnet18"}).frozen_encoder
    assert search(network={"encoder": "resnet18", "weights": "imagenet"}).frozen_encoder
    with pytest.raises(ValidationError, match="frozen_encoder needs a pretrained encoder"):
        search(preset="quick", frozen_encoder=True)


def test_the_space_follows_from_the_sampler_and_fits_it() -> None:
    assert search().space.name == "zoo"
    for name in ("ppo2", "tpe", "random"):
        other = search(sampler={"name": name})
        assert (other.space.name, other.halving, other.race) == ("curves", None, None)
    with pytest.raises(ValidationError, match="sampler portfolio searches the space zoo"):
        search(sampler={"name": "tpe"}, space={"name": "zoo"})
    with pytest.raises(ValidationError, match="sampler portfolio searches the space zoo"):
        search(space={"name": "curves"})
    with pytest.raises(ValidationError, match="rates must be"):
        search(space={"name": "zoo", "rates": [2, 1]})


def test_several_metrics_have_a_winner_each() -> None:
    request = SearchRequest.model_validate({"metrics": ["miou", "miou+bf1"], "dataset": "shapes"})
    assert (request.metric, request.objectives) == ("miou+bf1", ("miou", "miou+bf1"))
    assert [request.name_for(metric) for metric in request.objectives] == [
        "asl-shapes-miou",
        "asl-shapes-miou-bf1",
    ]
    with pytest.raises(ValidationError, match="give metric or metrics"):
        search(metrics=["bf1", "macc"])
    with pytest.raises(ValidationError, match="searched by the sampler portfolio alone"):
        SearchRequest.model_validate(
            {"metrics": ["miou", "bf1"], "dataset": "shapes", "sampler": {"name": "tpe"}}
        )


def test_single_fields_go_before_the_preset() -> None:
    assert PPO2Spec.model_validate({"preset": "paper", "steps": 3, "clip": 0.3}).trials == 96
    request = search(
        preset="quick", training={"iterations": 7}, network={"encoder": "mobilenet_v2"}
    )
    quick = search(preset="quick")
    assert request.training == quick.training.model_copy(update={"iterations": 7})
    assert request.network.encoder == "mobilenet_v2"
    assert request.sampler == quick.sampler
    assert quick.training.iterations < 200


def test_the_results_name_follows_from_metric_and_dataset() -> None:
    assert search().loss_name == "asl-miou-shapes"
    assert search(name="mine").loss_name == "mine"


def test_a_metric_of_many_terms_is_cut_to_what_fits_into_the_results_name() -> None:
    metrics = ("miou-per-image", "boundary-iou", "precision", "fwiou", "dice", "cwiou", "kappa")
    metric = "+".join(f"0.123456*{name}" for name in metrics)
    for dataset in ("shapes", "a" * 100):
        request = search(metric=metric, dataset=dataset)
        assert request.loss_name.startswith("asl-0.123456-miou-per")
        assert request.loss_name.endswith(f"-{dataset}")
        again = SearchRequest.model_validate_json(request.model_dump_json())
        assert again.loss_name == request.loss_name


@pytest.mark.parametrize(
    "fields",
    [
        {"preset": "released"},
        {"preset": "paper"},
        {"preset": "quick"},
        {"sampler": {"name": "tpe", "startup": 3}},
        {"sampler": {"name": "cma-es"}, "start": "asl-miou-voc", "start_version": 1},
    ],
)
def test_a_request_survives_json(fields: dict[str, Any]) -> None:
    request = search(**fields)
    assert SearchRequest.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    "fields",
    [
        {"preset": "nope"},
        {"preset": ["quick"]},
        {"unknown": 1},
        {"name": "Upper"},
        {"name": "a/b"},
        {"dataset": "../x"},
        {"seed": -1},
        {"seed": 2**31},
        {"hold_out": 1.0},
        {"hold_out": float("nan")},
        {"hold_out": {"split": "val", "share": 0.2}},
        {"hold_out": {"groups": "(a+)+"}},
        {"hold_out": {"share": 0.2, "images": 3}},
        {"segments": 0},
        {"priority": 10**6},
        {"sampler": {"name": "nope"}},
        {"sampler": {"name": "ppo2", "steps": -1}},
        {"sampler": {"name": "ppo2", "preset": "nope"}},
        {"sampler": {"name": "ppo2", "sigma": 0}},
        {"sampler": {"name": "random", "steps": 3}},
        {"sampler": {"name": "gp", "trials": 10_000}},
        {"sampler": {"name": "cma-es", "batch": 2}},
        {"sampler": {"name": "tpe", "startup": 0}},
        {"sampler": 3},
        {"start": "A+B"},
        {"start_version": 1},
        {"training": {"iterations": -5}},
        {"training": {"crop": [1, 1]}},
        {"network": {"weights": "my-file.pt"}},
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        search(**fields)


@pytest.mark.parametrize("body", [None, 3, "text", [], {}])
@pytest.mark.parametrize(
    "kind", [SearchRequest, RetrainingRequest, LossNetworkRequest, DatasetRequest]
)
def test_other_json_is_refused(kind: type[SearchRequest], body: object) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(body)


def retraining(loss: str, **fields: Any) -> RetrainingRequest:
    return RetrainingRequest.model_validate({"loss": loss, "dataset": "shapes"} | fields)


def test_a_weighted_sum_names_its_terms_once() -> None:
    request = retraining(" 0.5*dice + 1e+2*lovasz+dice ")
    assert request.loss == "0.5*dice+1e+2*lovasz+dice"
    assert term_names(request.loss) == ("dice", "lovasz")
    assert term_names(retraining("cross-entropy").loss) == ("cross-entropy",)
    assert retraining("dice+lovasz", versions={"dice": 3}).versions == {"dice": 3}


@pytest.mark.parametrize(
    "fields",
    [
        {"loss": ""},
        {"loss": "A+B"},
        {"loss": "dice+"},
        {"loss": "0*dice"},
        {"loss": "dice lovasz"},
        {"loss": "+".join(["dice"] * 17)},
        {"loss": "dice+lovasz", "version": 1},
        {"loss": "dice", "versions": {"dice": 1}},
        {"loss": "dice+lovasz", "versions": {"dice": 0}},
    ],
)
def test_a_loss_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        retraining(**fields)


@pytest.mark.parametrize(
    "network",
    [
        {},
        {"kind": "nope"},
        {"kind": "edge_network", "iterations": 0},
        {"kind": "inverse_network", "noise": -0.1},
    ],
)
def test_a_loss_network_that_cannot_be_is_refused(network: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LossNetworkRequest.model_validate({"dataset": "shapes", "network": network})


@pytest.mark.parametrize("wrong", [{"scoring": {"tolerance": False}}, {"warm_up": True}])
def test_a_boolean_is_no_number(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="takes no true or false"):
        SearchRequest.model_validate({"metric": "miou", "dataset": "shapes"} | wrong)
