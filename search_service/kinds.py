"""Every kind of job, one row each: controller, routes, command line and page read them here.

What admits and runs a job is imported when it is asked for: a client of the service has no database,
and the API loads no torch.
"""

from typing import TYPE_CHECKING, Any

from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.result import ComparisonOutcome
from search_service.jobs.kind import Admission, Kind
from search_service.loss_networks.request import LossNetworkRequest
from search_service.loss_networks.result import LossNetworkOutcome
from search_service.registrations.request import RegistrationRequest
from search_service.registrations.result import RegistrationOutcome
from search_service.retrainings.request import RetrainingRequest
from search_service.retrainings.result import RetrainingOutcome
from search_service.searches.request import SearchRequest
from search_service.searches.result import SearchOutcome
from surrogate_zoo.registry import Registry

if TYPE_CHECKING:
    from search_service.jobs.run import Run


def _admit_search() -> Admission[SearchRequest]:
    from search_service.searches import admission

    return admission


def _run_search(run: "Run") -> None:
    from search_service.searches.search import run as run_job

    run_job(run)


def _admit_retraining() -> Admission[RetrainingRequest]:
    from search_service.retrainings import admission

    return admission


def _run_retraining(run: "Run") -> None:
    from search_service.retrainings.retraining import run as run_job

    run_job(run)


def _admit_comparison() -> Admission[ComparisonRequest]:
    from search_service.comparisons import admission

    return admission


def _run_comparison(run: "Run") -> None:
    from search_service.comparisons.comparison import run as run_job

    run_job(run)


def _admit_loss_network() -> Admission[LossNetworkRequest]:
    from search_service.loss_networks import admission

    return admission


def _run_loss_network(run: "Run") -> None:
    from search_service.loss_networks.training import run as run_job

    run_job(run)


def _admit_registration() -> Admission[RegistrationRequest]:
    from search_service.registrations import admission

    return admission


def _run_registration(run: "Run") -> None:
    from search_service.registrations.registration import run as run_job

    run_job(run)


KINDS: Registry[Kind[Any]] = Registry(
    "kind of job",
    [
        Kind(
            "search",
            "searches",
            "Search",
            SearchRequest,
            SearchOutcome,
            _admit_search,
            _run_search,
        ),
        Kind(
            "retraining",
            "retrainings",
            "Retraining",
            RetrainingRequest,
            RetrainingOutcome,
            _admit_retraining,
            _run_retraining,
        ),
        Kind(
            "comparison",
            "comparisons",
            "Comparison",
            ComparisonRequest,
            ComparisonOutcome,
            _admit_comparison,
            _run_comparison,
        ),
        Kind(
            "loss-network",
            "loss-networks",
            "Loss network",
            LossNetworkRequest,
            LossNetworkOutcome,
            _admit_loss_network,
            _run_loss_network,
        ),
        Kind(
            "registration",
            "registrations",
            "Registration",
            RegistrationRequest,
            RegistrationOutcome,
            _admit_registration,
            _run_registration,
        ),
    ],
)
"""Kind's name -> its row."""
