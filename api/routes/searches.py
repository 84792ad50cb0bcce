"""``/v1/searches``: what a search has beside the life of a job: trials, their publication, ask and tell."""

from fastapi import APIRouter, Response, status

from api.dependencies import (
    AfterNumber,
    JobId,
    Limit,
    ReadSession,
    ServiceParts,
    TrialNumber,
    WriteSession,
)
from api.overview_schemas import AnswerView
from api.schemas import Items, JobView, LossView, NumberedPage, TrialView
from api.trial_schemas import (
    Asked,
    HandedOutView,
    Prolonged,
    Reported,
    StageView,
    Told,
    TrialDetail,
)
from search_service.jobs import lifecycle
from search_service.searches import admission, extension, publication
from search_service.searches.extension import ExtensionRequest
from search_service.searches.external import trials as external
from search_service.searches.external.requests import (
    AskRequest,
    HeartbeatRequest,
    ReportRequest,
    TellRequest,
)
from search_service.searches.labels import label_of, parameters_of
from search_service.searches.request import PublicationRequest, SearchRequest
from search_service.searches.space import SearchSpace, space_of
from search_service.store.states import FINAL
from search_service.store.tables import Evaluation, Trial

router = APIRouter(prefix="/searches", tags=["searches"])


@router.get("/{job_id}/trials", operation_id="list_search_trials")
def list_trials(
    job_id: JobId, session: ReadSession, after: AfterNumber = None, limit: Limit = 100
) -> NumberedPage[TrialView]:
    """The candidates that are scored, by number."""
    job = lifecycle.get(session, "search", job_id)
    space = space_of(SearchRequest.model_validate(job.request))
    trials = admission.trials(session, job_id, after, limit)
    following = trials[-1].number if len(trials) == limit else None
    return NumberedPage(items=[_trial_view(space, trial) for trial in trials], next=following)


@router.get("/{job_id}/trials/{number}", operation_id="read_search_trial")
def read_trial(job_id: JobId, number: TrialNumber, session: ReadSession) -> TrialDetail:
    """One candidate with its training loss, its rungs on the way, and its part in the race."""
    job = lifecycle.get(session, "search", job_id)
    space = space_of(SearchRequest.model_validate(job.request))
    trial, others = admission.trial(session, job_id, number)
    return TrialDetail(
        **_trial_view(space, trial).model_dump(),
        curve=[(step, loss) for step, loss in trial.curve or ()],
        scales=trial.scales,
        hold_out=trial.hold_out,
        evaluations=[_stage_view(other) for other in others],
    )


@router.get("/{job_id}/answers", operation_id="read_search_answers")
def read_answers(job_id: JobId, session: ReadSession) -> Items[AnswerView]:
    """What a search answers, one for each of its metrics: the loss to use, and how sure that is.

    A search that has not succeeded has none.
    """
    job = lifecycle.get(session, "search", job_id)
    winners = (job.result or {}).get("winners", ())
    return Items(items=[AnswerView.of(winner) for winner in winners])


def _trial_view(space: SearchSpace, trial: Trial) -> TrialView:
    view = TrialView.model_validate(trial)
    told = {"label": label_of(space, trial.theta), "parameters": parameters_of(space, trial.theta)}
    return view.model_copy(update=told)


def _stage_view(evaluation: Evaluation) -> StageView:
    told = {name: evaluation.outcome.get(name) for name in ("score", "error", "seconds")}
    return StageView(stage=evaluation.stage, finished_at=evaluation.finished_at, **told)


@router.post(
    "/{job_id}/publish", status_code=status.HTTP_201_CREATED, operation_id="publish_search_trial"
)
def publish_trial(
    job_id: JobId, request: PublicationRequest, session: WriteSession, response: Response
) -> LossView:
    """Publish a trial of a search that is over; the same trial and name give the same version."""
    loss = publication.publish(session, job_id, request)
    response.headers["Location"] = f"/v1/losses/{loss.name}?version={loss.version}"
    return LossView.model_validate(loss)


@router.post("/{job_id}/extend", operation_id="extend_search")
def extend_search(
    job_id: JobId, request: ExtensionRequest, session: WriteSession, parts: ServiceParts
) -> JobView:
    """Let a search that has succeeded go on with more trials, as if they had been asked for at once."""
    return JobView.model_validate(extension.extend(session, parts.settings, job_id, request))


@router.post("/{job_id}/ask", operation_id="ask_search")
def ask_for_trials(job_id: JobId, request: AskRequest, session: WriteSession) -> Asked:
    """Hand out trials of a search with trainer `external`; each is the worker's until its lease lapses."""
    job, held = external.ask(session, job_id, request)
    search = SearchRequest.model_validate(job.request)
    items = [
        HandedOutView(
            lease=lease.id,
            lapses_at=lease.lapses_at,
            stage=assignment.stage,
            number=assignment.number,
            seed=assignment.seed,
            rate=assignment.rate,
            loss=assignment.loss,
        )
        for assignment, lease in held
    ]
    return Asked(
        state=JobView.model_validate(job).state,
        over=job.state in FINAL,
        items=items,
        metric=search.metric,
        num_classes=search.classes,
        facts=search.facts,
    )


@router.post("/{job_id}/heartbeat", operation_id="prolong_search_lease")
def prolong_lease(job_id: JobId, request: HeartbeatRequest, session: WriteSession) -> Prolonged:
    """Say that a trial is still being trained, so that it is not handed out again."""
    return Prolonged(lapses_at=external.heartbeat(session, job_id, request))


@router.post("/{job_id}/report", operation_id="report_search_trial")
def report_trial(job_id: JobId, request: ReportRequest, session: WriteSession) -> Reported:
    """Tell how a trial does on the way; the answer says whether it is over as one of the worst."""
    return Reported(stop=external.report(session, job_id, request))


@router.post("/{job_id}/tell", operation_id="tell_search_trial")
def tell_trial(job_id: JobId, request: TellRequest, session: WriteSession) -> Told:
    """Tell what became of a trial: its score, or why it failed; the same again is taken once."""
    return Told(ending=external.tell(session, job_id, request))
