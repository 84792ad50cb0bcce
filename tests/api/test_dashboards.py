"""What ``deploy`` asks of Prometheus: well-formed, and of what ``/metrics`` has."""

import json
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from search_service.kinds import KINDS
from search_service.metering import Meter
from search_service.reporting import write
from search_service.store.lease import hold_lease
from search_service.store.states import STATES, WorkerState
from tests.api.conftest import Live
from tests.api.routes.test_searches import submit
from tests.conftest import CHECKOUT
from tests.deploy.promql import Selector, selectors_of
from workers.tasks.failures import FAILURES

DEPLOY = CHECKOUT / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "lossfit.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
SCRAPE = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())

EXPRESSIONS = [
    *((panel["title"], query["expr"]) for panel in PANELS for query in panel["targets"]),
    *((alert["alert"], alert["expr"]) for alert in ALERTS),
]
OF_PROMETHEUS: dict[str, set[str]] = {"up": {"job", "instance"}}
"""What Prometheus itself has of every service that it asks."""

VALUES: dict[tuple[str, str], set[str]] = {
    ("lossfit_jobs", "state"): set(STATES),
    ("lossfit_workers", "state"): set(get_args(WorkerState)),
    ("lossfit_trainings_total", "ending"): {"trained", "stopped", "rejected", "failed"},
    ("lossfit_trainings_total", "failure"): {*FAILURES, ""},
}
"""(metric, label) -> all that it can be, where a query names one."""


def exported(live: Live) -> dict[str, set[str]]:
    """Name of each sample of a service that has done one of everything -> its labels."""
    submit(live)
    meter = Meter()
    for kind in KINDS:
        meter.trainings.labels(kind, "trained", "").inc()
        meter.seconds.labels(kind).observe(1)
        meter.runs.labels(kind, "done").inc()
    meter.proposals.observe(1)
    with hold_lease(live.sessions.kw["bind"]) as lease:
        write(lease.term, live.sessions, [], meter)
        text = live.http.get("/metrics").text
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_dashboard_and_the_alerts_ask_for_what_is_exported(live: Live) -> None:
    there = exported(live) | OF_PROMETHEUS
    told = {"job", "instance"}  # Prometheus adds these to every sample
    asked: list[Selector] = []
    for title, expression in EXPRESSIONS:
        for selector in selectors_of(expression):
            assert selector.metric in there, title
            assert selector.labels <= there[selector.metric] | told, title
            grows = selector.metric.endswith(("_total", "_bucket", "_sum", "_count"))
            assert grows == (selector.function in ("rate", "increase")), title
            asked.append(selector)
    ours = {name for name in there if name.startswith("lossfit_") and not name.endswith("_created")}
    families = {
        name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in ours
    }
    shown = {each.metric.removesuffix("_bucket").removesuffix("_sum") for each in asked}
    assert shown - {"up"} == families, "every metric is on the dashboard"


def test_a_value_that_is_asked_for_can_be() -> None:
    named = [
        (selector.metric, label, value)
        for _, expression in EXPRESSIONS
        for selector in selectors_of(expression)
        for label, value in selector.values.items()
        if label not in ("job", "status")
    ]
    assert named
    for metric, label, value in named:
        assert set(value.split("|")) <= VALUES[metric, label]


@pytest.mark.parametrize(
    "wrong",
    [
        "sum(rate(lossfit_runs_total[5m])",
        "sum(lossfit_runs_total[5m])",
        "rate(lossfit_runs_total)",
        "histogram_quantile(0.5, rate(lossfit_training_seconds_bucket[5m]))",
        'lossfit_jobs{state="queued}',
        "lossfit_jobs lossfit_runs_total",
        "summ(lossfit_jobs)",
    ],
)
def test_an_expression_that_is_wrong_would_be_found(wrong: str) -> None:
    with pytest.raises(ValueError, match="lossfit_"):
        selectors_of(wrong)


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert DASHBOARD["uid"]
    assert "id" not in DASHBOARD  # it would be the one of another Grafana
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert names == {"datasource", "job"}
    for panel in PANELS:
        assert panel["description"]
        sources = [panel["datasource"], *(query["datasource"] for query in panel["targets"])]
        assert all(source["uid"] == "${datasource}" for source in sources)
        assert all('job=~"$job"' in query["expr"] for query in panel["targets"])
    places = {
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }
    area = sum(p["gridPos"]["w"] * p["gridPos"]["h"] for p in DASHBOARD["panels"])
    assert len(places) == area, "panels lie on each other"
    assert {x for x, _ in places} == set(range(24))


def test_an_alert_says_what_to_do() -> None:
    for alert in ALERTS:
        assert alert["labels"]["severity"] in ("warning", "critical")
        assert {"summary", "what_to_do"} == set(alert["annotations"])
    (scrape,) = SCRAPE["scrape_configs"]
    assert scrape["job_name"] == "lossfit"  # which an alert names
    assert scrape["metrics_path"] == "/metrics"
    assert SCRAPE["rule_files"] == ["alerts.yml"]
