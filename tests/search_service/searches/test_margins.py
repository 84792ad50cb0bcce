"""A search of margins: what is asked, what it finds, and what it has to beat."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select

from search_service.searches.extension import ExtensionRequest, extend
from search_service.searches.publication import publish
from search_service.searches.request import PublicationRequest, SearchRequest
from search_service.searches.space import space_of
from search_service.settings import Settings
from search_service.spaces.margins import MarginSpace
from search_service.store.tables import Dataset, Evaluation, Job
from surrogate_zoo import load_loss, needs_of
from surrogate_zoo.errors import InputError
from tests.search_service.searches.margin_pool import MarginPool
from tests.search_service.service import Desk, create, result_of, working
from tests.search_service.test_killed import Process, start  # noqa: F401 - a fixture
from workers.tasks.instances import ClusteringSpec
from workers.tasks.scoring import ScoringSpec

pytestmark = pytest.mark.usefixtures("brief_reports")

ON_SQLITE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
ONE_LINE: dict[str, Any] = {"metric": "sbd", "dataset": "shapes", "space": {"name": "margins"}}
SHORT: dict[str, Any] = ONE_LINE | {
    "sampler": {"name": "portfolio", "trials": 16, "batch": 8, "rates": [1.0], "startup": 2},
    "race": {"starters": 3, "heats": 1, "rounds": 3},
    "seed": 2,
}


def asked(**fields: Any) -> SearchRequest:
    return SearchRequest.model_validate(ONE_LINE | fields)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def test_one_line_is_a_whole_request() -> None:
    request = asked()
    assert (request.sampler.name, request.name) == ("portfolio", "margins-sbd-shapes")
    assert request.network.encoder == "tu-tf_efficientnet_lite0"
    assert request.network.embedding == 16
    assert request.frozen_encoder
    assert request.halving is not None
    assert request.race is not None
    space = space_of(request)
    assert space == MarginSpace(("sbd",), (4, 8, 16), (0.1, 10.0), ClusteringSpec(), None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"network": {"embedding": 8}},
        {"preset": "quick", "scoring": {"tolerance": 3}},
        {"space": {"name": "margins", "radius": 0.7}},
        {"scoring": {"clustering": {"method": "threshold", "radius": 1.0}}},
        {"sampler": {"name": "tpe", "trials": 8}, "race": {}},
        {"metric": "miou+ap50"},
    ],
)
def test_what_is_stored_is_read_back_as_it_was(fields: dict[str, Any]) -> None:
    request = asked(**fields)
    assert SearchRequest.model_validate(request.model_dump(mode="json")) == request


def test_a_width_of_the_network_is_the_only_one_and_the_rest_is_the_presets() -> None:
    request = asked(network={"embedding": 8})
    assert request.space.model_dump()["widths"] == (8,)
    assert request.network == asked().network.model_copy(update={"embedding": 8})
    several = asked(network={"embedding": 8}, space={"name": "margins", "widths": [8, 12]})
    assert several.space.model_dump()["widths"] == (8, 12)


def test_a_radius_that_is_asked_for_holds_for_every_candidate() -> None:
    assert asked().space.model_dump()["radius"] is None
    given: list[dict[str, Any]] = [
        {"scoring": {"clustering": {"radius": 1.5}}},  # as it would be without, but said
        {"space": {"name": "margins", "radius": 1.5}},
        {"scoring": ScoringSpec(clustering=ClusteringSpec(radius=0.9))},
    ]
    assert [asked(**each).space.model_dump()["radius"] for each in given] == [1.5, 1.5, 0.9]
    made = ScoringSpec(clustering=ClusteringSpec(within="components"))
    assert asked(scoring=made).space.model_dump()["radius"] is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"metric": "miou"}, "miou scores none: set metric to sbd or ap50"),
        ({"scoring": {"clustering": {"method": "watershed"}}}, "method to mean-shift or threshold"),
        ({"network": {"embedding": 32}, "space": {"name": "margins", "widths": [8]}}, "leave out"),
        ({"space": {"name": "margins", "widths": [8, 4]}}, "widths must ascend"),
        ({"space": {"name": "margins", "rates": [2, 1]}}, "rates must be"),
        ({"metric": "sbd+ap50", "sampler": {"name": "nsga-ii"}}, "takes? another sampler"),
        ({"start": "asl-miou-voc"}, "start and companion are of the space curves"),
        ({"companion": "dice"}, "start and companion are of the space curves"),
        ({"rejection": {}}, "scores objects: leave it out"),
        ({"network": 3}, "network\n"),
    ],
)
def test_what_cannot_be_searched_says_what_to_set(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        asked(**fields)


@ON_SQLITE
def test_a_dataset_that_tells_no_objects_apart_is_refused(desk: Desk) -> None:
    with desk.writing.begin() as session:
        shapes = session.get_one(Dataset, "shapes")
        plain = Dataset(name="plain", source=shapes.source, created_at=shapes.created_at)
        plain.report = shapes.report | {"instances": None}
        session.add(plain)
        session.flush()
        with pytest.raises(InputError, match="dataset plain tells none apart: take one that does"):
            create(session, asked(dataset="plain"))
        create(session, asked())


def finished(desk: Desk, settings: Settings, pool: MarginPool, **fields: Any) -> Job:
    request = SearchRequest.model_validate(SHORT | fields)
    with working(settings, pool):
        job = desk.wait_for(desk.submit(request))
    assert (job.state, job.error) == ("succeeded", None)
    return job


@ON_SQLITE
def test_margins_that_are_better_than_the_papers_are_published_with_width_and_radius(
    desk: Desk, settings: Settings
) -> None:
    job = finished(desk, settings, MarginPool(paper=0.3))
    (winner,) = result_of(job)["winners"]
    race = winner["race"]
    assert race["verdict"] == "better"
    assert race["sentence"].startswith(
        "The searched margins are better than the paper's margins in SBD over "
    )
    assert " fresh seeds, by +" in race["sentence"]
    parameters = winner["parameters"]
    assert parameters["loss"] == "searched margins"
    assert winner["embedding"] == parameters["width"]
    assert winner["clustering"]["radius"] == parameters["radius"] == parameters["delta_d"]
    document = desk.published(job.id)
    assert document["name"] == "margins-sbd-shapes"
    assert set(needs_of(document).inputs) == {"embeddings", "instances"}
    load_loss(document, num_classes=6)
    chosen = document["provenance"]["chosen"]
    assert (chosen["embedding"], chosen["clustering"]) == (
        winner["embedding"],
        winner["clustering"],
    )
    assert "De Brabandere" in document["provenance"]["method"]


@ON_SQLITE
def test_the_race_is_run_against_the_papers_setting_whatever_its_width(
    desk: Desk, settings: Settings
) -> None:
    job = finished(desk, settings, MarginPool(paper=0.3))
    race = result_of(job)["winners"][0]["race"]
    rivals = [each for each in race["entrants"] if "handmade" in each["roles"]]
    assert [each["loss"] for each in rivals] == ["paper's margins"]
    assert rivals[0]["rival"]
    in_heats = [each["width"] for each in race["in_heats"] if each["loss"] == "paper's margins"]
    assert sorted(in_heats) == [4, 8, 16]
    assert not any("cross-entropy" in each["roles"] for each in race["entrants"])


@ON_SQLITE
def test_where_nothing_is_better_the_papers_setting_is_published(
    desk: Desk, settings: Settings
) -> None:
    job = finished(desk, settings, MarginPool(paper=0.9))
    (winner,) = result_of(job)["winners"]
    assert winner["race"]["verdict"] == "handmade"
    assert winner["race"]["sentence"].startswith(
        "No margins were found that are better than the paper's margins in SBD over"
    )
    assert winner["parameters"]["loss"] == "paper's margins"
    assert winner["parameters"]["delta_v"] == 0.5


@ON_SQLITE
@pytest.mark.parametrize(
    "sampler",
    [
        {"name": "tpe", "trials": 16, "batch": 8, "startup": 4},
        {"name": "cma-es", "trials": 16, "batch": 8},
    ],
    ids=lambda sampler: sampler["name"],
)
def test_samplers_of_boxes_end_with_the_race_too(
    desk: Desk, settings: Settings, sampler: dict[str, Any]
) -> None:
    job = finished(desk, settings, MarginPool(), sampler=sampler)
    race = result_of(job)["winners"][0]["race"]
    assert {role for each in race["entrants"] for role in each["roles"]} >= {
        "candidate",
        "handmade",
        "start",
    }
    assert desk.trials(job.id)[0][1] == [0.5] * 7
    plain = finished(desk, settings, MarginPool(), sampler=sampler, race=None)
    assert result_of(plain)["winners"][0]["embedding"] in (4, 8, 16)


@ON_SQLITE
def test_several_scores_of_objects_have_a_winner_each(desk: Desk, settings: Settings) -> None:
    fields = {name: value for name, value in SHORT.items() if name != "metric"}
    request = SearchRequest.model_validate(fields | {"metrics": ["sbd", "ap50"]})
    with working(settings, MarginPool()):
        job = desk.wait_for(desk.submit(request))
    assert (job.state, job.error) == ("succeeded", None)
    names = [winner["loss"] for winner in result_of(job)["winners"]]
    assert names == ["margins-shapes-sbd", "margins-shapes-ap50"]


@ON_SQLITE
def test_a_trial_is_published_and_a_search_goes_on(desk: Desk, settings: Settings) -> None:
    job = finished(desk, settings, MarginPool())
    with desk.writing.begin() as session:
        loss = publish(session, job.id, PublicationRequest(trial=2, name="mine"))
        chosen = loss.document["provenance"]["chosen"]
    assert chosen["trial"] == 2
    assert chosen["embedding"] == chosen["parameters"]["width"] == 16
    with desk.writing.begin() as session:
        extend(session, Settings(), job.id, ExtensionRequest(trials=8))
    with working(settings, MarginPool()):
        desk.wait(lambda: desk.job(job.id).state == "succeeded", "the end")
    whole = finished(desk, settings, MarginPool(), sampler=SHORT["sampler"] | {"trials": 24})
    assert desk.trials(job.id) == desk.trials(whole.id)


@pytest.mark.slow
@ON_SQLITE
def test_killed_at_every_stage_it_ends_as_an_uninterrupted_one(
    desk: Desk,
    settings: Settings,
    start: Callable[..., Process],  # noqa: F811
) -> None:
    request = SearchRequest.model_validate(SHORT | {"halving": {"rungs": [0.5]}})
    job_id, command = desk.submit(request), ["tests.search_service.searches.margin_pool", "0.1"]

    def begun(stage: str, count: int) -> bool:
        if stage == "portfolio":
            return len(desk.trials(job_id)) >= count
        return evaluated(desk, job_id).count(stage) >= count

    for stage, count in (("rung 75", 2), ("portfolio", 2), ("heat 1", 2), ("round 2", 1)):
        controller = start(command)
        desk.wait(lambda: begun(stage, count), stage)  # noqa: B023 - waits within the loop
        assert controller.end(signal.SIGKILL) == -signal.SIGKILL
        assert desk.job(job_id).state == "running"
    start(command)
    killed = desk.wait_for(job_id)
    assert (killed.state, killed.error) == ("succeeded", None)
    straight = desk.wait_for(desk.submit(request))
    assert desk.trials(killed.id) == desk.trials(straight.id)
    first, second = (result_of(job)["winners"][0] for job in (killed, straight))
    assert first | {"version": None} == second | {"version": None}


def evaluated(desk: Desk, job_id: str) -> list[str]:
    with desk.reading() as session:
        query = select(Evaluation.stage).where(Evaluation.job_id == job_id)
        return list(session.scalars(query))
